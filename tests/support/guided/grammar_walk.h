// Random texts of a grammar, without a model: what a compiler of grammars lets through.
#ifndef INTELLIGENCED_TESTS_SUPPORT_GUIDED_GRAMMAR_WALK_H_
#define INTELLIGENCED_TESTS_SUPPORT_GUIDED_GRAMMAR_WALK_H_

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace intelligenced {

// Reads the dialect of runtime/engines/llama/grammar_check.h, which the text must be in.
class GrammarWalk {
 public:
  explicit GrammarWalk(const std::string& grammar);

  // A text of the grammar. Beyond `target` characters it takes the shortest ways to the end.
  std::string Draw(std::mt19937_64& random, size_t target) const;

 private:
  struct Item {
    std::string rule;  // else `ranges`, else nothing is read
    std::vector<std::pair<char32_t, char32_t>> ranges;
    std::u32string literal;
  };
  using Sequence = std::vector<Item>;

  void Measure();

  std::map<std::string, std::vector<Sequence>> rules_;
  // Characters that a rule reads at least.
  std::map<std::string, uint64_t> shortest_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_SUPPORT_GUIDED_GRAMMAR_WALK_H_
