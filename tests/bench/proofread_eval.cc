// How well the built-in proofreader corrects: exact corrections on sentences with errors, changes
// on sentences without, and the property that its edits are what they say.
//
// usage: proofread_eval [--data DIR] [--rules FILE]... [--fold K/N] [--failures] [--changes]
//                       [--affixes FILE] [--dictionary FILE]
//   --rules   reads these instead of the built-in rules, so that rules can be tried without a build
//   --fold    only every Nth line, those with number % N == K; "!K/N": all others
// Exits with 1 when a property does not hold.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/protected_spans.h"
#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/text/built_in_rules.h"
#include "runtime/engines/text/proofread_task.h"
#include "runtime/engines/text/proofreader.h"
#include "tests/support/paths.h"

namespace intelligenced {
namespace {

struct Options {
  std::string data = TestdataPath("text/gec");
  std::string affixes = "/usr/share/hunspell/en_US.aff";
  std::string dictionary = "/usr/share/hunspell/en_US.dic";
  std::vector<std::string> rules;
  int fold = -1, folds = 1;
  bool complement = false, failures = false, changes = false;

  bool Takes(int line) const {
    if (fold < 0) return true;
    return (line % folds == fold) != complement;
  }
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int Run(const Options& options) {
  const Lexicon lexicon = Lexicon::BuiltIn();
  std::string source;
  for (const std::string& path : options.rules) source += ReadFile(path) + "\n";
  absl::StatusOr<RuleBook> rules =
      RuleBook::Parse(source.empty() ? BuiltInProofreadingRules() : source, &lexicon);
  absl::StatusOr<std::unique_ptr<Speller>> speller =
      Speller::Load(options.affixes, options.dictionary, BuiltInKnownWords(), &lexicon);
  for (const absl::Status& status : {rules.status(), speller.status()}) {
    if (!status.ok()) {
      std::cerr << status.message() << "\n";
      return 1;
    }
  }
  const Proofreader proofreader(&lexicon, &*rules, speller->get());
  int broken = 0;
  std::map<std::string, int> types;
  std::string why;
  const auto correct = [&](const std::string& text) {
    const std::vector<ByteSpan> spans = FindProtectedSpans(text);
    const std::vector<Edit> edits = ProofreadWhole(proofreader, text, spans);
    std::string result;
    size_t done = 0;
    why.clear();
    for (const Edit& edit : edits) {
      const bool sound = edit.span.start >= done && edit.span.end <= text.size() &&
                         !OverlapsAny(spans, edit.span) && IsCharBorder(text, edit.span.start) &&
                         IsCharBorder(text, edit.span.end) && !edit.explanation.empty() &&
                         edit.span.In(text) != edit.replacement;
      if (!sound) {
        ++broken;
        std::cout << "BROKEN EDIT: " << text << "\n";
        break;
      }
      result += text.substr(done, edit.span.start - done) + edit.replacement;
      done = edit.span.end;
      absl::StrAppend(&why, "  [", edit.span.In(text), " > ", edit.replacement, "] ",
                      edit.line > 0 ? absl::StrCat("line ", edit.line) : edit.explanation, "\n");
      for (const auto type : edit.types) {
        ++types[::intelligence::engine::v1::CorrectionType_Name(type).substr(16)];
      }
    }
    return result + text.substr(done);
  };
  int wrong = 0, exact = 0, touched = 0, right = 0, changed = 0, number = 0;
  std::ifstream corrections(options.data + "/corrections_dev.tsv");
  for (std::string line; std::getline(corrections, line); ++number) {
    if (!options.Takes(number)) continue;
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    if (fields.size() != 2) continue;
    ++wrong;
    const std::string got = correct(fields[0]);
    if (got == fields[1]) {
      ++exact;
    } else {
      if (got != fields[0]) ++touched;
      if (options.failures) {
        std::cout << (got == fields[0] ? "- " : "~ ") << fields[0] << "\n  want " << fields[1];
        if (got != fields[0]) std::cout << "\n  got  " << got;
        std::cout << "\n" << why;
      }
    }
  }
  const std::map<std::string, int> on_wrong = types;
  std::ifstream correct_file(options.data + "/correct_dev.tsv");
  number = 0;
  for (std::string line; std::getline(correct_file, line); ++number) {
    if (!options.Takes(number)) continue;
    const std::string text = line.substr(0, line.find('\t'));
    ++right;
    const std::string got = correct(text);
    if (got == text) continue;
    ++changed;
    if (options.changes) std::cout << "! " << text << "\n" << why;
  }
  if (wrong == 0 || right == 0) {
    std::cerr << "No test sentences in " << options.data << "\n";
    return 1;
  }
  std::printf("corrected exactly: %d of %d (%.1f %%), changed otherwise: %d\n", exact, wrong,
              100.0 * exact / wrong, touched);
  std::printf("correct sentences changed: %d of %d (%.2f %%)\n", changed, right,
              100.0 * changed / right);
  for (const auto& [type, count] : on_wrong) std::printf("  %-15s %d\n", type.c_str(), count);
  return broken == 0 ? 0 : 1;
}

}  // namespace
}  // namespace intelligenced

int main(int argc, char** argv) {
  intelligenced::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (flag == "--data") options.data = value();
    if (flag == "--affixes") options.affixes = value();
    if (flag == "--dictionary") options.dictionary = value();
    if (flag == "--rules") options.rules.push_back(value());
    if (flag == "--failures") options.failures = true;
    if (flag == "--changes") options.changes = true;
    if (flag == "--fold") {
      std::string fold = value();
      if (!fold.empty() && fold[0] == '!') {
        options.complement = true;
        fold.erase(0, 1);
      }
      const std::pair<std::string, std::string> parts = absl::StrSplit(fold, '/');
      if (!absl::SimpleAtoi(parts.first, &options.fold) ||
          !absl::SimpleAtoi(parts.second, &options.folds) || options.folds < 1) {
        std::cerr << "--fold wants K/N\n";
        return 2;
      }
    }
  }
  return intelligenced::Run(options);
}
