#include "runtime/base/published_languages.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace intelligenced {
namespace {

// Codes of three letters, and others that models use, with the short ones of BCP-47.
constexpr std::string_view kShort =
    "aar aa abk ab afr af aka ak als sq amh am ara ar arb ar arg an asm as ava av aym ay ayr ay "
    "aze az azj az bak ba bam bm bel be ben bn bih bh bis bi bod bo bos bs bre br bul bg cat ca "
    "ces cs cha ch che ce chv cv cmn zh cor kw cos co cre cr cym cy dan da deu de div dv dzo dz "
    "ell el eng en epo eo est et eus eu ewe ee fao fo fas fa fij fj fin fi fra fr fry fy ful ff "
    "fuv ff gaz om gla gd gle ga glg gl glv gv grn gn guj gu hat ht hau ha heb he hin hi hmo ho "
    "hrv hr hun hu hye hy ibo ig ido io iku iu ile ie ina ia ind id ipk ik isl is ita it jap ja "
    "jav jv jpn ja kal kl kan kn kas ks kat ka kau kr kaz kk khk mn khm km kik ki kin rw kir ky "
    "kmr ku knc kr kom kv kon kg kor ko kur ku lao lo lat la lav lv lim li lin ln lit lt ltz lb "
    "lub lu lug lg lvs lv mal ml mar mr mkd mk mlg mg mlt mt mon mn mri mi msa ms mya my nav nv "
    "nbl nr nde nd nds nds nep ne nld nl nno nn nob nb nor no npi ne ns nso nya ny oci oc oji oj "
    "ori or orm om ory or oss os pan pa pbt ps pes fa plt mg pob pt pol pl por pt prs fa pus ps "
    "que qu quy qu roh rm ron ro run rn rus ru sag sg san sa sin si slk sk slv sl sme se smo sm "
    "sna sn snd sd som so sot st spa es sqi sq srd sc srp sr ssw ss sun su swa sw swe sv swh sw "
    "tah ty tam ta tat tt tel te tgk tg tgl tl tha th tir ti ton to tsn tn tso ts tuk tk tur tr "
    "twi tw uig ug ukr uk urd ur uzb uz uzn uz ven ve vie vi vol vo wln wa wol wo xho xh ydd yi "
    "yid yi yor yo zha za zho zh zsm ms zul zu";

constexpr std::string_view kNllb =
    "ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn amh_Ethi apc_Arab "
    "arb_Arab ars_Arab ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn "
    "bak_Cyrl bam_Latn ban_Latn bel_Cyrl bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt "
    "bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn ckb_Arab crh_Latn cym_Latn "
    "dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn "
    "ewe_Latn fao_Latn pes_Arab fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gla_Latn "
    "gle_Latn glg_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn "
    "hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kab_Latn "
    "kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor knc_Arab knc_Latn kaz_Cyrl kbp_Latn "
    "kea_Latn khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kon_Latn kor_Hang kmr_Latn lao_Laoo "
    "lvs_Latn lij_Latn lim_Latn lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn "
    "luo_Latn lus_Latn mag_Deva mai_Deva mal_Mlym mar_Deva min_Latn mkd_Cyrl plt_Latn mlt_Latn "
    "mni_Beng khk_Cyrl mos_Latn mri_Latn zsm_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva "
    "nso_Latn nus_Latn nya_Latn oci_Latn gaz_Latn ory_Orya pag_Latn pan_Guru pap_Latn pol_Latn "
    "por_Latn prs_Arab pbt_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng "
    "scn_Latn shn_Mymr sin_Sinh slk_Latn slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn "
    "spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn szl_Latn tam_Taml "
    "tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi taq_Latn taq_Tfng tpi_Latn tsn_Latn "
    "tso_Latn tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab "
    "uzn_Latn vec_Latn vie_Latn war_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans "
    "zho_Hant zul_Latn";

constexpr std::string_view kM2m100 =
    "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu "
    "ha he hi hr ht hu hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr "
    "ms my ne nl no ns oc or pa pl ps pt ro ru sd si sk sl so sq sr ss su sv sw ta th tl tn tr "
    "uk ur uz vi wo xh yi yo zh zu";

// The script of languages that are published in more than one: it is not said, the others are.
constexpr std::string_view kUsualScripts =
    "zh Hans yue Hant ace Latn bjn Latn kr Latn ks Arab taq Latn sr Cyrl uz Latn az Latn bs Latn "
    "kk Cyrl tt Cyrl ku Latn min Latn mn Cyrl pa Guru sd Arab tg Cyrl tk Latn crh Latn ber Latn";

// Families of languages that stand for one language in the names of OPUS-MT models.
constexpr std::pair<std::string_view, std::string_view> kGroups[] = {
    {"bat", "lt lv"},
    {"cel", "br cy ga gd gv kw"},
    {"celtic", "br cy ga gd gv kw"},
    {"fiu", "et fi hu se"},
    {"gem", "af da de en fo fy is lb nb nl nn no sv yi"},
    {"gmq", "da fo is nb nn no sv"},
    {"gmw", "af de en fy lb nl yi"},
    {"inc", "as bn gu hi mr ne or pa sd si ur"},
    {"itc", "ca es fr gl it la oc pt ro"},
    {"roa", "ca es fr gl it oc pt ro"},
    {"romance", "ca es fr gl it oc pt ro"},
    {"scandinavia", "da nb nn no sv"},
    {"sem", "am ar he mt ti"},
    {"sla", "be bg cs hr mk pl ru sk sl sr uk"},
    {"trk", "az ba kk ky tk tr tt ug uz"},
    {"zle", "be ru uk"},
    {"zls", "bg hr mk sl sr"},
    {"zlw", "cs pl sk"},
};

std::vector<std::string> Words(std::string_view text) { return absl::StrSplit(text, ' '); }

std::map<std::string_view, std::string_view> PairsOf(std::string_view text) {
  const std::vector<std::string_view> words = absl::StrSplit(text, ' ');
  std::map<std::string_view, std::string_view> pairs;
  for (size_t i = 0; i + 1 < words.size(); i += 2) pairs.emplace(words[i], words[i + 1]);
  return pairs;
}

bool AllLetters(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isalpha(c); });
}

std::string Titled(std::string_view text) {
  std::string result = absl::AsciiStrToLower(text);
  if (!result.empty()) result[0] = absl::ascii_toupper(result[0]);
  return result;
}

}  // namespace

std::string LanguageOfPublishedCode(std::string_view code) {
  const std::vector<std::string_view> parts = absl::StrSplit(code, absl::ByAnyChar("_-"));
  if (parts.empty() || parts[0].size() < 2 || parts[0].size() > 8 || !AllLetters(parts[0])) {
    return "";
  }
  std::string language = absl::AsciiStrToLower(parts[0]);
  std::string region;
  // Two that the short form does not tell from another.
  if (language == "pob") region = "BR";
  if (language == "prs") region = "AF";
  const auto shorts = PairsOf(kShort);
  if (const auto found = shorts.find(language); found != shorts.end()) language = found->second;
  std::string script;
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].size() == 4 && AllLetters(parts[i])) {
      script = Titled(parts[i]);
    } else if (parts[i].size() == 2 && AllLetters(parts[i])) {
      region = absl::AsciiStrToUpper(parts[i]);
    } else {
      return "";
    }
  }
  if (!script.empty()) {
    const auto usual = PairsOf(kUsualScripts);
    const auto found = usual.find(language);
    if (found == usual.end() || found->second == script) script.clear();
  }
  // What is written in Taiwan has a script of its own.
  if (language == "zh" && region == "TW") return "zh-Hant";
  if (language == "zh" && region == "CN") return "zh";
  return absl::StrCat(language, script.empty() ? "" : "-", script, region.empty() ? "" : "-",
                      region);
}

std::vector<std::string> LanguagesOfPublishedCode(std::string_view code) {
  if (code.find('+') != std::string_view::npos) {
    std::vector<std::string> languages;
    for (const std::string_view part : absl::StrSplit(code, '+')) {
      for (std::string& language : LanguagesOfPublishedCode(part)) {
        languages.push_back(std::move(language));
      }
    }
    return languages;
  }
  const std::string group = absl::AsciiStrToLower(code);
  if (group == "mul" || group == "ine") {
    std::vector<std::string> languages;
    for (const std::string& each : Words(kM2m100)) {
      languages.push_back(LanguageOfPublishedCode(each));
    }
    return languages;
  }
  for (const auto& [name, members] : kGroups) {
    if (name == group) return Words(members);
  }
  std::string language = LanguageOfPublishedCode(code);
  if (language.empty()) return {};
  return {std::move(language)};
}

std::vector<std::string> Nllb200Codes() { return Words(kNllb); }

std::vector<std::string> M2m100Codes() { return Words(kM2m100); }

std::map<std::string, size_t> PlacesOfLanguages(const std::vector<std::string>& codes) {
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < codes.size(); ++i) {
    std::string language = LanguageOfPublishedCode(codes[i]);
    // The first keeps the short name; what it hides is reached by its own.
    if (!language.empty() && !places.emplace(language, i).second) {
      std::string own = codes[i];
      std::replace(own.begin(), own.end(), '_', '-');
      places.emplace(std::move(own), i);
    }
  }
  return places;
}

}  // namespace intelligenced
