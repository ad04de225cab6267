// The codes that published translation models have for languages, and BCP-47. Pure, thread-safe.
#ifndef INTELLIGENCED_RUNTIME_BASE_PUBLISHED_LANGUAGES_H_
#define INTELLIGENCED_RUNTIME_BASE_PUBLISHED_LANGUAGES_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace intelligenced {

// "spa_Latn", "spa", "es" are "es"; "fr_CA" is "fr-CA"; "cmn_Hant", "zho_Hant", "zh_tw" are
// "zh-Hant". The script is only said where a language is published in several and this is not the
// usual one. Empty for what is no code of a language.
std::string LanguageOfPublishedCode(std::string_view code);

// The same for one side of an OPUS-MT model, which may be a family: "ROMANCE" and "roa" are eight
// languages, "mul" is the hundred of M2M100; or several codes, "en+es". Empty for what is no code.
std::vector<std::string> LanguagesOfPublishedCode(std::string_view code);

// In the order of their tokens: 202 of NLLB-200, 100 of M2M100.
std::vector<std::string> Nllb200Codes();
std::vector<std::string> M2m100Codes();

// Each language, in BCP-47, with the place of its code. Of two codes for one language the second
// has its own spelling ("quy-Latn").
std::map<std::string, size_t> PlacesOfLanguages(const std::vector<std::string>& codes);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_PUBLISHED_LANGUAGES_H_
