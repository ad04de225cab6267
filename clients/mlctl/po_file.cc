#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "clients/mlctl/translatable.h"

namespace intelligenced::mlctl {
namespace {

constexpr size_t kMaxPluralForms = 16;

absl::Status Wrong(size_t line, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

// The content of a quoted string with C's escapes. None where it is none.
std::optional<std::string> Unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return std::nullopt;
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    if (++i >= text.size()) return std::nullopt;
    switch (text[i]) {
      case 'n':
        result += '\n';
        break;
      case 't':
        result += '\t';
        break;
      case 'r':
        result += '\r';
        break;
      case 'a':
        result += '\a';
        break;
      case 'b':
        result += '\b';
        break;
      case 'f':
        result += '\f';
        break;
      case 'v':
        result += '\v';
        break;
      case '"':
        result += '"';
        break;
      case '\\':
        result += '\\';
        break;
      // Octal and hexadecimal ones are bytes; messages that need them are not for translation.
      default:
        return std::nullopt;
    }
  }
  return result;
}

std::string Quote(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    switch (c) {
      case '\n':
        result += "\\n";
        break;
      case '\t':
        result += "\\t";
        break;
      case '\r':
        result += "\\r";
        break;
      case '\a':
        result += "\\a";
        break;
      case '\b':
        result += "\\b";
        break;
      case '\f':
        result += "\\f";
        break;
      case '\v':
        result += "\\v";
        break;
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      default:
        result += c;
    }
  }
  return result + "\"";
}

// "msgstr" and its value as gettext's tools write it: several lines where the text has several.
std::string Field(std::string_view keyword, std::string_view text, std::string_view line_end) {
  const size_t first = text.find('\n');
  if (first == std::string_view::npos || first + 1 == text.size()) {
    return absl::StrCat(keyword, " ", Quote(text), line_end);
  }
  std::string result = absl::StrCat(keyword, " \"\"", line_end);
  while (!text.empty()) {
    const size_t end = std::min(text.size(), text.find('\n')) + 1;
    absl::StrAppend(&result, Quote(text.substr(0, end)), line_end);
    text.remove_prefix(std::min(end, text.size()));
  }
  return result;
}

// A translation's first and last line break are the message's: gettext's checker insists.
std::string WithBreaksOf(std::string_view message, std::string_view translation) {
  absl::ConsumePrefix(&translation, "\n");
  absl::ConsumeSuffix(&translation, "\n");
  return absl::StrCat(message.size() > 1 && message.front() == '\n' ? "\n" : "", translation,
                      absl::EndsWith(message, "\n") ? "\n" : "");
}

// One message as it stands in the file.
struct Entry {
  // Up to the flags, and from them to the first msgstr; verbatim.
  std::string comments;
  std::string flags;  // the line "#, …"
  std::string body;
  // From the first msgstr on, verbatim.
  std::string translations;
  std::string rest;
  std::optional<std::string> id;
  std::optional<std::string> plural;
  size_t forms = 0;
  bool untranslated = true;
  std::string line_end = "\n";

  // Nothing but comments in front of its flags so far.
  bool in_comments() const { return flags.empty() && body.empty(); }

  bool wanted() const { return id.has_value() && !id->empty() && forms > 0 && untranslated; }
};

std::string Render(const Entry& entry, const std::string& singular, const std::string& plural,
                   const PoOptions& options) {
  std::string flags = entry.flags;
  if (options.mark_fuzzy && !absl::StrContains(flags, "fuzzy")) {
    flags = flags.empty() ? absl::StrCat("#, fuzzy", entry.line_end)
                          : absl::StrCat("#, fuzzy,", absl::StripPrefix(flags, "#,"));
  }
  std::string file = absl::StrCat(entry.comments, flags, entry.body);
  if (!entry.plural.has_value()) {
    absl::StrAppend(&file, Field("msgstr", WithBreaksOf(*entry.id, singular), entry.line_end));
  } else {
    for (size_t form = 0; form < entry.forms; ++form) {
      const std::string text =
          form == 0 ? WithBreaksOf(*entry.id, singular) : WithBreaksOf(*entry.plural, plural);
      absl::StrAppend(&file, Field(absl::StrCat("msgstr[", form, "]"), text, entry.line_end));
    }
  }
  return file + entry.rest;
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  absl::StatusOr<std::vector<Entry>> Read() {
    for (size_t position = 0; position < file_.size();) {
      const size_t end = std::min(file_.size(), file_.find('\n', position));
      const size_t after = std::min(file_.size(), end + 1);
      ++number_;
      if (absl::Status status = Line(file_.substr(position, after - position)); !status.ok()) {
        return status;
      }
      position = after;
    }
    return std::move(entries_);
  }

 private:
  absl::Status Line(std::string_view line) {
    std::string_view text = absl::StripAsciiWhitespace(line);
    if (number_ == 1) absl::ConsumePrefix(&text, "\xef\xbb\xbf");
    if (text.empty()) {
      value_ = nullptr;
      if (entries_.empty()) entries_.emplace_back();
      Entry& entry = entries_.back();
      (entry.forms > 0 ? entry.rest : entry.in_comments() ? entry.comments : entry.body) += line;
      return absl::OkStatus();
    }
    if (text[0] == '#') return Comment(text, line);
    if (text[0] == '"') {
      if (value_ == nullptr) return Wrong(number_, "a text that belongs to no message.");
      return Append(text, line);
    }
    const size_t space = std::min(text.size(), text.find_first_of(" \t\""));
    const std::string_view keyword = text.substr(0, space);
    return Keyword(keyword, absl::StripLeadingAsciiWhitespace(text.substr(space)), line);
  }

  absl::Status Comment(std::string_view text, std::string_view line) {
    value_ = nullptr;
    if (entries_.empty() || entries_.back().forms > 0) entries_.emplace_back();
    Entry& entry = entries_.back();
    if (entry.id.has_value()) return Wrong(number_, "a comment inside a message.");
    // Obsolete messages ("#~ msgid …") are comments like others.
    if (absl::StartsWith(text, "#,") && entry.in_comments()) {
      entry.flags = line;
    } else {
      (entry.in_comments() ? entry.comments : entry.body) += line;
    }
    return absl::OkStatus();
  }

  absl::Status Keyword(std::string_view keyword, std::string_view value, std::string_view line) {
    if (keyword == "msgctxt" || keyword == "msgid" || keyword == "domain") {
      const bool begins = entries_.empty() || entries_.back().forms > 0;
      if (begins) entries_.emplace_back();
      Entry& entry = entries_.back();
      if (entry.id.has_value()) return Wrong(number_, "a message without msgstr before this one.");
      if (keyword == "msgid") {
        entry.id = "";
        return Begin(&*entry.id, &entry.body, value, line);
      }
      return Begin(&ignored_, &entry.body, value, line);
    }
    if (entries_.empty() || !entries_.back().id.has_value()) {
      return Wrong(number_, "this belongs to no msgid.");
    }
    Entry& entry = entries_.back();
    entry.line_end = absl::EndsWith(line, "\r\n") ? "\r\n" : "\n";
    if (keyword == "msgid_plural" && entry.forms == 0 && !entry.plural.has_value()) {
      entry.plural = "";
      return Begin(&*entry.plural, &entry.body, value, line);
    }
    size_t form = 0;
    std::string_view number = keyword;
    if (keyword != "msgstr" &&
        !(absl::ConsumePrefix(&number, "msgstr[") && absl::ConsumeSuffix(&number, "]") &&
          absl::SimpleAtoi(number, &form))) {
      return Wrong(number_, "this is no keyword of a catalogue.");
    }
    if ((keyword != "msgstr") != entry.plural.has_value()) {
      return Wrong(number_, "msgstr and msgid_plural do not go together.");
    }
    if (form != entry.forms || form >= kMaxPluralForms) {
      return Wrong(number_, "the forms of a plural are not in order, or too many.");
    }
    ++entry.forms;
    translation_.clear();
    return Begin(&translation_, &entry.translations, value, line);
  }

  absl::Status Begin(std::string* value, std::string* place, std::string_view text,
                     std::string_view line) {
    value->clear();
    value_ = value;
    place_ = place;
    return Append(text, line);
  }

  absl::Status Append(std::string_view text, std::string_view line) {
    const std::optional<std::string> content = Unquote(text);
    Entry& entry = entries_.back();
    if (!content.has_value()) {
      // Quoted rightly, but with an escape that has no character: such a message stays.
      if (text.size() < 2 || text.front() != '"' || text.back() != '"') {
        return Wrong(number_, "a text that is not in quotation marks.");
      }
      entry.untranslated = false;
    } else {
      *value_ += *content;
    }
    if (value_ == &translation_ && !translation_.empty()) entry.untranslated = false;
    *place_ += line;
    return absl::OkStatus();
  }

  const std::string_view file_;
  size_t number_ = 0;
  std::vector<Entry> entries_;
  // The field that a further line would go on, and where it stands.
  std::string* value_ = nullptr;
  std::string* place_ = nullptr;
  std::string ignored_;
  std::string translation_;
};

}  // namespace

absl::StatusOr<Translatable> ParsePo(std::string_view file, const PoOptions& options) {
  absl::StatusOr<std::vector<Entry>> read = Reader(file).Read();
  if (!read.ok()) return read.status();
  if (!absl::StripAsciiWhitespace(file).empty() &&
      std::none_of(read->begin(), read->end(), [](const Entry& entry) {
        return entry.id.has_value() || absl::StrContains(entry.comments, "#~") ||
               absl::StrContains(entry.body, "#~");
      })) {
    return absl::InvalidArgumentError("This is no gettext catalogue: it has no messages.");
  }
  auto entries = std::make_shared<const std::vector<Entry>>(*std::move(read));
  Translatable result;
  for (const Entry& entry : *entries) {
    if (!entry.wanted()) continue;
    result.texts.push_back(*entry.id);
    if (entry.plural.has_value()) result.texts.push_back(*entry.plural);
  }
  result.render = [entries, options](const std::vector<std::string>& translations) {
    std::string text;
    size_t next = 0;
    for (const Entry& entry : *entries) {
      const size_t needed = entry.wanted() ? (entry.plural.has_value() ? 2 : 1) : 0;
      if (needed == 0 || next + needed > translations.size()) {
        absl::StrAppend(&text, entry.comments, entry.flags, entry.body, entry.translations,
                        entry.rest);
        continue;
      }
      const std::string& singular = translations[next];
      text += Render(entry, singular, translations[next + needed - 1], options);
      next += needed;
    }
    return text;
  };
  return result;
}

}  // namespace intelligenced::mlctl
