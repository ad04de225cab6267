#include "runtime/engine/translation_modes.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace intelligenced {
namespace {

struct Code {
  std::string_view three;
  std::string_view tag;
};

// ISO 639-3 to BCP-47, whose rule is the shortest code. Sorted.
constexpr Code kCodes[] = {
    {"afr", "af"}, {"ara", "ar"}, {"arg", "an"}, {"aze", "az"}, {"bak", "ba"}, {"bel", "be"},
    {"ben", "bn"}, {"bos", "bs"}, {"bre", "br"}, {"bul", "bg"}, {"cat", "ca"}, {"ces", "cs"},
    {"chv", "cv"}, {"cor", "kw"}, {"cos", "co"}, {"cym", "cy"}, {"dan", "da"}, {"deu", "de"},
    {"ell", "el"}, {"eng", "en"}, {"epo", "eo"}, {"est", "et"}, {"eus", "eu"}, {"fao", "fo"},
    {"fas", "fa"}, {"fin", "fi"}, {"fra", "fr"}, {"gla", "gd"}, {"gle", "ga"}, {"glg", "gl"},
    {"glv", "gv"}, {"guj", "gu"}, {"hau", "ha"}, {"hbs", "sh"}, {"heb", "he"}, {"hin", "hi"},
    {"hrv", "hr"}, {"hun", "hu"}, {"hye", "hy"}, {"ibo", "ig"}, {"ina", "ia"}, {"ind", "id"},
    {"isl", "is"}, {"ita", "it"}, {"jpn", "ja"}, {"kan", "kn"}, {"kat", "ka"}, {"kaz", "kk"},
    {"khm", "km"}, {"kir", "ky"}, {"kor", "ko"}, {"kur", "ku"}, {"lat", "la"}, {"lav", "lv"},
    {"lit", "lt"}, {"ltz", "lb"}, {"mal", "ml"}, {"mar", "mr"}, {"mkd", "mk"}, {"mlt", "mt"},
    {"mon", "mn"}, {"msa", "ms"}, {"mya", "my"}, {"nep", "ne"}, {"nld", "nl"}, {"nno", "nn"},
    {"nob", "nb"}, {"nor", "no"}, {"oci", "oc"}, {"ori", "or"}, {"pan", "pa"}, {"pol", "pl"},
    {"por", "pt"}, {"pus", "ps"}, {"roh", "rm"}, {"ron", "ro"}, {"rus", "ru"}, {"san", "sa"},
    {"sin", "si"}, {"slk", "sk"}, {"slv", "sl"}, {"sme", "se"}, {"som", "so"}, {"spa", "es"},
    {"sqi", "sq"}, {"srd", "sc"}, {"srp", "sr"}, {"swa", "sw"}, {"swe", "sv"}, {"tam", "ta"},
    {"tat", "tt"}, {"tel", "te"}, {"tgk", "tg"}, {"tgl", "tl"}, {"tha", "th"}, {"tuk", "tk"},
    {"tur", "tr"}, {"uig", "ug"}, {"ukr", "uk"}, {"urd", "ur"}, {"uzb", "uz"}, {"vie", "vi"},
    {"xho", "xh"}, {"yid", "yi"}, {"yor", "yo"}, {"zho", "zh"}, {"zlm", "ms"}, {"zul", "zu"}};

// Three-letter codes that have no shorter form. Others are taken for words ("eco", "dev").
constexpr std::string_view kLongCodes[] = {"ast", "crh", "csb", "dsb", "ext", "frp", "fur", "gos",
                                           "hsb", "kaa", "kmr", "lij", "lmo", "mhr", "myv", "nap",
                                           "nog", "pcd", "pms", "rup", "sah", "scn", "sma", "smj",
                                           "smn", "szl", "tyv", "udm", "vec", "wln", "zza"};

// Registered variants, and the language that each belongs to.
constexpr Code kVariants[] = {{"aranes", "oc"},   {"gascon", "oc"},   {"lengadoc", "oc"},
                              {"ekavsk", "sr"},   {"ijekavsk", "sr"}, {"tarask", "be"},
                              {"academia", "oc"}, {"valencia", "ca"}};

bool IsLetters(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isalpha(c); });
}

std::optional<std::string> LanguageOfCode(std::string_view code) {
  if (!IsLetters(code)) return std::nullopt;
  const std::string lower = absl::AsciiStrToLower(code);
  if (lower.size() == 2) return lower;
  for (const Code& known : kCodes) {
    if (known.three == lower) return std::string(known.tag);
  }
  const bool is_long =
      std::find(std::begin(kLongCodes), std::end(kLongCodes), lower) != std::end(kLongCodes);
  return is_long ? std::optional(lower) : std::nullopt;
}

// "pt-BR", "pt": how the languages are asked for, the fullest first.
std::vector<std::string> Shorter(std::string_view language) {
  std::vector<std::string> forms;
  while (!language.empty()) {
    forms.push_back(absl::AsciiStrToLower(language));
    const size_t cut = language.rfind('-');
    language = cut == std::string_view::npos ? "" : language.substr(0, cut);
    // "ca-x" is no language.
    if (language.size() > 2 && language[language.size() - 2] == '-') language.remove_suffix(2);
  }
  return forms;
}

}  // namespace

std::optional<std::string> LanguageOfModePart(std::string_view part) {
  const std::vector<std::string_view> pieces = absl::StrSplit(part, '_');
  const std::optional<std::string> language = LanguageOfCode(pieces[0]);
  if (!language.has_value()) return std::nullopt;
  std::string script, region, variants, rest;
  for (size_t i = 1; i < pieces.size(); ++i) {
    const std::string_view piece = pieces[i];
    const std::string lower = absl::AsciiStrToLower(piece);
    if (piece.empty() || piece.size() > 8 ||
        !std::all_of(piece.begin(), piece.end(), [](char c) { return absl::ascii_isalnum(c); })) {
      return std::nullopt;
    }
    const bool is_variant = std::any_of(
        std::begin(kVariants), std::end(kVariants),
        [&](const Code& variant) { return variant.three == lower && variant.tag == *language; });
    if (i == 1 && piece.size() == 4 && IsLetters(piece)) {
      script = absl::StrCat("-", lower);
      script[1] = absl::ascii_toupper(script[1]);
    } else if (region.empty() && piece.size() == 2 && IsLetters(piece) &&
               absl::AsciiStrToUpper(piece) == piece) {
      region = absl::StrCat("-", piece);
    } else if (is_variant) {
      absl::StrAppend(&variants, "-", lower);
    } else {
      absl::StrAppend(&rest, rest.empty() ? "-x-" : "-", lower);
    }
  }
  return absl::StrCat(*language, script, region, variants, rest);
}

std::optional<TranslationMode> ParseModeName(std::string_view name) {
  absl::ConsumeSuffix(&name, ".mode");
  const std::vector<std::string_view> parts = absl::StrSplit(name, '-');
  if (parts.size() != 2) return std::nullopt;
  std::optional<std::string> source = LanguageOfModePart(parts[0]);
  std::optional<std::string> target = LanguageOfModePart(parts[1]);
  if (!source.has_value() || !target.has_value()) return std::nullopt;
  return TranslationMode{*std::move(source), *std::move(target), std::string(name)};
}

std::vector<TranslationMode> ListTranslationModes(const std::string& folder) {
  std::map<std::pair<std::string, std::string>, TranslationMode> found;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error);
  for (const std::filesystem::directory_iterator end; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    if (!absl::EndsWith(file, ".mode")) continue;
    std::optional<TranslationMode> mode = ParseModeName(file);
    if (!mode.has_value()) continue;
    const auto [place, is_new] = found.try_emplace({mode->source, mode->target}, *mode);
    const auto preference = [](const TranslationMode& one) {
      return std::tuple(-static_cast<int>(one.name.size()), one.name);
    };
    if (!is_new && preference(*mode) < preference(place->second)) place->second = *mode;
  }
  std::vector<TranslationMode> modes;
  for (auto& [pair, mode] : found) modes.push_back(std::move(mode));
  return modes;
}

const TranslationMode* FindTranslationMode(const std::vector<TranslationMode>& modes,
                                           std::string_view source, std::string_view target) {
  // What is written counts more than what is read: the target's parts are given up last.
  for (const std::string& to : Shorter(target)) {
    for (const std::string& from : Shorter(source)) {
      for (const TranslationMode& mode : modes) {
        if (absl::EqualsIgnoreCase(mode.source, from) && absl::EqualsIgnoreCase(mode.target, to)) {
          return &mode;
        }
      }
    }
  }
  return nullptr;
}

}  // namespace intelligenced
