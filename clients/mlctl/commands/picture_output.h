// Where the pictures of a command go, and what is seen of them meanwhile.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_PICTURE_OUTPUT_H_
#define INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_PICTURE_OUTPUT_H_

#include <intelligence/image_generation.h>

#include <CLI/CLI.hpp>
#include <string>

#include "clients/mlctl/session.h"
#include "runtime/media/image_write.h"

namespace intelligenced::mlctl {

struct PictureOutputFlags {
  std::string output;
  std::string format_name;
  std::string show;

  // The flags write here: it must outlive the parsing.
  void AddTo(CLI::App* app);
  // What is wrong with the flags for so many pictures; empty when nothing is.
  std::string Problem(Session& session, size_t count) const;
  // --format, else what the output's name says.
  intelligence::ImageFileFormat format() const;
  std::string extension() const;
  bool shows_previews(const Session& session) const;
};

// On standard error while that is a terminal: a bar, and the picture as it becomes visible. Gone
// when it is destroyed. Not thread-safe.
class PictureProgress {
 public:
  PictureProgress(Session* session, const PictureOutputFlags& flags)
      : session_(session), flags_(flags), progress_(session) {}
  ~PictureProgress();

  // They refer to this.
  intelligence::ImageCallbacks callbacks();

 private:
  void ShowBar(const intelligence::ImageProgress& progress);
  void ShowPreview(const std::string& png);

  Session* const session_;
  const PictureOutputFlags& flags_;
  Progress progress_;
  // Of the preview above the bar.
  int rows_ = 0;
};

// Writes the files, with one of all of them where they are several, says their names (or everything
// as JSON) on standard output, and shows what a terminal can show. `stem` names the files where no
// name was asked for; `source` is how they came to be, for the file of all. Returns the exit code.
int SavePictures(Session& session, const PictureOutputFlags& flags, const std::string& stem,
                 ImageSource source, const intelligence::GenerateImageResult& result);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_PICTURE_OUTPUT_H_
