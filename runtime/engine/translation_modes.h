// What a folder of Apertium's mode files translates. The store reads it to know what the system
// offers, the engine to know which file serves a pair. Pure but for ListTranslationModes, which
// reads a folder's names. Thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINE_TRANSLATION_MODES_H_
#define INTELLIGENCED_RUNTIME_ENGINE_TRANSLATION_MODES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace intelligenced {

// The role of the folder among a model's files (ManifestFile, ModelFile).
inline constexpr char kTranslationModesRole[] = "apertium-modes";

struct TranslationMode {
  // BCP-47: "en", "pt-BR", "ca-valencia".
  std::string source;
  std::string target;
  // The file's name without ".mode": "eng-spa".
  std::string name;

  bool operator==(const TranslationMode&) const = default;
};

// BCP-47 of one side of a mode's name: "spa" is "es", "pt_BR" is "pt-BR", "srp_Latn" is "sr-Latn",
// "cat_valencia_uni" is "ca-valencia-x-uni": what is no registered variant of the language becomes
// a private part. None for what is no language ("eco", "spa_withaverylongpart").
std::optional<std::string> LanguageOfModePart(std::string_view part);

// What "eng-spa" or "eng-spa.mode" translates. None for names of other forms: modes with a third
// part are for development ("eng-spa-morph") or of another kind ("eco-es-fr").
std::optional<TranslationMode> ParseModeName(std::string_view name);

// The modes of a folder, sorted by source and target, one for a pair: of two files that translate
// the same the one with the newer three-letter codes. Empty where there is no such folder.
std::vector<TranslationMode> ListTranslationModes(const std::string& folder);

// The mode for a pair as it is asked for. A language with parts that no mode has ("es-MX") is
// served by the mode for the language with fewer parts ("es"); one without ("pt") never by a mode
// with more ("pt-BR"). Letter case does not count. Null: none.
const TranslationMode* FindTranslationMode(const std::vector<TranslationMode>& modes,
                                           std::string_view source, std::string_view target);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINE_TRANSLATION_MODES_H_
