// Random schemas of the supported subset, for property tests.
#ifndef INTELLIGENCED_TESTS_SUPPORT_GUIDED_RANDOM_SCHEMA_H_
#define INTELLIGENCED_TESTS_SUPPORT_GUIDED_RANDOM_SCHEMA_H_

#include <nlohmann/json.hpp>
#include <random>

namespace intelligenced {

// A schema that some value matches. With bounds on every list and most strings, so that what a
// model writes for it stays short; recursion always has a way out.
nlohmann::ordered_json DrawSchema(std::mt19937_64& random);

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_SUPPORT_GUIDED_RANDOM_SCHEMA_H_
