# Warnings, sanitizers and the linker, for every target of the project.
add_library(intelligenced_compile_options INTERFACE)
target_compile_options(intelligenced_compile_options INTERFACE -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(intelligenced_compile_options INTERFACE -Wthread-safety)
endif()
target_include_directories(intelligenced_compile_options INTERFACE ${PROJECT_SOURCE_DIR})
add_compile_options(-pthread)  # everywhere alike, as precompiled headers require

# Debian's Abseil is built with its checks on. Its mutexes are only told of their destruction by code
# that is built without NDEBUG too; otherwise reused addresses look like lock cycles and abort.
foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_${type} "${CMAKE_CXX_FLAGS_${type}}")
endforeach()

if(INTELLIGENCED_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  # Abseil's hash tables lay themselves out anew under this sanitizer, unless this is defined; the
  # system's Abseil has the ordinary layout, and both must be one.
  add_compile_definitions(INTELLIGENCED_SANITIZER=1 NDEBUG_SANITIZER=1)
elseif(INTELLIGENCED_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  add_compile_definitions(INTELLIGENCED_SANITIZER=1)
elseif(NOT INTELLIGENCED_SANITIZER STREQUAL "")
  message(FATAL_ERROR "INTELLIGENCED_SANITIZER is '${INTELLIGENCED_SANITIZER}'; use address, thread or leave it empty")
endif()

find_program(INTELLIGENCED_LLD ld.lld)
if(INTELLIGENCED_LLD AND CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND NOT APPLE)
  add_link_options(-fuse-ld=lld)
endif()
find_program(INTELLIGENCED_CCACHE ccache)
if(INTELLIGENCED_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${INTELLIGENCED_CCACHE})
endif()

# Optimising a test's own code costs more than it saves: what is tested is in the libraries.
set(INTELLIGENCED_TEST_FLAGS "")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(INTELLIGENCED_TEST_FLAGS -O0)
endif()
