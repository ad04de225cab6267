#include "runtime/engines/apertium/mode_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr size_t kMaxBytes = 64 << 10;
constexpr size_t kMaxPrograms = 64;
constexpr size_t kMaxArguments = 64;

absl::Status Refused(std::string_view what) {
  return MakeError(Reason::kModelLoadFailed, absl::StrCat("The mode file holds ", what, "."));
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view generation)
      : text_(text), generation_(generation) {}

  absl::StatusOr<Mode> Read() {
    mode_.programs.emplace_back();
    while (position_ < text_.size()) {
      if (absl::Status status = Next(); !status.ok()) return status;
    }
    EndWord();
    if (absl::Status status = EndProgram(); !status.ok()) return status;
    if (mode_.generator == 0) return Refused("no program with the parameter $1 behind another");
    return std::move(mode_);
  }

 private:
  absl::Status Next() {
    const char c = text_[position_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++position_;
      EndWord();
      // What follows the last line would be a command of its own.
      const bool more = text_.find_first_not_of(" \t\r\n", position_) != std::string_view::npos;
      if (c == '\n' && more) return Refused("more than one line");
      return absl::OkStatus();
    }
    if (c == '|') {
      ++position_;
      EndWord();
      if (absl::Status status = EndProgram(); !status.ok()) return status;
      if (mode_.programs.size() >= kMaxPrograms) return Refused("too many programs");
      mode_.programs.emplace_back();
      return absl::OkStatus();
    }
    if (c == '\'') return SingleQuoted();
    if (c == '"') return DoubleQuoted();
    if (c == '$') return Parameter();
    if (c == '\\') {
      if (position_ + 1 >= text_.size()) return Refused("a backslash at its end");
      return Add(text_[position_ + 1], 2);
    }
    // All that a shell would not take literally.
    if (absl::StrContains("&;<>()`*?[]{}~!#", c)) {
      return Refused(absl::StrCat("'", std::string(1, c), "' outside quotation marks"));
    }
    return Add(c, 1);
  }

  absl::Status Add(char c, size_t step) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return Refused("a control character");
    word_ += c;
    in_word_ = true;
    position_ += step;
    return absl::OkStatus();
  }

  absl::Status SingleQuoted() {
    const size_t end = text_.find('\'', position_ + 1);
    if (end == std::string_view::npos) return Refused("a quotation mark that is not closed");
    const std::string_view content = text_.substr(position_ + 1, end - position_ - 1);
    in_word_ = true;
    for (const char c : content) {
      if (absl::Status status = Add(c, 0); !status.ok()) return status;
    }
    position_ = end + 1;
    return absl::OkStatus();
  }

  absl::Status DoubleQuoted() {
    in_word_ = true;
    ++position_;
    while (position_ < text_.size() && text_[position_] != '"') {
      absl::Status status;
      if (text_[position_] == '$') {
        status = Parameter();
      } else if (text_[position_] == '`') {
        status = Refused("'`'");
      } else if (text_[position_] == '\\' && position_ + 1 < text_.size() &&
                 absl::StrContains("\"\\$`", text_[position_ + 1])) {
        status = Add(text_[position_ + 1], 2);
      } else {
        status = Add(text_[position_], 1);
      }
      if (!status.ok()) return status;
    }
    if (position_ >= text_.size()) return Refused("a quotation mark that is not closed");
    ++position_;
    return absl::OkStatus();
  }

  absl::Status Parameter() {
    const char which = position_ + 1 < text_.size() ? text_[position_ + 1] : '\0';
    const char after = position_ + 2 < text_.size() ? text_[position_ + 2] : ' ';
    if ((which != '1' && which != '2') || (after >= '0' && after <= '9')) {
      return Refused("a variable other than $1 and $2");
    }
    position_ += 2;
    if (which == '2') return absl::OkStatus();
    word_ += generation_;
    in_word_ = in_word_ || !generation_.empty();
    if (mode_.generator == 0) mode_.generator = mode_.programs.size() - 1;
    return absl::OkStatus();
  }

  void EndWord() {
    if (in_word_) mode_.programs.back().push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }

  absl::Status EndProgram() {
    const std::vector<std::string>& arguments = mode_.programs.back();
    if (arguments.empty()) return Refused("no program where one should be");
    if (arguments.size() > kMaxArguments) return Refused("too many arguments");
    if (!IsApertiumProgram(arguments[0])) {
      return Refused(
          absl::StrCat("\"", arguments[0].substr(0, 64), "\", which is no program of Apertium's"));
    }
    return absl::OkStatus();
  }

  const std::string_view text_;
  const std::string_view generation_;
  size_t position_ = 0;
  std::string word_;
  bool in_word_ = false;
  Mode mode_;
};

}  // namespace

bool IsApertiumProgram(std::string_view name) {
  constexpr std::string_view kFamilies[] = {"apertium-", "lt-",  "cg-",   "lrx-",
                                            "lsx-",      "rtx-", "hfst-", "divvun-"};
  return name.size() <= 64 &&
         std::any_of(std::begin(kFamilies), std::end(kFamilies),
                     [&](std::string_view family) { return absl::StartsWith(name, family); }) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

absl::StatusOr<Mode> ParseMode(std::string_view text, std::string_view generation) {
  if (text.size() > kMaxBytes) return Refused("more than 64 KiB");
  return Reader(text, generation).Read();
}

void AddNullFlush(Mode* mode) {
  constexpr std::string_view kAlways[] = {"apertium-wblank-attach", "apertium-wblank-detach"};
  for (std::vector<std::string>& arguments : mode->programs) {
    if (std::find(std::begin(kAlways), std::end(kAlways), arguments[0]) != std::end(kAlways)) {
      continue;
    }
    if (std::find(arguments.begin(), arguments.end(), "-z") != arguments.end()) continue;
    arguments.insert(arguments.begin() + 1, "-z");
  }
}

}  // namespace intelligenced
