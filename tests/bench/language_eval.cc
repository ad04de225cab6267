// How well languages are told, by the length of the text, against CLD2 alone in the same run: as it
// comes, and asked for its best effort.
//
// usage: language_eval [--data FILE] [--failures]
// CLD2's header uses FILE without declaring it.
// clang-format off
#include <cstdio>
#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>
// clang-format on

#include <array>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engines/text/language_detector.h"
#include "tests/support/paths.h"

namespace intelligenced {
namespace {

constexpr int kShort = 8, kMiddle = 14;
constexpr std::array<const char*, 4> kLengths = {"1 to 3 words", "short sentences",
                                                 "long sentences", "all"};

struct Line {
  std::string language;
  std::string text;
  size_t length;
};

std::vector<Line> ReadLines(const std::string& path) {
  std::vector<Line> lines;
  std::map<std::string, int> seen;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const size_t tab = line.find('\t');
    if (line.starts_with('#') || tab == std::string::npos) continue;
    const std::string language = line.substr(0, tab);
    const int place = seen[language]++;
    lines.push_back({language, line.substr(tab + 1),
                     place < kShort    ? size_t{0}
                     : place < kMiddle ? size_t{1}
                                       : size_t{2}});
  }
  return lines;
}

std::string Cld2(const std::string& text, int flags) {
  CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::Language languages[3];
  int percents[3];
  double scores[3];
  int bytes = 0;
  bool reliable = false;
  const CLD2::Language best = CLD2::ExtDetectLanguageSummary(
      text.data(), static_cast<int>(text.size()), true, &hints, flags, languages, percents, scores,
      nullptr, &bytes, &reliable);
  const std::string code = CLD2::LanguageCode(best);
  return code == "iw" ? "he" : code.substr(0, code.find('-'));
}

int Run(const std::string& path, bool failures) {
  const std::vector<Line> lines = ReadLines(path);
  if (lines.empty()) {
    std::cerr << "no sentences in " << path << "\n";
    return 1;
  }
  const LanguageDetector detector;
  const SystemClock clock;
  struct Way {
    const char* name;
    std::function<std::string(const std::string&)> detect;
  };
  const std::vector<Way> ways = {
      {"CLD2", [](const std::string& text) { return Cld2(text, 0); }},
      {"CLD2, best effort",
       [](const std::string& text) { return Cld2(text, CLD2::kCLDFlagBestEffort); }},
      {"DetectLanguage",
       [&](const std::string& text) {
         const LanguageGuesses found = detector.Detect(text, 3);
         return found.guesses.empty() ? std::string() : found.guesses[0].language;
       }},
  };
  std::array<int, 4> totals = {};
  for (const Line& line : lines) ++totals[line.length], ++totals[3];
  std::printf("%zu texts; right, per cent:\n%-20s", lines.size(), "");
  for (size_t i = 0; i < kLengths.size(); ++i) std::printf("%18s", kLengths[i]);
  std::printf("%16s\n", "µs a text");
  for (const Way& way : ways) {
    std::array<int, 4> right = {};
    std::map<std::string, int> wrong;
    const absl::Time begin = clock.Now();
    std::vector<std::string> answers;
    for (const Line& line : lines) answers.push_back(way.detect(line.text));
    const double each = absl::ToDoubleMicroseconds(clock.Now() - begin) / lines.size();
    for (size_t i = 0; i < lines.size(); ++i) {
      if (answers[i] == lines[i].language) {
        ++right[lines[i].length], ++right[3];
      } else {
        ++wrong[lines[i].language];
        if (failures && &way == &ways.back()) {
          std::printf("  %s is not %s: %s\n", answers[i].c_str(), lines[i].language.c_str(),
                      lines[i].text.c_str());
        }
      }
    }
    std::printf("%-20s", way.name);
    for (size_t i = 0; i < right.size(); ++i) std::printf("%17.1f%%", 100.0 * right[i] / totals[i]);
    std::printf("%15.1f\n", each);
    std::printf("%-20s", "  wrong by language:");
    for (const auto& [language, count] : wrong) std::printf(" %s %d", language.c_str(), count);
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace intelligenced

int main(int argc, char** argv) {
  std::string path = intelligenced::SourcePath("tests/data/languages/sentences.tsv");
  bool failures = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--failures") failures = true;
    if (argument == "--data" && i + 1 < argc) path = argv[++i];
  }
  return intelligenced::Run(path, failures);
}
