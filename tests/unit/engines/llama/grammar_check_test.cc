#include "runtime/engines/llama/grammar_check.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

TEST(GrammarCheckTest, WhatIsFine) {
  for (const char* grammar :
       {"root ::= \"a\"\n", "root ::= \"\"\n", "root ::= r0 | [a-z] root\nr0 ::= \"x\"\n",
        "root ::= \"\\x22\\u00E9\\U0010FFFF\\\\\\n\" [\\x22\\x2D\\x5B-\\x5Df]\n",
        "root ::= r1 r1 \"a\" root | \"b\"\nr1 ::= \"\" | \" \"\n"}) {
    EXPECT_TRUE(CheckGrammar(grammar).ok()) << grammar << CheckGrammar(grammar);
  }
}

TEST(GrammarCheckTest, WhatIsRefused) {
  std::string deep = "root ::= r0\n";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&deep, "r", i, " ::= r", i + 1, "\n");
  absl::StrAppend(&deep, "r1000 ::= \"a\"\n");
  for (const std::string& grammar : std::initializer_list<std::string>{
           "",
           "\n",
           "root ::= \"a\"",
           "start ::= \"a\"\n",
           "root = \"a\"\n",
           "root ::= \n",
           "root ::= \"a\n",
           "root ::= \"a\"  \"b\"\n",
           "root ::= \"a\"\"b\"\n",
           "root ::= \"a\" |\n",
           "root ::= | \"a\"\n",
           "root ::= (\"a\")\n",
           "root ::= \"a\"*\n",
           "root ::= \"a\"{3}\n",
           "root ::= .\n",
           "root ::= \"a\" # comment\n",
           "root ::= none\n",
           "root ::= \"a\"\nroot ::= \"b\"\n",
           "root ::= []\n",
           "root ::= [^a]\n",
           "root ::= [b-a]\n",
           "root ::= [a\n",
           "root ::= [-a]\n",
           "root ::= \"\\q\"\n",
           "root ::= \"x\\\"\"\n",
           "root ::= [a\"]\n",
           "root ::= \"\\x1\"\n",
           "root ::= \"\\U00110000\"\n",
           "root ::= \"\xC3\xA9\"\n",
           "root ::= \"\t\"\n",
           "root ::= <[12]>\n",
           // Rules that begin with themselves, openly, through others or behind nothing.
           "root ::= root\n",
           "root ::= root \"a\" | \"b\"\n",
           "root ::= r0\nr0 ::= root | \"a\"\n",
           "root ::= r0 root | \"a\"\nr0 ::= \"\" | \"b\"\n",
           // Texts that never end.
           "root ::= \"a\" root\n",
           "root ::= \"a\"\nr0 ::= \"b\" r1\nr1 ::= \"c\" r0\n",
           deep,
           "root ::= \"" + std::string(2 << 20, 'a') + "\"\n",
       }) {
    const absl::Status status = CheckGrammar(grammar);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << grammar.substr(0, 80);
    EXPECT_EQ(FactsOf(status).field, "grammar");
  }
}

}  // namespace
}  // namespace intelligenced
