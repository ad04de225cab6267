// Names of languages. Pure.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_LANGUAGES_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_LANGUAGES_H_

#include <optional>
#include <string>
#include <string_view>

namespace intelligenced {

// In the usual case: "PT-br" and "pt_BR" are "pt-BR", "ZH-hant" is "zh-Hant".
std::string NormalizeLanguage(std::string_view tag);

// The first subtag: "pt" of "pt-BR".
std::string_view BaseLanguage(std::string_view tag);

// How far a model's language is from what was asked for: 0 the same, 1 without its region or
// script, 2 with one that was not asked for. Nothing: another language.
std::optional<int> LanguageDistance(std::string_view asked, std::string_view known);

// In English, "Portuguese (BR)" for "pt-BR"; empty for a language that is not on the list.
std::string LanguageName(std::string_view tag);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_LANGUAGES_H_
