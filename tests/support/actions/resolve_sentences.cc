#include "tests/support/actions/resolve_sentences.h"

#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "tests/support/paths.h"

namespace intelligenced::resolve {
namespace {

std::string Written(const std::map<std::string, std::string>& parameters) {
  return absl::StrJoin(parameters, "; ", absl::PairFormatter("="));
}

std::string WrittenDuration(absl::Duration duration) {
  std::string text;
  for (const auto& [unit, letter] :
       {std::pair(absl::Hours(1), 'h'), std::pair(absl::Minutes(1), 'm'),
        std::pair(absl::Seconds(1), 's')}) {
    const int64_t count = absl::IDivDuration(duration, unit, &duration);
    if (count > 0) absl::StrAppend(&text, count, std::string(1, letter));
  }
  return text.empty() ? "0s" : text;
}

// "90m" and "1h30m" are the same.
std::string Normalized(const std::string& written) {
  absl::Duration duration;
  if (absl::ParseDuration(written, &duration)) return WrittenDuration(duration);
  return written;
}

}  // namespace

std::vector<TestSentence> ReadTestSentences(std::string_view name) {
  std::vector<TestSentence> out;
  std::ifstream file(SourcePath(absl::StrCat("tests/support/actions/", name)));
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    TestSentence sentence{.text = columns[0]};
    if (columns[1] != "-") sentence.action = columns[1];
    for (std::string_view pair : absl::StrSplit(columns[2], "; ", absl::SkipEmpty())) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(pair, absl::MaxSplits('=', 1));
      sentence.parameters[parts.first] = Normalized(parts.second);
    }
    out.push_back(std::move(sentence));
  }
  return out;
}

std::string WrittenValue(const Value& value) {
  switch (value.kind) {
    case ValueKind::kString:
    case ValueKind::kUrl:
    case ValueKind::kFile:
    case ValueKind::kEnumeration:
      return value.text;
    case ValueKind::kEntity:
      return value.text.empty() ? absl::StrCat("\"", value.title, "\"") : value.text;
    case ValueKind::kInteger:
      return absl::StrCat(value.integer);
    case ValueKind::kNumber:
      return absl::StrCat(value.number);
    case ValueKind::kBoolean:
      return value.boolean ? "true" : "false";
    case ValueKind::kDate:
      return absl::FormatCivilTime(absl::CivilDay(value.date_time.civil));
    case ValueKind::kTime:
    case ValueKind::kDateTime:
      return value.date_time.has_time
                 ? absl::FormatCivilTime(absl::CivilMinute(value.date_time.civil))
                 : absl::FormatCivilTime(absl::CivilDay(value.date_time.civil));
    case ValueKind::kDuration:
      return WrittenDuration(value.duration);
    case ValueKind::kList: {
      std::vector<std::string> items;
      for (const Value& item : value.items) items.push_back(WrittenValue(item));
      return absl::StrJoin(items, "|");
    }
  }
  return {};
}

std::map<std::string, std::string> WrittenParameters(const Candidate& candidate) {
  std::map<std::string, std::string> out;
  for (const FilledParameter& filled : candidate.parameters) {
    out[filled.name] = WrittenValue(filled.value);
  }
  for (const Ambiguity& ambiguity : candidate.ambiguities) out[ambiguity.parameter] = "?";
  return out;
}

ResolutionScore ScoreSentences(const ActionIndex& index, const ResolveOptions& options,
                               const std::vector<TestSentence>& sentences) {
  ResolutionScore score;
  for (const TestSentence& sentence : sentences) {
    const absl::StatusOr<Resolution> resolution = Resolve(index, sentence.text, options);
    const Candidate* first =
        resolution.ok() && !resolution->candidates.empty() ? &resolution->candidates[0] : nullptr;
    const std::string found = first == nullptr
                                  ? "nothing"
                                  : absl::StrCat(first->action, " (", first->confidence, ") ",
                                                 Written(WrittenParameters(*first)));
    bool fine = true;
    if (sentence.action.empty()) {
      ++score.nothing;
      fine = first == nullptr;
      if (!fine) ++score.wrongly_resolved;
    } else {
      ++score.sentences;
      const bool action = first != nullptr && first->action == sentence.action;
      fine = action && WrittenParameters(*first) == sentence.parameters;
      if (action) ++score.right_action;
      if (fine) ++score.right_parameters;
    }
    if (!fine) {
      score.problems.push_back(absl::StrCat(sentence.text, "\n    wanted ", sentence.action, " ",
                                            Written(sentence.parameters), "\n    found  ", found));
    }
  }
  return score;
}

}  // namespace intelligenced::resolve
