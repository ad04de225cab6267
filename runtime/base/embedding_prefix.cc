#include "runtime/base/embedding_prefix.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace intelligenced {

EmbeddingPrefixes FindEmbeddingPrefixes(std::string_view name) {
  const std::string known =
      absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", "-"}, {" ", "-"}});
  const auto is = [&](std::string_view part) { return absl::StrContains(known, part); };
  if (is("nomic-embed-text")) return {"clustering: ", "search_query: ", "search_document: "};
  if (is("embeddinggemma") || is("embedding-gemma")) {
    return {"task: sentence similarity | query: ", "task: search result | query: ",
            "title: none | text: "};
  }
  if (is("qwen3-embedding")) {
    return {"",
            "Instruct: Given a web search query, retrieve relevant passages that answer the "
            "query\nQuery:",
            ""};
  }
  // Instructions of these are the caller's to write.
  if (is("e5-mistral") || (is("e5") && is("instruct"))) return {};
  if (is("e5-small") || is("e5-base") || is("e5-large")) return {"query: ", "query: ", "passage: "};
  if (is("mxbai-embed") || is("arctic-embed-") || (is("bge-") && is("-en"))) {
    return {"", "Represent this sentence for searching relevant passages: ", ""};
  }
  return {};
}

}  // namespace intelligenced
