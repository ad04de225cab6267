# Headers of the system that most sources include, parsed once a build: half of what a build costs
# is parsing them. The headers are in packaging/cmake/precompiled/KIND.inc and are of the system alone,
# so that a change in the project never rebuilds everything.
#
# Written out instead of target_precompile_headers because every path in a command is relative to the
# build folder here: checkouts in different folders then share one compiler cache, which takes the
# preprocessed text beside a precompiled header (.sum) for its contents (CCACHE_PCH_EXTSUM, ./dev).
set(INTELLIGENCED_PRECOMPILED_KINDS "")
if(INTELLIGENCED_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(INTELLIGENCED_PRECOMPILED_KINDS common test)
  if(INTELLIGENCED_CLIENTS)
    list(APPEND INTELLIGENCED_PRECOMPILED_KINDS command)
  endif()
endif()

function(intelligenced_define_precompiled kind)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
  get_directory_property(options COMPILE_OPTIONS)
  get_directory_property(definitions COMPILE_DEFINITIONS)
  list(TRANSFORM definitions PREPEND -D)
  if(kind STREQUAL "test")
    list(APPEND flags ${INTELLIGENCED_TEST_FLAGS})
  else()
    list(APPEND flags -fPIC)
  endif()
  set(pch precompiled/${kind}.pch)
  set(source precompiled/${kind}.inc)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/cmake/precompiled/${kind}.inc
                 ${PROJECT_BINARY_DIR}/${source} COPYONLY)
  if(NOT kind STREQUAL "common")
    configure_file(${PROJECT_SOURCE_DIR}/packaging/cmake/precompiled/common.inc
                   ${PROJECT_BINARY_DIR}/precompiled/common.inc COPYONLY)
  endif()
  set(compile ${CMAKE_CXX_COMPILER} ${flags} -std=c++20 ${options} ${definitions}
              -Wall -Wextra -Werror -Wthread-safety -x c++-header ${source})
  add_custom_command(
    OUTPUT ${pch} ${pch}.sum
    COMMAND ${CMAKE_COMMAND} -E env CCACHE_DISABLE=1
            ${compile} -Xclang -fno-pch-timestamp -MD -MF ${pch}.d -MT ${pch} -o ${pch}
    COMMAND ${CMAKE_COMMAND} -E env CCACHE_DISABLE=1 ${compile} -E -P -o ${pch}.text
    COMMAND ${CMAKE_COMMAND} -E sha256sum ${pch}.text > ${pch}.sum
    COMMAND ${CMAKE_COMMAND} -E rm ${pch}.text
    DEPENDS ${source}
    DEPFILE ${pch}.d
    WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
    COMMENT "Precompiling the headers of ${kind} sources"
    VERBATIM)
  add_custom_target(precompiled_${kind} DEPENDS ${pch})
endfunction()

# intelligenced_precompiled(TARGET KIND): its sources start with the headers of KIND, if there is
# such a kind in this build. They still include what they use: some builds have none (tsan, debug).
function(intelligenced_precompiled target kind)
  if(NOT kind IN_LIST INTELLIGENCED_PRECOMPILED_KINDS)
    return()
  endif()
  if(NOT TARGET precompiled_${kind})
    message(FATAL_ERROR "precompiled_${kind} is not defined yet")
  endif()
  target_compile_options(${target} PRIVATE "SHELL:-include-pch precompiled/${kind}.pch")
  add_dependencies(${target} precompiled_${kind})
endfunction()

foreach(kind IN LISTS INTELLIGENCED_PRECOMPILED_KINDS)
  intelligenced_define_precompiled(${kind})
endforeach()
