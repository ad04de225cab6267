// What published embedding models were trained to see before a text, by what it will be compared
// with. Models that are not known here want nothing.
#ifndef INTELLIGENCED_RUNTIME_BASE_EMBEDDING_PREFIX_H_
#define INTELLIGENCED_RUNTIME_BASE_EMBEDDING_PREFIX_H_

#include <string>
#include <string_view>

namespace intelligenced {

struct EmbeddingPrefixes {
  std::string similarity;
  std::string query;
  std::string document;
};

// `name`: what a model's file says that it is called ("nomic-embed-text-v1.5",
// "intfloat/e5-small-v2"), in any case. Pure.
EmbeddingPrefixes FindEmbeddingPrefixes(std::string_view name);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_EMBEDDING_PREFIX_H_
