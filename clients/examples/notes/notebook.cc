#include "clients/examples/notes/notebook.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace notes {
namespace {

// What people write may hold anything, a path too; a file's name holds only this.
std::string KeyOf(std::string_view title) {
  std::string key;
  for (const char c : title) {
    if (absl::ascii_isalnum(c)) {
      key += absl::ascii_tolower(c);
    } else if (!key.empty() && key.back() != '-') {
      key += '-';
    }
    if (key.size() >= 60) break;
  }
  while (!key.empty() && key.back() == '-') key.pop_back();
  return key.empty() ? "page" : key;
}

bool IsKey(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(),
                                     [](char c) { return absl::ascii_isalnum(c) || c == '-'; });
}

}  // namespace

std::string Notebook::PathOf(const std::string& kind, const std::string& key) const {
  return absl::StrCat(folder_, "/", kind, "/", key, kind == "notes" ? ".md" : ".txt");
}

absl::StatusOr<Page> Notebook::Load(const std::string& kind, const std::string& key) const {
  if (!IsKey(key)) return absl::NotFoundError("There is no such page.");
  std::ifstream file(PathOf(kind, key));
  if (!file) return absl::NotFoundError("It is not there any more.");
  Page page{.key = key, .title = key, .lines = {}};
  std::string line;
  if (std::getline(file, line)) {
    std::string_view title = line;
    absl::ConsumePrefix(&title, "# ");
    page.title = std::string(title);
  }
  while (std::getline(file, line)) page.lines.push_back(line);
  return page;
}

absl::Status Notebook::Save(const std::string& kind, const Page& page) {
  std::error_code error;
  std::filesystem::create_directories(folder_ + "/" + kind, error);
  const std::string path = PathOf(kind, page.key);
  const std::string fresh = path + ".new";
  {
    std::ofstream file(fresh, std::ios::trunc);
    file << "# " << page.title << "\n";
    for (const std::string& line : page.lines) file << line << "\n";
    file.flush();
    if (!file)
      return absl::UnavailableError(absl::StrCat("The file ", path, " cannot be written."));
  }
  std::filesystem::rename(fresh, path, error);
  if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  return absl::OkStatus();
}

std::vector<Page> Notebook::All(const std::string& kind) const {
  absl::ReaderMutexLock lock(mutex_);
  std::vector<Page> pages;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/" + kind, error)) {
    const std::string extension = entry.path().extension();
    if (extension != ".txt" && extension != ".md") continue;
    absl::StatusOr<Page> page = Load(kind, entry.path().stem());
    if (page.ok()) pages.push_back(*std::move(page));
  }
  std::sort(pages.begin(), pages.end(),
            [](const Page& a, const Page& b) { return a.title < b.title; });
  return pages;
}

absl::StatusOr<Page> Notebook::Read(const std::string& kind, const std::string& key) const {
  absl::ReaderMutexLock lock(mutex_);
  return Load(kind, key);
}

absl::StatusOr<Page> Notebook::Create(const std::string& kind, const std::string& title,
                                      const std::vector<std::string>& lines) {
  absl::MutexLock lock(mutex_);
  Page page{.key = KeyOf(title), .title = title, .lines = lines};
  for (int i = 2; std::filesystem::exists(PathOf(kind, page.key)); ++i) {
    page.key = absl::StrCat(KeyOf(title), "-", i);
  }
  if (absl::Status status = Save(kind, page); !status.ok()) return status;
  return page;
}

absl::Status Notebook::Append(const std::string& kind, const std::string& key,
                              const std::string& line) {
  absl::MutexLock lock(mutex_);
  absl::StatusOr<Page> page = Load(kind, key);
  if (!page.ok()) return page.status();
  page->lines.push_back(line);
  return Save(kind, *page);
}

absl::StatusOr<int> Notebook::RemoveLine(const std::string& kind, const std::string& key,
                                         const std::string& line) {
  absl::MutexLock lock(mutex_);
  absl::StatusOr<Page> page = Load(kind, key);
  if (!page.ok()) return page.status();
  const auto removed = std::erase_if(page->lines, [&line](const std::string& other) {
    return absl::EqualsIgnoreCase(line, other);
  });
  if (removed > 0) {
    if (absl::Status status = Save(kind, *page); !status.ok()) return status;
  }
  return static_cast<int>(removed);
}

absl::Status Notebook::Clear(const std::string& kind, const std::string& key) {
  absl::MutexLock lock(mutex_);
  absl::StatusOr<Page> page = Load(kind, key);
  if (!page.ok()) return page.status();
  page->lines.clear();
  return Save(kind, *page);
}

absl::Status Notebook::Delete(const std::string& kind, const std::string& key) {
  absl::MutexLock lock(mutex_);
  std::error_code error;
  if (!IsKey(key) || !std::filesystem::remove(PathOf(kind, key), error)) {
    return absl::NotFoundError("It is not there any more.");
  }
  return absl::OkStatus();
}

}  // namespace notes
