#include "services/language_model/guided_output.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

using Json = nlohmann::ordered_json;

// A snapshot is sent when the text has grown by this part since the last one, so that all of them
// together stay within a multiple of the text.
constexpr size_t kSnapshotGrowth = 16;

// The calls in an answer. Arguments are taken as they stand, however deep they nest: reading and
// writing them again would need a stack as deep.
struct CallTexts {
  std::vector<std::string> names;
  std::vector<std::string> arguments;
  // The answer with {} in the place of all arguments.
  std::string frame;
};

CallTexts Split(std::string_view text) {
  // {"tool_calls": [{"name": …, "arguments": {…}}]}: arguments lie four deep.
  constexpr int kDepth = 4;
  CallTexts out;
  int depth = 0;
  size_t begin = 0;
  bool in_string = false;
  size_t call = 0;  // where it begins in the frame
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool inside = depth >= kDepth;
    if (!inside) out.frame += c;
    if (in_string) {
      if (c == '\\' && at + 1 < text.size()) {
        ++at;
        if (!inside) out.frame += text[at];
      }
      in_string = c != '"';
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') {
      ++depth;
      if (depth == kDepth - 1) call = out.frame.size() - 1;
      if (depth == kDepth) begin = at;
    } else if (c == '}' || c == ']') {
      if (depth-- != kDepth) continue;
      out.frame += c;
      out.arguments.emplace_back(text.substr(begin, at + 1 - begin));
      const Json named = Json::parse(out.frame.substr(call) + "}", nullptr, false);
      const bool good = named.is_object() && named.contains("name") && named["name"].is_string();
      out.names.push_back(good ? named["name"].get<std::string>() : "");
    }
  }
  return out;
}

}  // namespace

GuidedOutput::Step GuidedOutput::TakeSnapshot() {
  std::optional<std::string> snapshot = partial_.Snapshot();
  snapshot_at_ = partial_.text().size();
  if (!snapshot || *snapshot == last_snapshot_) return {};
  last_snapshot_ = *std::move(snapshot);
  return {.delta = "", .snapshot = last_snapshot_};
}

GuidedOutput::Step GuidedOutput::Append(std::string_view text) {
  if (kind_ == Kind::kSchema) {
    partial_.Append(text);
    Step step;
    if (partial_.text().size() - snapshot_at_ > partial_.text().size() / kSnapshotGrowth) {
      step = TakeSnapshot();
    }
    step.delta = text;
    return step;
  }
  text_ += text;
  if (kind_ == Kind::kText) return {.delta = std::string(text), .snapshot = ""};
  if (answer_ == Answer::kOpen) {
    const size_t first = text_.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return {};
    answer_ = text_[first] == '{' ? Answer::kCalls : Answer::kText;
    // What was held back goes first.
    if (answer_ == Answer::kText) return {.delta = text_, .snapshot = ""};
  }
  return {.delta = answer_ == Answer::kText ? std::string(text) : "", .snapshot = ""};
}

bool GuidedOutput::ReadCalls(bool cut, v1::GenerateTextCompleted& completed) const {
  const CallTexts texts = Split(text_);
  const Json answer = Json::parse(texts.frame, nullptr, false);
  if (!answer.is_object()) {
    // Cut before the first call was whole, or not ours.
    if (!cut) return false;
  } else if (!answer.contains("tool_calls") || !answer["tool_calls"].is_array()) {
    return false;
  }
  if (texts.arguments.empty() && !cut) return false;
  for (size_t i = 0; i < texts.arguments.size(); ++i) {
    if (texts.names[i].empty()) return false;
    v1::ToolCall* added = completed.add_tool_calls();
    added->set_id(absl::StrCat("call_", calls_before_ + completed.tool_calls_size()));
    added->set_name(texts.names[i]);
    added->set_arguments(texts.arguments[i]);
  }
  return true;
}

GuidedOutput::Step GuidedOutput::Finish(bool cut, v1::GenerateTextCompleted& completed) {
  if (kind_ == Kind::kSchema) {
    if (!cut) partial_.Finish();
    Step step = TakeSnapshot();
    if (last_snapshot_.empty()) step.snapshot = "null";
    completed.set_text(partial_.text());
    return step;
  }
  if (answer_ == Answer::kCalls) {
    if (ReadCalls(cut, completed)) return {};
    completed.clear_tool_calls();
    // Not from our grammar: the client sees what came.
    completed.set_text(text_);
    return {.delta = text_, .snapshot = ""};
  }
  completed.set_text(text_);
  const bool held = kind_ == Kind::kTools && answer_ == Answer::kOpen;
  return {.delta = held ? text_ : "", .snapshot = ""};
}

}  // namespace intelligenced
