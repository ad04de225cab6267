#include "services/translation/languages.h"

#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace intelligenced {
namespace {

const absl::flat_hash_map<std::string_view, std::string_view>& Names() {
  static const auto* const map =
      new absl::flat_hash_map<std::string_view, std::string_view>{{"af", "Afrikaans"},
                                                                  {"am", "Amharic"},
                                                                  {"an", "Aragonese"},
                                                                  {"ar", "Arabic"},
                                                                  {"as", "Assamese"},
                                                                  {"ast", "Asturian"},
                                                                  {"az", "Azerbaijani"},
                                                                  {"be", "Belarusian"},
                                                                  {"bg", "Bulgarian"},
                                                                  {"bn", "Bengali"},
                                                                  {"bo", "Tibetan"},
                                                                  {"br", "Breton"},
                                                                  {"bs", "Bosnian"},
                                                                  {"ca", "Catalan"},
                                                                  {"cs", "Czech"},
                                                                  {"cy", "Welsh"},
                                                                  {"da", "Danish"},
                                                                  {"de", "German"},
                                                                  {"el", "Greek"},
                                                                  {"en", "English"},
                                                                  {"eo", "Esperanto"},
                                                                  {"es", "Spanish"},
                                                                  {"et", "Estonian"},
                                                                  {"eu", "Basque"},
                                                                  {"fa", "Persian"},
                                                                  {"fi", "Finnish"},
                                                                  {"fil", "Filipino"},
                                                                  {"fo", "Faroese"},
                                                                  {"fr", "French"},
                                                                  {"fy", "Frisian"},
                                                                  {"ga", "Irish"},
                                                                  {"gd", "Scottish Gaelic"},
                                                                  {"gl", "Galician"},
                                                                  {"gu", "Gujarati"},
                                                                  {"ha", "Hausa"},
                                                                  {"he", "Hebrew"},
                                                                  {"hi", "Hindi"},
                                                                  {"hr", "Croatian"},
                                                                  {"ht", "Haitian Creole"},
                                                                  {"hu", "Hungarian"},
                                                                  {"hy", "Armenian"},
                                                                  {"id", "Indonesian"},
                                                                  {"ig", "Igbo"},
                                                                  {"is", "Icelandic"},
                                                                  {"it", "Italian"},
                                                                  {"ja", "Japanese"},
                                                                  {"jv", "Javanese"},
                                                                  {"ka", "Georgian"},
                                                                  {"kk", "Kazakh"},
                                                                  {"km", "Khmer"},
                                                                  {"kn", "Kannada"},
                                                                  {"ko", "Korean"},
                                                                  {"ku", "Kurdish"},
                                                                  {"ky", "Kyrgyz"},
                                                                  {"la", "Latin"},
                                                                  {"lb", "Luxembourgish"},
                                                                  {"lo", "Lao"},
                                                                  {"lt", "Lithuanian"},
                                                                  {"lv", "Latvian"},
                                                                  {"mg", "Malagasy"},
                                                                  {"mi", "Maori"},
                                                                  {"mk", "Macedonian"},
                                                                  {"ml", "Malayalam"},
                                                                  {"mn", "Mongolian"},
                                                                  {"mr", "Marathi"},
                                                                  {"ms", "Malay"},
                                                                  {"mt", "Maltese"},
                                                                  {"my", "Burmese"},
                                                                  {"nb", "Norwegian Bokmål"},
                                                                  {"ne", "Nepali"},
                                                                  {"nl", "Dutch"},
                                                                  {"nn", "Norwegian Nynorsk"},
                                                                  {"no", "Norwegian"},
                                                                  {"oc", "Occitan"},
                                                                  {"or", "Odia"},
                                                                  {"pa", "Punjabi"},
                                                                  {"pl", "Polish"},
                                                                  {"ps", "Pashto"},
                                                                  {"pt", "Portuguese"},
                                                                  {"qu", "Quechua"},
                                                                  {"ro", "Romanian"},
                                                                  {"ru", "Russian"},
                                                                  {"rw", "Kinyarwanda"},
                                                                  {"sa", "Sanskrit"},
                                                                  {"sc", "Sardinian"},
                                                                  {"sd", "Sindhi"},
                                                                  {"si", "Sinhala"},
                                                                  {"sk", "Slovak"},
                                                                  {"sl", "Slovenian"},
                                                                  {"sm", "Samoan"},
                                                                  {"sn", "Shona"},
                                                                  {"so", "Somali"},
                                                                  {"sq", "Albanian"},
                                                                  {"sr", "Serbian"},
                                                                  {"st", "Sotho"},
                                                                  {"su", "Sundanese"},
                                                                  {"sv", "Swedish"},
                                                                  {"sw", "Swahili"},
                                                                  {"ta", "Tamil"},
                                                                  {"te", "Telugu"},
                                                                  {"tg", "Tajik"},
                                                                  {"th", "Thai"},
                                                                  {"ti", "Tigrinya"},
                                                                  {"tk", "Turkmen"},
                                                                  {"tl", "Tagalog"},
                                                                  {"tr", "Turkish"},
                                                                  {"tt", "Tatar"},
                                                                  {"ug", "Uyghur"},
                                                                  {"uk", "Ukrainian"},
                                                                  {"ur", "Urdu"},
                                                                  {"uz", "Uzbek"},
                                                                  {"vi", "Vietnamese"},
                                                                  {"wo", "Wolof"},
                                                                  {"xh", "Xhosa"},
                                                                  {"yi", "Yiddish"},
                                                                  {"yo", "Yoruba"},
                                                                  {"zh", "Chinese"},
                                                                  {"zu", "Zulu"}};
  return *map;
}

}  // namespace

std::string NormalizeLanguage(std::string_view tag) {
  const std::string dashed = absl::StrReplaceAll(tag, {{"_", "-"}});
  std::vector<std::string> parts = absl::StrSplit(dashed, '-');
  for (size_t i = 0; i < parts.size(); ++i) {
    absl::AsciiStrToLower(&parts[i]);
    if (i == 0 || parts[i].empty()) continue;
    if (parts[i].size() == 2) absl::AsciiStrToUpper(&parts[i]);
    if (parts[i].size() == 4) parts[i][0] = absl::ascii_toupper(parts[i][0]);
  }
  std::string out = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) absl::StrAppend(&out, "-", parts[i]);
  return out;
}

std::string_view BaseLanguage(std::string_view tag) { return tag.substr(0, tag.find('-')); }

std::optional<int> LanguageDistance(std::string_view asked, std::string_view known) {
  if (asked == known) return 0;
  const auto extends = [](std::string_view longer, std::string_view shorter) {
    return longer.size() > shorter.size() && absl::StartsWith(longer, shorter) &&
           longer[shorter.size()] == '-';
  };
  if (extends(asked, known)) return 1;
  if (extends(known, asked)) return 2;
  return std::nullopt;
}

std::string LanguageName(std::string_view tag) {
  const auto found = Names().find(BaseLanguage(tag));
  if (found == Names().end()) return "";
  if (tag == "zh-Hant") return "Traditional Chinese";
  if (tag == "zh-Hans") return "Simplified Chinese";
  const std::string_view base = BaseLanguage(tag);
  if (tag.size() == base.size()) return std::string(found->second);
  return absl::StrCat(found->second, " (", tag.substr(base.size() + 1), ")");
}

}  // namespace intelligenced
