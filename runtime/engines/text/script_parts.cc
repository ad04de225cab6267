#include "runtime/engines/text/script_parts.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr size_t kMostWords = 16;
// Japanese is written with kana between the Han characters; less of it is a name in Chinese.
constexpr double kLeastKana = 0.08;

using Languages = std::vector<std::pair<std::string, double>>;

struct ScriptLanguages {
  UScriptCode script;
  const char* language;
  // Where a second one is written with it too.
  const char* other;
  double other_share;
};

// Scripts that one language has to itself, or nearly so.
constexpr ScriptLanguages kScripts[] = {
    {USCRIPT_GREEK, "el", nullptr, 0},
    {USCRIPT_ARMENIAN, "hy", nullptr, 0},
    {USCRIPT_HEBREW, "he", "yi", 0.05},
    {USCRIPT_THAANA, "dv", nullptr, 0},
    {USCRIPT_SYRIAC, "syr", nullptr, 0},
    {USCRIPT_GEORGIAN, "ka", nullptr, 0},
    {USCRIPT_BENGALI, "bn", "as", 0.1},
    {USCRIPT_GURMUKHI, "pa", nullptr, 0},
    {USCRIPT_GUJARATI, "gu", nullptr, 0},
    {USCRIPT_ORIYA, "or", nullptr, 0},
    {USCRIPT_TAMIL, "ta", nullptr, 0},
    {USCRIPT_TELUGU, "te", nullptr, 0},
    {USCRIPT_KANNADA, "kn", nullptr, 0},
    {USCRIPT_MALAYALAM, "ml", nullptr, 0},
    {USCRIPT_SINHALA, "si", nullptr, 0},
    {USCRIPT_THAI, "th", nullptr, 0},
    {USCRIPT_LAO, "lo", nullptr, 0},
    {USCRIPT_TIBETAN, "bo", "dz", 0.2},
    {USCRIPT_MYANMAR, "my", nullptr, 0},
    {USCRIPT_KHMER, "km", nullptr, 0},
    {USCRIPT_ETHIOPIC, "am", "ti", 0.2},
    {USCRIPT_CHEROKEE, "chr", nullptr, 0},
    {USCRIPT_CANADIAN_ABORIGINAL, "iu", "cr", 0.3},
    {USCRIPT_MONGOLIAN, "mn", nullptr, 0},
    {USCRIPT_OL_CHIKI, "sat", nullptr, 0},
    {USCRIPT_TIFINAGH, "zgh", "ber", 0.3},
    {USCRIPT_NKO, "nqo", nullptr, 0},
    {USCRIPT_VAI, "vai", nullptr, 0},
    {USCRIPT_YI, "ii", nullptr, 0},
    {USCRIPT_JAVANESE, "jv", nullptr, 0},
    {USCRIPT_BALINESE, "ban", nullptr, 0},
    {USCRIPT_GOTHIC, "got", nullptr, 0},
    {USCRIPT_COPTIC, "cop", nullptr, 0},
    {USCRIPT_TAGALOG, "tl", nullptr, 0},
    {USCRIPT_LIMBU, "lif", nullptr, 0},
    {USCRIPT_MEITEI_MAYEK, "mni", nullptr, 0},
    {USCRIPT_ADLAM, "ff", nullptr, 0},
};

// Characters that are written in one of the three ways only, among the commonest.
constexpr std::u32string_view kSimplified =
    U"们这说对时过国个发学为后来开关还没东车长门问间现见让认话语请谢头书买卖钱样岁岛鸟鱼马龙风飞电"
    U"边进远运动员单双"
    U"产业务经济总统区医药厂广场园图应该实际听写读课题难简单师爱亲热爷妈儿给红绿笔纸级线结终组织选"
    U"择机极树桥办协战争"
    U"华为贵质货责费资贸财败购贤";
constexpr std::u32string_view kTraditional =
    U"們這說對時過國個發學為後來開關還沒東車長門問間現見讓認話語請謝頭書買賣錢樣歲島鳥魚馬龍風飛電"
    U"邊進遠運動員單雙"
    U"產業務經濟總統區醫藥廠廣場園圖應該實際聽寫讀課題難簡單師愛親熱爺媽兒給紅綠筆紙級線結終組織選"
    U"擇機極樹橋辦協戰爭"
    U"華貴質貨責費資貿財敗購賢";
constexpr std::u32string_view kJapanese =
    U"駅円気対図県広変楽験団囲塩応桜価仮絵覚歓帰郷検権顕厳効鉱黒砕済剤雑産児実収従渋処焼証乗浄剰畳"
    U"嬢真声斉静摂専戦浅銭"
    U"総荘捜巣増蔵続滝沢択単担胆遅昼鋳庁徴聴鎮転伝灯闘徳読届弐悩脳廃拝売発髪抜秘浜払仏辺弁宝豊毎満"
    U"黙訳薬与予謡様覧竜両"
    U"猟塁励霊齢歴恋炉労録働込峠畑";

bool IsMark(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0; }

bool IsCjk(UScriptCode script) {
  return script == USCRIPT_HAN || script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA ||
         script == USCRIPT_BOPOMOFO;
}

struct Part {
  // HAN for all of that family.
  UScriptCode script = USCRIPT_COMMON;
  size_t letters = 0;
  size_t kana = 0;
  size_t simplified = 0, traditional = 0, japanese = 0;
  std::string text;
  std::vector<std::u32string> words;
};

class Splitter {
 public:
  void Add(std::string_view chunk) {
    for (size_t at = 0; at < chunk.size();) {
      const size_t start = at;
      const char32_t c = DecodeChar(chunk, at);
      const auto code = static_cast<UChar32>(c);
      if (u_isalpha(code)) {
        AddLetter(code, chunk.substr(start, at - start));
      } else if (IsMark(code) && !word_.empty()) {
        parts_[current_].text.append(chunk.substr(start, at - start));
        word_.push_back(c);
      } else if ((c == U'\'' || c == U'\u2019') && !word_.empty() && at < chunk.size() &&
                 u_isalpha(static_cast<UChar32>(CharAt(chunk, at)))) {
        parts_[current_].text.push_back('\'');
        word_.push_back(U'\'');
      } else {
        EndWord();
      }
    }
    EndWord();
  }

  std::vector<Part> Take() { return std::move(parts_); }

 private:
  void AddLetter(UChar32 c, std::string_view bytes) {
    UErrorCode error = U_ZERO_ERROR;
    UScriptCode script = uscript_getScript(c, &error);
    if (U_FAILURE(error) || script == USCRIPT_COMMON || script == USCRIPT_INHERITED) {
      if (word_.empty()) return;
      script = parts_[current_].script;
    }
    const bool kana = script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA;
    if (IsCjk(script)) script = USCRIPT_HAN;
    if (word_.empty() || parts_[current_].script != script) {
      EndWord();
      Choose(script);
    }
    Part& part = parts_[current_];
    ++part.letters;
    part.text.append(bytes);
    if (script == USCRIPT_HAN) {
      const auto han = static_cast<char32_t>(c);
      part.kana += kana ? 1 : 0;
      part.simplified += kSimplified.find(han) != std::u32string_view::npos ? 1 : 0;
      part.traditional += kTraditional.find(han) != std::u32string_view::npos ? 1 : 0;
      part.japanese += kJapanese.find(han) != std::u32string_view::npos ? 1 : 0;
    }
    word_.push_back(static_cast<char32_t>(u_tolower(c)));
  }

  void Choose(UScriptCode script) {
    const auto found = std::find_if(parts_.begin(), parts_.end(),
                                    [&](const Part& part) { return part.script == script; });
    current_ = static_cast<size_t>(found - parts_.begin());
    if (found == parts_.end()) parts_.emplace_back().script = script;
  }

  void EndWord() {
    if (word_.empty()) return;
    Part& part = parts_[current_];
    part.text.push_back(' ');
    if (part.words.size() < kMostWords) part.words.push_back(word_);
    word_.clear();
  }

  std::vector<Part> parts_;
  size_t current_ = 0;
  std::u32string word_;
};

bool IsAddress(std::string_view chunk) {
  return absl::StrContains(chunk, "://") || absl::StartsWithIgnoreCase(chunk, "www.") ||
         (chunk.find('@') != std::string_view::npos && chunk.find('.') != std::string_view::npos);
}

// Han without enough kana: whose are the characters?
void NameHan(const Part& part, ScriptPart& out) {
  if (static_cast<double>(part.kana) >= kLeastKana * static_cast<double>(part.letters) &&
      part.kana > 0) {
    out.script = "Jpan";
    out.languages = {{"ja", 1}};
    return;
  }
  const size_t chinese = std::max(part.simplified, part.traditional);
  if (part.japanese > 0 && part.japanese >= chinese && part.simplified == 0) {
    out.script = "Jpan";
    out.languages = {{"ja", 0.85}, {"zh", 0.15}};
    return;
  }
  out.script = part.simplified > part.traditional   ? "Hans"
               : part.traditional > part.simplified ? "Hant"
                                                    : "Hani";
  const double japanese = part.simplified > 0 ? 0.01 : part.letters < 8 ? 0.25 : 0.05;
  out.languages = {{"zh", 1 - japanese}, {"ja", japanese}};
}

ScriptPart Finish(Part part) {
  ScriptPart out;
  out.letters = part.letters;
  if (part.script == USCRIPT_HAN) {
    NameHan(part, out);
  } else if (part.script == USCRIPT_HANGUL) {
    out.script = "Kore";
    out.languages = {{"ko", 1}};
  } else {
    const char* name = uscript_getShortName(part.script);
    out.script = name == nullptr ? "Zyyy" : name;
    for (const ScriptLanguages& known : kScripts) {
      if (known.script != part.script) continue;
      out.languages = {{known.language, 1 - known.other_share}};
      if (known.other != nullptr) out.languages.emplace_back(known.other, known.other_share);
    }
  }
  out.text = std::move(part.text);
  out.words = std::move(part.words);
  return out;
}

}  // namespace

std::vector<ScriptPart> SplitByScript(std::string_view text) {
  Splitter words, addresses;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && static_cast<unsigned char>(text[end]) > ' ') ++end;
    const std::string_view chunk = text.substr(at, end - at);
    if (!chunk.empty()) (IsAddress(chunk) ? addresses : words).Add(chunk);
    at = end + 1;
  }
  std::vector<Part> parts = words.Take();
  if (parts.empty()) parts = addresses.Take();
  // Korean and Japanese write some words in Han characters.
  const auto is = [](UScriptCode script) {
    return [script](const Part& part) { return part.script == script; };
  };
  const auto korean = std::find_if(parts.begin(), parts.end(), is(USCRIPT_HANGUL));
  const auto han = std::find_if(parts.begin(), parts.end(), is(USCRIPT_HAN));
  if (korean != parts.end() && han != parts.end() && han->kana == 0 &&
      korean->letters >= han->letters) {
    korean->letters += han->letters;
    parts.erase(han);
  }
  std::vector<ScriptPart> out;
  std::transform(std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()),
                 std::back_inserter(out), Finish);
  std::stable_sort(out.begin(), out.end(),
                   [](const ScriptPart& a, const ScriptPart& b) { return a.letters > b.letters; });
  return out;
}

}  // namespace intelligenced
