// What people say, with what it should become, and how the resolver does on it.
#ifndef INTELLIGENCED_TESTS_SUPPORT_ACTIONS_RESOLVE_SENTENCES_H_
#define INTELLIGENCED_TESTS_SUPPORT_ACTIONS_RESOLVE_SENTENCES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "services/actions/resolve/resolver.h"

namespace intelligenced::resolve {

struct TestSentence {
  std::string text = {};
  std::string action = {};  // empty: it means nothing
  std::map<std::string, std::string> parameters = {};
};

// The sentences of a file in tests/support/actions; none where it cannot be read.
std::vector<TestSentence> ReadTestSentences(std::string_view name);

// As the files write a value: "2026-11-24T09:00", "1h30m", "milk|bread", an entity's or a case's
// id.
std::string WrittenValue(const Value& value);

// All of a candidate's parameters that way; "?" for an ambiguous one.
std::map<std::string, std::string> WrittenParameters(const Candidate& candidate);

struct ResolutionScore {
  int sentences = 0;  // that mean something
  int right_action = 0;
  int right_parameters = 0;  // of all, beside the right action
  int nothing = 0;           // that mean nothing
  int wrongly_resolved = 0;  // of those, above kRunConfidence
  std::vector<std::string> problems = {};
};
ResolutionScore ScoreSentences(const ActionIndex& index, const ResolveOptions& options,
                               const std::vector<TestSentence>& sentences);

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_TESTS_SUPPORT_ACTIONS_RESOLVE_SENTENCES_H_
