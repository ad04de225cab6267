// The models that come with the system: manifests in folders that packages fill.
#ifndef INTELLIGENCED_RUNTIME_MODELS_BUILT_IN_MODELS_H_
#define INTELLIGENCED_RUNTIME_MODELS_BUILT_IN_MODELS_H_

#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/models/manifest.h"

namespace intelligenced {

struct BuiltInModel {
  Manifest manifest;
  // Of its manifest.
  std::string path;
  // Folders whose content tells what the model can do (language pairs of Apertium's), each with its
  // FolderStamp() from before it was read. Empty for most models.
  std::vector<std::pair<std::string, std::string>> discovered_in;
  // False: those folders hold nothing, and so there is no such model.
  bool is_there = true;
};

// Those of one folder (*.json, and */model.json), sorted by file name, with the capabilities that
// are discovered. What cannot be read is left out and added to `problems`.
std::vector<BuiltInModel> ReadBuiltInModels(const std::string& directory,
                                            std::vector<std::string>* problems);

// Another one whenever an entry of the folder has come or gone. Empty: it is not there.
std::string FolderStamp(const std::string& path);

// Names in a folder, sorted. Empty with `error` set when it cannot be read.
std::vector<std::string> ListFolder(const std::string& directory, std::error_code& error);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_BUILT_IN_MODELS_H_
