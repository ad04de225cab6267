#include "services/translation/unit_tree.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"
#include "services/translation/answer_guard.h"
#include "services/translation/segment_check.h"

namespace intelligenced {

namespace engine_proto = ::intelligence::engine::v1;

namespace {

// The place of the first span that begins at `start` or behind.
size_t FirstKept(const std::vector<KeptSpan>& kept, size_t start) {
  return static_cast<size_t>(
      std::lower_bound(kept.begin(), kept.end(), start,
                       [](const KeptSpan& span, size_t offset) { return span.start < offset; }) -
      kept.begin());
}

// Where the text is best cut in two: behind a sign between clauses in its middle half, else between
// two words, as near to the middle as can be, and in no kept span. 0: nowhere.
size_t MiddleOf(const KeptText& text) {
  const std::string_view bytes = text.text;
  const size_t middle = bytes.size() / 2;
  const auto distance = [&](size_t place) {
    return place > middle ? place - middle : middle - place;
  };
  size_t clause = 0, word = 0;
  size_t kept = 0;
  for (size_t i = 1; i < bytes.size(); ++i) {
    while (kept < text.kept.size() && text.kept[kept].end <= i) ++kept;
    const bool inside = kept < text.kept.size() && text.kept[kept].start < i;
    if (inside || bytes[i] != ' ' || distance(i) > bytes.size() / 4) continue;
    if (word == 0 || distance(i) < distance(word)) word = i;
    constexpr std::string_view kSigns = ",;:)";
    if (kSigns.find(bytes[i - 1]) == std::string_view::npos) continue;
    if (clause == 0 || distance(i) < distance(clause)) clause = i;
  }
  return clause != 0 ? clause : word;
}

}  // namespace

// A piece of a node: copied, or a node of its own.
struct UnitTree::Part {
  std::string glue;
  std::unique_ptr<Node> child;
  // Which of the node's kept spans this part has, in their order; in the glue at `offsets`.
  std::vector<size_t> kept;
  std::vector<size_t> offsets;
};

struct UnitTree::Node : Unit {
  Node* parent = nullptr;
  std::vector<Part> parts;
  size_t open_children = 0;
  bool finished = false;
  // Because of an answer that was none, or part of such.
  bool halved = false;
  TranslatedText result;
};

UnitTree::UnitTree(KeptText text, const std::vector<StepLimits>* steps) : steps_(*steps) {
  root_ = std::make_unique<Node>();
  root_->tree = this;
  root_->text = std::move(text);
  Prepare(root_.get());
}

UnitTree::~UnitTree() = default;

std::vector<Unit*> UnitTree::TakeReady() { return std::exchange(ready_, {}); }

bool UnitTree::done() const { return root_->finished; }

TranslatedText UnitTree::TakeResult() { return std::move(root_->result); }

void UnitTree::Prepare(Node* node) {
  const StepLimits& limits = steps_[node->step];
  if (!HasWords(node->text)) {
    // What a step leaves may be spans and signs alone.
    TranslatedText same = {
        .text = node->text.text, .kept = {}, .untranslated = {}, .truncated = {}};
    for (const KeptSpan& span : node->text.kept) same.kept.push_back({span.start, span.end});
    return Finish(node, std::move(same));
  }
  const size_t max_bytes = std::max(limits.max_bytes, kMinUnitBytes);
  if (limits.sentences && CutAtSentences(node, max_bytes, true)) return;
  if (node->text.text.size() > max_bytes && CutAtSentences(node, max_bytes, false)) return;
  ready_.push_back(node);
}

void UnitTree::OnAnswer(Unit* unit, const engine_proto::TranslatedSegment& answer) {
  auto* node = static_cast<Node*>(unit);
  std::optional<TranslatedText> translation = CheckTranslation(node->text, answer);
  if (!translation.has_value() && !node->text.kept.empty()) return CutAtKept(node);
  const bool wrong =
      !translation.has_value() || FindFault(node->text, *translation) != AnswerFault::kNone;
  // A model that lost its way in a sentence may find it in the parts.
  if ((wrong || !translation->truncated.empty()) && CutInTwo(node)) return;
  if (!wrong) {
    // An engine that knows which words it does not know tells them itself.
    if (translation->untranslated.empty()) {
      translation->untranslated = FindCopied(node->text, *translation);
    }
    return Advance(node, *std::move(translation));
  }
  if (!node->text.kept.empty()) return CutAtKept(node);
  // Better the source than nothing.
  const size_t size = node->text.text.size();
  Finish(node, {.text = node->text.text, .kept = {}, .untranslated = {{0, size}}, .truncated = {}});
}

bool UnitTree::OnTooLong(Unit* unit) {
  auto* node = static_cast<Node*>(unit);
  const size_t size = node->text.text.size();
  if (size < 2 * kMinUnitBytes) return false;
  return CutAtSentences(node, size / 2, false);
}

bool UnitTree::CutAtSentences(Node* node, size_t max_bytes, bool one_each) {
  const KeptText& text = node->text;
  std::vector<size_t> ends;
  size_t kept = 0;
  size_t start = 0;
  for (const ByteSpan& sentence : SplitSentences(text.text, max_bytes)) {
    while (kept < text.kept.size() && text.kept[kept].end <= sentence.end) ++kept;
    const bool inside = kept < text.kept.size() && text.kept[kept].start < sentence.end;
    if (inside) continue;
    // Sentences that fit together stay together where the model takes any text.
    if (!one_each && !ends.empty() && sentence.end - start <= max_bytes) {
      ends.back() = sentence.end;
      continue;
    }
    start = ends.empty() ? 0 : ends.back();
    ends.push_back(sentence.end);
  }
  if (ends.empty() || ends.back() != text.text.size()) ends.push_back(text.text.size());
  if (ends.size() < 2) return false;
  start = 0;
  for (const size_t end : ends) {
    AddChild(node, start, end);
    start = end;
  }
  StartChildren(node);
  return true;
}

bool UnitTree::CutInTwo(Node* node) {
  const size_t size = node->text.text.size();
  if (node->halved || size < kMinHalvedBytes) return false;
  const size_t middle = MiddleOf(node->text);
  if (middle == 0) return false;
  node->halved = true;
  AddChild(node, 0, middle);
  AddChild(node, middle, size);
  StartChildren(node);
  return true;
}

void UnitTree::CutAtKept(Node* node) {
  size_t start = 0;
  for (const KeptSpan& span : node->text.kept) {
    AddChild(node, start, span.start);
    AddGlue(node, span.start, span.end);
    start = span.end;
  }
  AddChild(node, start, node->text.text.size());
  StartChildren(node);
}

void UnitTree::AddGlue(Node* node, size_t start, size_t end) {
  if (start == end) return;
  Part part;
  part.glue = node->text.text.substr(start, end - start);
  const std::vector<KeptSpan>& kept = node->text.kept;
  for (size_t i = FirstKept(kept, start); i < kept.size() && kept[i].start < end; ++i) {
    part.kept.push_back(i);
    part.offsets.push_back(kept[i].start - start);
  }
  node->parts.push_back(std::move(part));
}

// White space around it is glue, and so is what has no words.
void UnitTree::AddChild(Node* node, size_t start, size_t end) {
  const std::vector<KeptSpan>& kept = node->text.kept;
  const size_t first = FirstKept(kept, start);
  size_t last = first;
  while (last < kept.size() && kept[last].start < end) ++last;
  ByteSpan body = TrimSpan(node->text.text, {start, end});
  if (last > first) {
    body.start = std::min(body.start, kept[first].start);
    body.end = std::max(body.end, kept[last - 1].end);
  }
  auto child = std::make_unique<Node>();
  child->text.text = std::string(body.In(node->text.text));
  for (size_t i = first; i < last; ++i) {
    child->text.kept.push_back(
        {kept[i].start - body.start, kept[i].end - body.start, kept[i].word});
  }
  if (!HasWords(child->text)) return AddGlue(node, start, end);
  AddGlue(node, start, body.start);
  Part part;
  for (size_t i = first; i < last; ++i) part.kept.push_back(i);
  child->tree = this;
  child->step = node->step;
  child->halved = node->halved;
  child->parent = node;
  part.child = std::move(child);
  node->parts.push_back(std::move(part));
  AddGlue(node, body.end, end);
}

void UnitTree::StartChildren(Node* node) {
  std::vector<Node*> children;
  for (const Part& part : node->parts) {
    if (part.child != nullptr) children.push_back(part.child.get());
  }
  // One more, so that the node does not finish while its children are being prepared.
  node->open_children = children.size() + 1;
  // A child that is no smaller than its node must not be cut again as its node was.
  for (Node* child : children) {
    if (child->text.text.size() < node->text.text.size()) {
      Prepare(child);
    } else {
      ready_.push_back(child);
    }
  }
  if (--node->open_children == 0) Finish(node, {});
}

void UnitTree::Advance(Node* node, TranslatedText translation) {
  if (node->step + 1 == steps_.size()) return Finish(node, std::move(translation));
  // The spans go on in the order in which they stand now. Which of them was which is of no more
  // use: they are in place.
  KeptText next;
  next.text = std::move(translation.text);
  std::vector<size_t> order(translation.kept.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return translation.kept[a].start < translation.kept[b].start;
  });
  for (const size_t i : order) {
    next.kept.push_back(
        {translation.kept[i].start, translation.kept[i].end, node->text.kept[i].word});
  }
  node->text = std::move(next);
  node->losses = 0;
  node->alone = false;
  node->halved = false;
  ++node->step;
  Prepare(node);
}

void UnitTree::Finish(Node* node, TranslatedText translation) {
  if (!node->parts.empty()) {
    translation = {};
    translation.kept.resize(node->text.kept.size());
    for (Part& part : node->parts) {
      const size_t base = translation.text.size();
      if (part.child == nullptr) {
        for (size_t i = 0; i < part.kept.size(); ++i) {
          const KeptSpan& span = node->text.kept[part.kept[i]];
          const size_t start = base + part.offsets[i];
          translation.kept[part.kept[i]] = {start, start + (span.end - span.start)};
        }
        translation.text += part.glue;
        continue;
      }
      TranslatedText& piece = part.child->result;
      for (size_t i = 0; i < part.kept.size(); ++i) {
        translation.kept[part.kept[i]] = {base + piece.kept[i].start, base + piece.kept[i].end};
      }
      for (const ByteSpan& span : piece.untranslated) {
        translation.untranslated.push_back({base + span.start, base + span.end});
      }
      for (const ByteSpan& span : piece.truncated) {
        translation.truncated.push_back({base + span.start, base + span.end});
      }
      translation.text += piece.text;
    }
    node->parts.clear();
  }
  node->result = std::move(translation);
  node->finished = true;
  Node* const parent = node->parent;
  // Frees the children of the parent: the node is gone after this.
  if (parent != nullptr && --parent->open_children == 0) Finish(parent, {});
}

}  // namespace intelligenced
