#include "services/actions/resolve/english.h"

#include <algorithm>

namespace intelligenced::resolve::english {
namespace {

constexpr std::string_view kSynonyms[] = {
    // Putting something somewhere.
    "add|put|append|include|stick|throw in|insert|place|save",
    // Making something new.
    "create|make|new|start|set|set up|compose|give me|i need a|i want a|add|begin",
    "schedule|plan|arrange|book|set up|organise|organize|put",
    "remind|nudge me|ping me|don't let me forget|don't forget|be reminded|make sure i|remember",
    "write|write down|jot down|note down|take down|jot|save|record",
    "note|memo",
    // Taking something away.
    "delete|remove|erase|get rid of|throw away|discard|trash|bin",
    "remove|take|take off|cross|cross off|cross out|strike|drop|get|scratch",
    "clear|empty|wipe|clear out|clean out|delete everything|remove everything|delete all|"
    "remove all|reset",
    "cancel|stop|end|kill|abort|turn off|switch off|dismiss",
    // Looking.
    "show|display|list|read|view|see|open|give me|tell me|what's on|what is on|what's in|"
    "what are|what do i have on|what|which",
    "find|search|look for|search for|look up|look in|look through|search in|locate",
    "have|are there|is there|got",
    "about|on|mentioning|regarding|with|concerning|containing|for|named|called|titled",
    "called|named|titled|entitled",
    "saying|that says|that|telling|to say|with the text|with",
    // Things done.
    "done|finished|complete|completed|over",
    "complete|finish|finished|tick off|check off|mark as done|mark|tick|check|set",
    // Devices.
    "turn on|switch on|light up|enable|activate|put on",
    "turn off|switch off|disable|deactivate|kill|put out",
    "turn|switch|put|set|make|change|colour|color|paint",
    "light|lamp|lights|bulb|lighting",
    "dim|brighten|lower|set",
    "brightness|level|light level",
    "volume|loudness|sound level|sound|audio",
    "change|set|adjust|put|turn|make|turn up|turn down|raise|lower|increase|decrease",
    // Sound.
    "play|put on|listen to|hear|start|put",
    "song|track|tune|music",
    "pause|stop|halt|silence|mute",
    "music|song|playing|playback|track",
    // Time.
    "timer|countdown|count down",
    "alarm|wake up call",
    "wake|wake up|get up|get me up|wake me|wake me up",
    // People.
    "send|write|shoot|compose",
    "email|e mail|mail|message|write to|drop a line to",
    "mail|email|inbox|e mail|emails|mailbox",
    "call|phone|ring|dial|telephone",
    // Calendar.
    "calendar|agenda|schedule|diary|planner",
    "event|appointment|meeting|calendar event|calendar entry",
    "am i doing|do i have|is happening|is going on|am i busy|is up|anything on",
    // Shopping.
    "shopping|grocery|groceries|buying",
    "shopping list|grocery list|groceries list|groceries|shopping",
    "buy|get|purchase|pick up|get me|need to buy|have to buy",
    // Places on the web and on the disk.
    "open|go to|visit|browse|browse to|navigate to|take me to|bring up|launch|show me|show",
    "page|website|site|web page|url|link",
    "file|document",
};

constexpr std::string_view kFillers[] = {
    "please", "hey",  "hi",    "hello", "ok",    "okay", "thanks", "kindly", "just",  "now",
    "well",   "so",   "can",   "could", "would", "will", "you",    "i'd",    "let's", "quickly",
    "like",   "want", "maybe", "then",  "also",  "and",  "must",   "should", "wanna", "gotta",
    "i'm",    "i've", "i'll",  "there", "here",  "us",   "really", "again",  "going", "'s"};

constexpr std::string_view kFunctionWords[] = {
    "a",    "an",   "the",  "my",    "our",   "your",  "me",    "i",    "we",    "to",  "of",
    "in",   "on",   "at",   "for",   "from",  "by",    "with",  "as",   "is",    "are", "am",
    "be",   "it",   "this", "that",  "these", "those", "do",    "does", "have",  "has", "need",
    "some", "any",  "all",  "about", "into",  "up",    "off",   "out",  "down",  "was", "been",
    "they", "them", "he",   "she",   "his",   "her",   "which", "what", "don't", "one", "name"};

constexpr std::string_view kDeterminers[] = {"a",    "an",  "the",  "my",   "our",  "some",
                                             "your", "any", "more", "this", "that", "me"};

constexpr std::string_view kTextLeads[] = {"that", "saying", "about", "to"};

constexpr std::string_view kListWords[] = {"and", "&", "or", "plus"};

constexpr std::string_view kPronouns[] = {"something", "anything", "it",   "them",       "things",
                                          "that",      "this",     "some", "everything", "stuff"};

constexpr NumberWord kSmallNumbers[] = {
    {"zero", 0},     {"one", 1},      {"two", 2},        {"three", 3},     {"four", 4},
    {"five", 5},     {"six", 6},      {"seven", 7},      {"eight", 8},     {"nine", 9},
    {"ten", 10},     {"eleven", 11},  {"twelve", 12},    {"thirteen", 13}, {"fourteen", 14},
    {"fifteen", 15}, {"sixteen", 16}, {"seventeen", 17}, {"eighteen", 18}, {"nineteen", 19},
    {"twenty", 20},  {"thirty", 30},  {"forty", 40},     {"fifty", 50},    {"sixty", 60},
    {"seventy", 70}, {"eighty", 80},  {"ninety", 90}};

constexpr NumberWord kScales[] = {{"hundred", 100},
                                  {"thousand", 1'000},
                                  {"million", 1'000'000},
                                  {"billion", 1'000'000'000},
                                  {"dozen", 12}};

constexpr NumberWord kOrdinals[] = {{"first", 1},       {"second", 2},       {"third", 3},
                                    {"fourth", 4},      {"fifth", 5},        {"sixth", 6},
                                    {"seventh", 7},     {"eighth", 8},       {"ninth", 9},
                                    {"tenth", 10},      {"eleventh", 11},    {"twelfth", 12},
                                    {"thirteenth", 13}, {"fourteenth", 14},  {"fifteenth", 15},
                                    {"sixteenth", 16},  {"seventeenth", 17}, {"eighteenth", 18},
                                    {"nineteenth", 19}, {"twentieth", 20},   {"thirtieth", 30}};

constexpr Unit kUnits[] = {
    {"percent", "percent|%|per cent|pct", "ratio", 1, 0},
    {"meter", "meter|meters|metre|metres|m", "length", 1, 0},
    {"kilometer", "kilometer|kilometers|kilometre|kilometres|km", "length", 1000, 0},
    {"centimeter", "centimeter|centimeters|centimetre|centimetres|cm", "length", 0.01, 0},
    {"millimeter", "millimeter|millimeters|millimetre|millimetres|mm", "length", 0.001, 0},
    {"mile", "mile|miles|mi", "length", 1609.344, 0},
    {"foot", "foot|feet|ft", "length", 0.3048, 0},
    {"inch", "inch|inches", "length", 0.0254, 0},
    {"yard", "yard|yards|yd", "length", 0.9144, 0},
    {"kilogram", "kilogram|kilograms|kilo|kilos|kg", "mass", 1, 0},
    {"gram", "gram|grams|g", "mass", 0.001, 0},
    {"pound", "pound|pounds|lb|lbs", "mass", 0.45359237, 0},
    {"ounce", "ounce|ounces|oz", "mass", 0.028349523125, 0},
    {"liter", "liter|liters|litre|litres|l", "volume", 1, 0},
    {"milliliter", "milliliter|milliliters|millilitre|millilitres|ml", "volume", 0.001, 0},
    {"celsius", "celsius|degrees celsius|degrees|degree|°|°c|c|degrees c", "temperature", 1, 0},
    {"fahrenheit", "fahrenheit|degrees fahrenheit|°f|f|degrees f", "temperature", 5.0 / 9,
     -160.0 / 9},
    {"second", "second|seconds|sec|secs", "time", 1, 0},
    {"minute", "minute|minutes|min|mins", "time", 60, 0},
    {"hour", "hour|hours|hr|hrs", "time", 3600, 0},
    {"day", "day|days", "time", 86'400, 0},
    {"byte", "byte|bytes", "data", 1, 0},
    {"kilobyte", "kilobyte|kilobytes|kb", "data", 1e3, 0},
    {"megabyte", "megabyte|megabytes|mb", "data", 1e6, 0},
    {"gigabyte", "gigabyte|gigabytes|gb", "data", 1e9, 0},
    {"euro", "euro|euros|€|eur", "euro", 1, 0},
    {"dollar", "dollar|dollars|$|usd|bucks", "dollar", 1, 0},
    {"pound-sterling", "£|gbp|quid", "sterling", 1, 0},
};

constexpr TimeUnit kTimeUnits[] = {
    {"second|seconds|sec|secs|s", 1, 0},
    {"minute|minutes|min|mins|m", 60, 0},
    {"hour|hours|hr|hrs|h", 3600, 0},
    {"day|days|d", 86'400, 0},
    {"week|weeks|wk|wks|w", 604'800, 0},
    {"fortnight|fortnights", 1'209'600, 0},
    {"month|months", 0, 1},
    {"year|years", 0, 12},
};

constexpr std::string_view kWeekdays[] = {
    "monday|mon", "tuesday|tue|tues", "wednesday|wed", "thursday|thu|thur|thurs",
    "friday|fri", "saturday|sat",     "sunday|sun"};

constexpr std::string_view kMonths[] = {"january|jan", "february|feb", "march|mar",
                                        "april|apr",   "may",          "june|jun",
                                        "july|jul",    "august|aug",   "september|sep|sept",
                                        "october|oct", "november|nov", "december|dec"};

constexpr DayWord kDayWords[] = {{"the day after tomorrow", 2},
                                 {"day after tomorrow", 2},
                                 {"today", 0},
                                 {"tomorrow", 1},
                                 {"tomorow", 1},
                                 {"tommorow", 1},
                                 {"tommorrow", 1},
                                 {"tmrw", 1},
                                 {"yesterday", -1}};

constexpr DayPart kDayParts[] = {
    {"morning", 9, false, false},   {"noon|midday|lunchtime", 12, false, false},
    {"afternoon", 15, true, false}, {"evening", 19, true, false},
    {"tonight", 20, true, true},    {"night", 21, true, false},
};

constexpr std::string_view kNegations[] = {"don't",   "dont",      "not",    "never",
                                           "mustn't", "shouldn't", "needn't"};
constexpr std::string_view kBeforeNegations[] = {"do", "i", "we", "no", "it", "is", "am", "are"};

constexpr std::string_view kTimePrepositions[] = {"on",    "at",     "by",    "for",
                                                  "from",  "until",  "till",  "before",
                                                  "after", "around", "since", "starting"};

constexpr std::string_view kEarlyWords[] = {"wak", "alarm", "breakfast"};

constexpr std::string_view kTrueWords[] = {"yes",    "true",   "on",  "enabled",
                                           "enable", "active", "yep", "sure"};
constexpr std::string_view kFalseWords[] = {"no",      "false",    "off",  "disabled",
                                            "disable", "inactive", "nope", "out"};

}  // namespace

std::span<const std::string_view> Synonyms() { return kSynonyms; }
std::span<const std::string_view> Fillers() { return kFillers; }
std::span<const std::string_view> FunctionWords() { return kFunctionWords; }
std::span<const std::string_view> Determiners() { return kDeterminers; }
std::span<const std::string_view> TextLeads() { return kTextLeads; }
std::span<const std::string_view> ListWords() { return kListWords; }
std::span<const std::string_view> Pronouns() { return kPronouns; }
std::span<const NumberWord> SmallNumbers() { return kSmallNumbers; }
std::span<const NumberWord> Scales() { return kScales; }
std::span<const NumberWord> Ordinals() { return kOrdinals; }
std::span<const Unit> Units() { return kUnits; }
std::span<const TimeUnit> TimeUnits() { return kTimeUnits; }
std::span<const std::string_view> Weekdays() { return kWeekdays; }
std::span<const std::string_view> Months() { return kMonths; }
std::span<const DayWord> DayWords() { return kDayWords; }
std::span<const DayPart> DayParts() { return kDayParts; }
std::span<const std::string_view> Negations() { return kNegations; }
std::span<const std::string_view> BeforeNegations() { return kBeforeNegations; }
std::span<const std::string_view> TimePrepositions() { return kTimePrepositions; }
std::span<const std::string_view> EarlyWords() { return kEarlyWords; }
std::span<const std::string_view> TrueWords() { return kTrueWords; }
std::span<const std::string_view> FalseWords() { return kFalseWords; }

bool IsOneOf(std::string_view alternatives, std::string_view word) {
  if (word.empty()) return false;
  for (size_t at = 0; at <= alternatives.size();) {
    const size_t end = std::min(alternatives.find('|', at), alternatives.size());
    if (alternatives.substr(at, end - at) == word) return true;
    at = end + 1;
  }
  return false;
}

bool IsIn(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace intelligenced::resolve::english
