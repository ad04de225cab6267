// Notes, lists and reminders as plain files that any editor opens.
#ifndef INTELLIGENCED_CLIENTS_EXAMPLES_NOTES_NOTEBOOK_H_
#define INTELLIGENCED_CLIENTS_EXAMPLES_NOTES_NOTEBOOK_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace notes {

// A file FOLDER/KIND/KEY.txt (lists, reminders) or .md (notes).
struct Page {
  std::string key;  // letters, digits and hyphens, made of the title
  std::string title;
  std::vector<std::string> lines;
};

// Thread-safe. Errors have sentences for a person.
class Notebook {
 public:
  // The folder is made when it is needed.
  explicit Notebook(std::string folder) : folder_(std::move(folder)) {}

  // `kind` is "lists", "notes" or "reminders". By title.
  std::vector<Page> All(const std::string& kind) const;
  // NOT_FOUND when there is none.
  absl::StatusOr<Page> Read(const std::string& kind, const std::string& key) const;
  // Makes a page with a key that is free.
  absl::StatusOr<Page> Create(const std::string& kind, const std::string& title,
                              const std::vector<std::string>& lines);
  absl::Status Append(const std::string& kind, const std::string& key, const std::string& line);
  // Removes the lines that are `line` but for case; how many there were.
  absl::StatusOr<int> RemoveLine(const std::string& kind, const std::string& key,
                                 const std::string& line);
  absl::Status Clear(const std::string& kind, const std::string& key);
  absl::Status Delete(const std::string& kind, const std::string& key);

 private:
  std::string PathOf(const std::string& kind, const std::string& key) const;
  absl::StatusOr<Page> Load(const std::string& kind, const std::string& key) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status Save(const std::string& kind, const Page& page)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_;
  mutable absl::Mutex mutex_;
};

}  // namespace notes

#endif  // INTELLIGENCED_CLIENTS_EXAMPLES_NOTES_NOTEBOOK_H_
