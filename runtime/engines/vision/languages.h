// What Tesseract calls languages, and what everybody else does. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_LANGUAGES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_LANGUAGES_H_

#include <string>
#include <string_view>

namespace intelligenced {

// "de-AT" is "deu", "zh-Hant" is "chi_tra". A tag of three letters that is not known is taken for
// one of Tesseract's own names. Empty for what can be none.
std::string TesseractLanguage(std::string_view bcp47);

// The other way: "deu" is "de". What is not known stays as it is.
std::string LanguageTag(std::string_view tesseract);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_LANGUAGES_H_
