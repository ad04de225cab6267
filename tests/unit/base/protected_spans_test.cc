#include "runtime/base/protected_spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Found(std::string_view text, bool quotations = false) {
  std::vector<std::string> result;
  size_t end = 0;
  for (const ByteSpan& span : FindProtectedSpans(text, {.quotations = quotations})) {
    EXPECT_LT(span.start, span.end);
    EXPECT_GE(span.start, end);
    EXPECT_LE(span.end, text.size());
    end = span.end;
    result.emplace_back(span.In(text));
  }
  return result;
}

TEST(ProtectedSpansTest, Code) {
  EXPECT_THAT(Found("Use `foo` and ``a ` b``."), ElementsAre("`foo`", "``a ` b``"));
  EXPECT_THAT(Found("An ` alone and \\`escaped` marks"), ElementsAre("` alone and \\`"));
  EXPECT_THAT(Found("open `here\n\nand `closed` there"), ElementsAre("`closed`"));
  EXPECT_THAT(Found("a\n```py\nx = 1\n\ny\n```\nb"), ElementsAre("```py\nx = 1\n\ny\n```"));
  EXPECT_THAT(Found("a\n~~~\nto the end"), ElementsAre("~~~\nto the end"));
  EXPECT_THAT(Found("```one line``` of code"), ElementsAre("```one line```"));
}

TEST(ProtectedSpansTest, Addresses) {
  EXPECT_THAT(Found("See https://a.example/x_(y)?q=1, or (http://b.example)."),
              ElementsAre("https://a.example/x_(y)?q=1", "http://b.example"));
  EXPECT_THAT(Found("www.example.org! Mail <me.you+x@mail.example.org>."),
              ElementsAre("www.example.org", "<me.you+x@mail.example.org>"));
  EXPECT_THAT(Found("visit example.com today. @someone said hi"), ElementsAre("example.com"));
  EXPECT_THAT(Found("[a link](some/where.html) here"), ElementsAre("some/where.html"));
}

TEST(ProtectedSpansTest, Paths) {
  EXPECT_THAT(Found("Edit /etc/hosts, ./run.sh or ~/x and C:\\Temp\\a.txt."),
              ElementsAre("/etc/hosts", "./run.sh", "~/x", "C:\\Temp\\a.txt"));
  EXPECT_THAT(Found("In src/main/app see notes.txt."), ElementsAre("src/main/app", "notes.txt"));
  EXPECT_THAT(Found("He and/or she, TCP/IP, the end.So what"), IsEmpty());
}

TEST(ProtectedSpansTest, Markup) {
  EXPECT_THAT(Found("a <b class=\"x y\">bold</b> <!-- no\nte --> z"),
              ElementsAre("<b class=\"x y\">", "</b>", "<!-- no\nte -->"));
  EXPECT_THAT(Found("1 < 2 and 3 > 2, a<b"), IsEmpty());
}

TEST(ProtectedSpansTest, QuotationsOnlyWhenAsked) {
  const std::string text = "He said \"teh end\" and “das Ende” or «fin». 6'7\" tall";
  EXPECT_THAT(Found(text), IsEmpty());
  EXPECT_THAT(Found(text, true), ElementsAre("\"teh end\"", "“das Ende”", "«fin»"));
  EXPECT_THAT(Found("open \"quote\n\nnext \"one\" here", true), ElementsAre("\"one\""));
}

TEST(ProtectedSpansTest, Merge) {
  EXPECT_THAT(MergeSpans({{5, 7}, {1, 3}, {3, 4}, {6, 9}, {20, 20}, {12, 11}}),
              ElementsAre(ByteSpan{1, 4}, ByteSpan{5, 9}));
  const std::vector<ByteSpan> spans = {{2, 4}, {8, 9}};
  EXPECT_TRUE(OverlapsAny(spans, {3, 5}));
  EXPECT_TRUE(OverlapsAny(spans, {0, 20}));
  EXPECT_FALSE(OverlapsAny(spans, {4, 8}));
  EXPECT_FALSE(OverlapsAny(spans, {9, 12}));
  EXPECT_TRUE(OverlapsAny(spans, {3, 3}));
  EXPECT_FALSE(OverlapsAny(spans, {2, 2}));
  EXPECT_FALSE(OverlapsAny(spans, {4, 4}));
}

TEST(ProtectedSpansTest, HostileInputTakesLinearTime) {
  constexpr size_t kSize = 500'000;
  for (const std::string_view piece :
       {"`", "` `` ", "x", "<a", "<!--", "](", "\"", "“", "a@", "://", "((", "```\n", "/", "\n"}) {
    std::string text;
    while (text.size() < kSize) text += piece;
    FindProtectedSpans(text, {.quotations = true});
  }
  // Runs that grow have no partners.
  std::string text;
  for (size_t run = 1; text.size() < kSize; ++run) text.append(run, '`').append("x");
  FindProtectedSpans(text);
  FindProtectedSpans(std::string(10'000'000, '`'));
  FindProtectedSpans(std::string(10'000'000, 'x'));
}

}  // namespace
}  // namespace intelligenced
