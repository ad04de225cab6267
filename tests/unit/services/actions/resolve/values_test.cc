#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/actions/resolve/slots.h"
#include "tests/support/actions/resolve_actions.h"
#include "tests/support/actions/resolve_sentences.h"

namespace intelligenced::resolve {
namespace {

ParameterSpec Spec(ValueKind kind) {
  ParameterSpec spec;
  spec.name = "value";
  spec.kind = kind;
  return spec;
}

std::string Typed(const ParameterSpec& spec, const std::string& text) {
  const Words words = SplitWords(text);
  const Moment moment = TestMoment();
  ValueReader reader(text, words, moment);
  const Slot slot(spec);
  const auto match = reader.Match(slot, 0);
  return match ? WrittenValue(match->value) : "nothing";
}

std::string Open(const ParameterSpec& spec, const std::string& text, std::string* span = nullptr) {
  const Words words = SplitWords(text);
  const Moment moment = TestMoment();
  ValueReader reader(text, words, moment);
  const Slot slot(spec);
  ByteSpan where;
  const auto match = reader.Read(slot, 0, words.size(), where);
  if (span != nullptr && match) *span = std::string(where.In(text));
  return match ? WrittenValue(match->value) : "nothing";
}

TEST(Values, LinksAndAddresses) {
  ParameterSpec spec = Spec(ValueKind::kUrl);
  EXPECT_EQ(Typed(spec, "https://Example.org/A?b=C#d."), "https://Example.org/A?b=C#d");
  EXPECT_EQ(Typed(spec, "www.example.org,"), "https://www.example.org");
  EXPECT_EQ(Typed(spec, "example.com/path"), "https://example.com/path");
  EXPECT_EQ(Typed(spec, "ana@example.com"), "nothing");
  for (const std::string text : {"example", "3.14", "e.g.", "a..b.com", "://x", "7:30", "x:"}) {
    EXPECT_EQ(Typed(spec, text), "nothing") << text;
  }
  spec.schemes = {"mailto"};
  EXPECT_EQ(Typed(spec, "Ana@example.com"), "mailto:Ana@example.com");
  EXPECT_EQ(Typed(spec, "https://example.com"), "nothing");
  EXPECT_EQ(Typed(spec, "a@b@c.de"), "nothing");
  spec.schemes = {"http"};
  EXPECT_EQ(Typed(spec, "example.com"), "http://example.com");
}

TEST(Values, Files) {
  const ParameterSpec spec = Spec(ValueKind::kFile);
  EXPECT_EQ(Typed(spec, "~/Reports/March.pdf"), "~/Reports/March.pdf");
  EXPECT_EQ(Typed(spec, "./a.txt"), "./a.txt");
  EXPECT_EQ(Typed(spec, "file:///etc/hosts"), "/etc/hosts");
  EXPECT_EQ(Typed(spec, "/"), "nothing");
  EXPECT_EQ(Typed(spec, "report"), "nothing");
}

TEST(Values, NumbersKeepTheirBoundsAndUnits) {
  ParameterSpec spec = Spec(ValueKind::kInteger);
  spec.minimum = 0;
  spec.maximum = 100;
  spec.unit = "%";
  EXPECT_EQ(Typed(spec, "forty percent"), "40");
  EXPECT_EQ(Typed(spec, "100"), "100");
  EXPECT_EQ(Typed(spec, "101"), "nothing");
  EXPECT_EQ(Typed(spec, "-1"), "nothing");
  EXPECT_EQ(Typed(spec, "40.5"), "nothing");
  EXPECT_EQ(Typed(spec, "40 km"), "nothing");
  ParameterSpec length = Spec(ValueKind::kNumber);
  length.unit = "meter";
  EXPECT_EQ(Typed(length, "1.5 km"), "1500");
}

TEST(Values, BooleansAndCases) {
  EXPECT_EQ(Typed(Spec(ValueKind::kBoolean), "off"), "false");
  EXPECT_EQ(Typed(Spec(ValueKind::kBoolean), "yes"), "true");
  EXPECT_EQ(Typed(Spec(ValueKind::kBoolean), "maybe"), "nothing");
  ParameterSpec spec = Spec(ValueKind::kEnumeration);
  spec.cases = {{"living-room", "Living room", {"lounge"}}, {"kitchen", "Kitchen", {}}};
  EXPECT_EQ(Typed(spec, "living room lamp"), "living-room");
  EXPECT_EQ(Typed(spec, "LOUNGE"), "living-room");
  EXPECT_EQ(Typed(spec, "kichen"), "kitchen");
  EXPECT_EQ(Typed(spec, "chicken"), "nothing");
}

TEST(Values, Lists) {
  const ParameterSpec spec = Spec(ValueKind::kList);
  EXPECT_EQ(Open(spec, "milk, eggs and bread"), "milk|eggs|bread");
  EXPECT_EQ(Open(spec, "some milk,eggs, and the bread please"), "milk|eggs|bread");
  EXPECT_EQ(Open(spec, "\"salt and pepper\" & rice"), "salt and pepper|rice");
  EXPECT_EQ(Open(spec, "something"), "nothing");
  EXPECT_EQ(Open(spec, "and"), "nothing");
  ParameterSpec numbers = spec;
  numbers.item_kind = ValueKind::kInteger;
  EXPECT_EQ(Open(numbers, "one, 2 and twenty three"), "1|2|23");
  ParameterSpec nested = spec;
  nested.item_kind = ValueKind::kList;
  EXPECT_EQ(Open(nested, "a, b"), "nothing");
  std::string many;
  for (int i = 0; i < 101; ++i) many += "x, ";
  EXPECT_EQ(Open(spec, many), "nothing");
}

TEST(Values, TextKeepsItsSpelling) {
  std::string span;
  EXPECT_EQ(Open(Spec(ValueKind::kString), "that Señor Núñez’s PIN is 0042, please", &span),
            "Señor Núñez’s PIN is 0042");
  EXPECT_EQ(span, "Señor Núñez’s PIN is 0042");
  EXPECT_EQ(Open(Spec(ValueKind::kString), "\"that is it, please\""), "that is it, please");
  EXPECT_EQ(Open(Spec(ValueKind::kString), "it"), "nothing");
}

}  // namespace
}  // namespace intelligenced::resolve
