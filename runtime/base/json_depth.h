// How deep a text of JSON is nested, before anybody builds it: copying or comparing a value of a
// hundred thousand levels exhausts the stack.
#ifndef INTELLIGENCED_RUNTIME_BASE_JSON_DEPTH_H_
#define INTELLIGENCED_RUNTIME_BASE_JSON_DEPTH_H_

#include <string_view>

namespace intelligenced {

// The most brackets that are open at a time, those in texts left out. For anything; what is no JSON
// has some number too. O(length).
int JsonDepth(std::string_view text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_JSON_DEPTH_H_
