#include "runtime/engines/vision/languages.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"

namespace intelligenced {
namespace {

struct Name {
  std::string_view tag;
  std::string_view tesseract;
};

// Tags with a script before those without.
constexpr Name kNames[] = {
    {"zh-hant", "chi_tra"},  {"zh-tw", "chi_tra"}, {"zh-hk", "chi_tra"},    {"zh", "chi_sim"},
    {"sr-latn", "srp_latn"}, {"sr", "srp"},        {"az-cyrl", "aze_cyrl"}, {"az", "aze"},
    {"uz-cyrl", "uzb_cyrl"}, {"uz", "uzb"},        {"af", "afr"},           {"am", "amh"},
    {"ar", "ara"},           {"be", "bel"},        {"bg", "bul"},           {"bn", "ben"},
    {"bs", "bos"},           {"ca", "cat"},        {"cs", "ces"},           {"cy", "cym"},
    {"da", "dan"},           {"de", "deu"},        {"el", "ell"},           {"en", "eng"},
    {"eo", "epo"},           {"es", "spa"},        {"et", "est"},           {"eu", "eus"},
    {"fa", "fas"},           {"fi", "fin"},        {"fr", "fra"},           {"ga", "gle"},
    {"gl", "glg"},           {"gu", "guj"},        {"he", "heb"},           {"hi", "hin"},
    {"hr", "hrv"},           {"hu", "hun"},        {"hy", "hye"},           {"id", "ind"},
    {"is", "isl"},           {"it", "ita"},        {"ja", "jpn"},           {"ka", "kat"},
    {"kk", "kaz"},           {"km", "khm"},        {"kn", "kan"},           {"ko", "kor"},
    {"la", "lat"},           {"lb", "ltz"},        {"lo", "lao"},           {"lt", "lit"},
    {"lv", "lav"},           {"mk", "mkd"},        {"ml", "mal"},           {"mn", "mon"},
    {"mr", "mar"},           {"ms", "msa"},        {"mt", "mlt"},           {"my", "mya"},
    {"nb", "nor"},           {"ne", "nep"},        {"nl", "nld"},           {"nn", "nor"},
    {"no", "nor"},           {"pa", "pan"},        {"pl", "pol"},           {"pt", "por"},
    {"ro", "ron"},           {"ru", "rus"},        {"sa", "san"},           {"sk", "slk"},
    {"sl", "slv"},           {"sq", "sqi"},        {"sv", "swe"},           {"sw", "swa"},
    {"ta", "tam"},           {"te", "tel"},        {"th", "tha"},           {"tr", "tur"},
    {"uk", "ukr"},           {"ur", "urd"},        {"vi", "vie"},           {"yi", "yid"},
};

}  // namespace

std::string TesseractLanguage(std::string_view bcp47) {
  const std::string tag = absl::AsciiStrToLower(bcp47);
  for (const Name& name : kNames) {
    if (tag.starts_with(name.tag) &&
        (tag.size() == name.tag.size() || tag[name.tag.size()] == '-')) {
      return std::string(name.tesseract);
    }
  }
  const std::string primary = tag.substr(0, tag.find('-'));
  const bool letters = std::all_of(primary.begin(), primary.end(), absl::ascii_isalpha);
  return primary.size() == 3 && letters ? primary : "";
}

std::string LanguageTag(std::string_view tesseract) {
  if (tesseract == "chi_sim") return "zh-Hans";
  if (tesseract == "chi_tra") return "zh-Hant";
  if (tesseract == "srp_latn") return "sr-Latn";
  for (const Name& name : kNames) {
    if (name.tesseract == tesseract) return std::string(name.tag);
  }
  return std::string(tesseract);
}

}  // namespace intelligenced
