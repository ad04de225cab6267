# Makes OUTPUT, a C++ source that defines `const char NAME[]` in the namespace intelligenced with the
# content of INPUT: cmake -DINPUT=… -DOUTPUT=… -DNAME=… -P embed.cmake
file(READ "${INPUT}" content)
file(WRITE "${OUTPUT}" "// Made from ${NAME} by embed.cmake.
namespace intelligenced {
extern const char ${NAME}[];
const char ${NAME}[] = R\"~data~(${content})~data~\";
}  // namespace intelligenced
")
