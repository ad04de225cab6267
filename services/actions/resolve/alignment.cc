#include "services/actions/resolve/alignment.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace intelligenced::resolve {
namespace {

// What is gained and lost, for each unit of weight or each word.
constexpr double kSaid = 2.0;
constexpr double kNotSaid = 1.5;
constexpr double kUnexplained = 1.0;
constexpr double kTyped = 1.1;
constexpr double kOpenWord = 0.5;
constexpr double kLeastOpenWord = 0.15;
constexpr double kQuotedWord = 1.0;
constexpr double kEmptyPlace = 0.3;
constexpr double kFloating = 0.95;
constexpr double kSynonymQuality = 0.92;
constexpr double kLongerSynonym = 0.3;  // for each word but the first
constexpr double kPause = 0.3;
// Words that lead to an optional value which was not said are missed less.
constexpr double kForgiven = 0.8;
// How much an open word explains of the sentence: less than a word of the phrase, so that of two
// phrases the one that says more wins.
constexpr double kOpenExplains = 0.9;

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

enum class Move : uint8_t {
  kNone,
  kWords,
  kSkipElement,
  kForgive,
  kSkipWord,
  kTyped,
  kOpenWord,
  kCloseOpen
};

struct Cell {
  double score = kImpossible;
  uint64_t used = 0;  // parameters
  uint32_t from = 0;
  Move move = Move::kNone;
  uint16_t words = 0;
  uint16_t elements = 0;
  int16_t parameter = -1;
  float quality = 0;
};

class Aligner {
 public:
  Aligner(const IndexedPhrase& phrase, const std::vector<Slot>& slots, const Sentence& sentence,
          ValueReader& reader)
      : phrase_(phrase),
        slots_(slots),
        sentence_(sentence),
        reader_(reader),
        elements_(phrase.elements.size()),
        words_(sentence.words.size()),
        cells_((elements_ + 1) * (words_ + 1) * 2) {}

  PhraseAlignment Run() {
    cells_[Index(0, 0, false)].score = 0;
    for (size_t word = 0; word <= words_; ++word) {
      for (size_t element = 0; element <= elements_; ++element) {
        if (element < elements_) InsideOpen(element, word);
        Between(element, word);
      }
    }
    return Trace();
  }

 private:
  size_t Index(size_t element, size_t word, bool open) const {
    return ((word * (elements_ + 1)) + element) * 2 + (open ? 1 : 0);
  }

  void Reach(size_t from, size_t to, Cell cell) {
    if (cell.score <= cells_[to].score) return;
    cell.from = static_cast<uint32_t>(from);
    cells_[to] = cell;
  }

  bool Quoted(size_t word) const { return sentence_.words[word].quotation >= 0; }
  double OpenGain(size_t word) const {
    if (Quoted(word)) return kQuotedWord;
    return std::max(kOpenWord * sentence_.weights[word], kLeastOpenWord);
  }

  // An open parameter has taken the words before.
  void InsideOpen(size_t element, size_t word) {
    const size_t here = Index(element, word, true);
    const Cell& cell = cells_[here];
    if (cell.score == kImpossible) return;
    const bool same_quotation =
        word < words_ && Quoted(word) &&
        sentence_.words[word].quotation == sentence_.words[word - 1].quotation;
    if (!same_quotation) {
      // Of two texts in a row the first ends where the speaker paused.
      const bool next_open = element + 1 < elements_ &&
                             phrase_.elements[element + 1].parameter >= 0 &&
                             slots_[phrase_.elements[element + 1].parameter].open();
      const bool pause = next_open && sentence_.words[word - 1].pause_after;
      Reach(here, Index(element + 1, word, false),
            {.score = cell.score + (pause ? kPause : 0),
             .used = cell.used,
             .move = Move::kCloseOpen});
    }
    if (word == words_) return;
    Reach(here, Index(element, word + 1, true),
          {.score = cell.score + OpenGain(word),
           .used = cell.used,
           .move = Move::kOpenWord,
           .words = 1,
           .parameter = static_cast<int16_t>(phrase_.elements[element].parameter)});
  }

  void Between(size_t element, size_t word) {
    const size_t here = Index(element, word, false);
    const Cell cell = cells_[here];
    if (cell.score == kImpossible) return;
    if (element < elements_) Element(element, word, here, cell);
    if (word == words_) return;
    Reach(here, Index(element, word + 1, false),
          {.score = cell.score - kUnexplained * sentence_.weights[word],
           .used = cell.used,
           .move = Move::kSkipWord,
           .words = 1});
    if (Quoted(word)) return;
    for (size_t parameter = 0; parameter < slots_.size(); ++parameter) {
      if (slots_[parameter].telling()) Typed(element, 0, word, here, cell, parameter, kFloating);
    }
  }

  void Element(size_t element, size_t word, size_t here, const Cell& cell) {
    const IndexedPhrase::Element& at = phrase_.elements[element];
    if (at.parameter < 0) {
      Reach(here, Index(element + 1, word, false),
            {.score = cell.score - kNotSaid * at.weight,
             .used = cell.used,
             .move = Move::kSkipElement,
             .elements = 1});
      Forgive(element, word, here, cell);
      if (word < words_ && !Quoted(word)) Said(element, word, here, cell);
      return;
    }
    const bool used = (cell.used >> at.parameter & 1) != 0;
    Reach(here, Index(element + 1, word, false),
          {.score = cell.score - (used ? 0 : kEmptyPlace),
           .used = cell.used,
           .move = Move::kSkipElement,
           .elements = 1});
    if (used || word == words_) return;
    if (!slots_[at.parameter].open()) {
      Typed(element, 1, word, here, cell, at.parameter, 1);
      return;
    }
    Reach(here, Index(element, word + 1, true),
          {.score = cell.score + OpenGain(word),
           .used = cell.used | uint64_t{1} << at.parameter,
           .move = Move::kOpenWord,
           .words = 1,
           .parameter = static_cast<int16_t>(at.parameter)});
  }

  // Words and the optional place behind them: "saying {body}".
  void Forgive(size_t element, size_t word, size_t here, const Cell& cell) {
    size_t place = element;
    double weight = 0;
    while (place < elements_ && phrase_.elements[place].parameter < 0) {
      weight += phrase_.elements[place++].weight;
    }
    if (place == elements_ || element == 0) return;
    const int parameter = phrase_.elements[place].parameter;
    if (slots_[parameter].spec().required) return;
    Reach(here, Index(place + 1, word, false),
          {.score = cell.score - kNotSaid * (1 - kForgiven) * weight - kEmptyPlace / 2,
           .used = cell.used,
           .move = Move::kForgive,
           .elements = static_cast<uint16_t>(place + 1 - element)});
  }

  // Words of the phrase that stand in the sentence, or synonyms of them.
  void Said(size_t element, size_t word, size_t here, const Cell& cell) {
    const IndexedPhrase::Element& at = phrase_.elements[element];
    double quality = 0;
    if (sentence_.numbers[word] == at.word) {
      quality = 1;
    } else {
      for (const SimilarWord& similar : sentence_.similar[word]) {
        if (similar.word == at.word) quality = similar.likeness;
      }
    }
    auto reach = [&](size_t elements, size_t words, double how_well) {
      double weight = 0;
      for (size_t index = 0; index < elements; ++index) {
        weight += phrase_.elements[element + index].weight;
      }
      Reach(here, Index(element + elements, word + words, false),
            {.score = cell.score + kSaid * weight * how_well +
                      kLongerSynonym * static_cast<double>(words - 1),
             .used = cell.used,
             .move = Move::kWords,
             .words = static_cast<uint16_t>(words),
             .elements = static_cast<uint16_t>(elements),
             .quality = static_cast<float>(how_well)});
    };
    if (quality > 0) reach(1, 1, quality);
    if (quality == 1) return;
    for (const ConceptSpan& meant : phrase_.concepts[element]) {
      for (const ConceptSpan& said : sentence_.concepts[word]) {
        if (meant.concept_id == said.concept_id) reach(meant.words, said.words, kSynonymQuality);
      }
    }
  }

  void Typed(size_t element, size_t elements, size_t word, size_t here, const Cell& cell,
             size_t parameter, double share) {
    if ((cell.used >> parameter & 1) != 0) return;
    const std::optional<SlotMatch> match = reader_.Match(slots_[parameter], word);
    if (!match) return;
    for (size_t index = word; index < word + match->words; ++index) {
      if (Quoted(index)) return;
    }
    const double gain = kTyped * share * match->quality * static_cast<double>(match->words);
    Reach(here, Index(element + elements, word + match->words, false),
          {.score = cell.score + gain,
           .used = cell.used | uint64_t{1} << parameter,
           .move = Move::kTyped,
           .words = static_cast<uint16_t>(match->words),
           .elements = static_cast<uint16_t>(elements),
           .parameter = static_cast<int16_t>(parameter),
           .quality = static_cast<float>(match->quality)});
  }

  PhraseAlignment Trace() {
    PhraseAlignment out{.first_said = words_};
    double said = 0;
    double explained = 0;
    double total = 0;
    double forgiven = 0;
    for (const double weight : sentence_.weights) total += weight;
    size_t at = Index(elements_, words_, false);
    while (cells_[at].move != Move::kNone) {
      const Cell& cell = cells_[at];
      const size_t end = at / 2 / (elements_ + 1);
      const size_t begin = end - cell.words;
      double weight = 0;
      for (size_t word = begin; word < end; ++word) weight += sentence_.weights[word];
      if (cell.move == Move::kWords) {
        // From the end to the beginning.
        out.first_said = begin;
        const size_t last = at / 2 % (elements_ + 1);
        for (size_t element = last - cell.elements; element < last; ++element) {
          const double here = phrase_.elements[element].weight * cell.quality;
          said += here;
          out.anchor = std::max(out.anchor, here);
          if (cell.quality == 1) out.matched_weight += here;
        }
        explained += weight;
      } else if (cell.move == Move::kForgive) {
        const size_t last = at / 2 % (elements_ + 1);
        for (size_t element = last - cell.elements; element < last; ++element) {
          forgiven += kForgiven * phrase_.elements[element].weight;
        }
      } else if (cell.move == Move::kTyped) {
        explained += weight * cell.quality;
        out.pieces.push_back(
            {cell.parameter, begin, end, *reader_.Match(slots_[cell.parameter], begin)});
      } else if (cell.move == Move::kOpenWord) {
        explained += weight * kOpenExplains;
        if (!out.pieces.empty() && out.pieces.back().parameter == cell.parameter &&
            out.pieces.back().begin == end) {
          out.pieces.back().begin = begin;
        } else {
          out.pieces.push_back({cell.parameter, begin, end, {}});
        }
      }
      at = cell.from;
    }
    std::reverse(out.pieces.begin(), out.pieces.end());
    const double expected = phrase_.weight - forgiven;
    out.said = expected > 0 ? said / expected : 0;
    out.explained = total > 0 ? explained / total : 0;
    return out;
  }

  const IndexedPhrase& phrase_;
  const std::vector<Slot>& slots_;
  const Sentence& sentence_;
  ValueReader& reader_;
  const size_t elements_;
  const size_t words_;
  std::vector<Cell> cells_;
};

}  // namespace

PhraseAlignment Align(const IndexedPhrase& phrase, const std::vector<Slot>& slots,
                      const Sentence& sentence, ValueReader& reader) {
  return Aligner(phrase, slots, sentence, reader).Run();
}

}  // namespace intelligenced::resolve
