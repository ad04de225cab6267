# What every program of a thread sanitizer build is linked with.
if(INTELLIGENCED_SANITIZER STREQUAL "thread")
  add_library(thread_sanitizer OBJECT ${PROJECT_SOURCE_DIR}/tests/support/thread_sanitizer.cc)
  target_link_libraries(thread_sanitizer PRIVATE intelligenced_compile_options absl::synchronization)
endif()

# intelligenced_library(NAME SOURCES … [PUBLIC …] [PRIVATE …] [PRECOMPILED kind]): one library per folder.
function(intelligenced_library name)
  cmake_parse_arguments(ARG "" "PRECOMPILED" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  if(NOT ARG_PRECOMPILED)
    set(ARG_PRECOMPILED common)
  endif()
  add_library(${name} STATIC ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE intelligenced_compile_options ${ARG_PRIVATE})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  intelligenced_precompiled(${name} ${ARG_PRECOMPILED})
endfunction()

# intelligenced_executable(NAME SOURCES … [PRIVATE …])
function(intelligenced_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PRIVATE" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE intelligenced_compile_options ${ARG_PRIVATE}
    $<TARGET_NAME_IF_EXISTS:thread_sanitizer>)
endfunction()

# intelligenced_test(NAME SOURCES … [PRIVATE …] [LABEL unit|conformance|integration|e2e|fuzz|lint] [TIMEOUT s])
# A GoogleTest program whose cases ctest knows one by one.
function(intelligenced_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;PRIVATE;PROPERTIES" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)  # ends a test that hangs, on however loaded a machine
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE intelligenced_compile_options ${ARG_PRIVATE} test_paths GTest::gmock GTest::gtest_main
    $<TARGET_NAME_IF_EXISTS:thread_sanitizer>)
  target_compile_options(${name} PRIVATE ${INTELLIGENCED_TEST_FLAGS})
  intelligenced_precompiled(${name} test)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 300
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} ${ARG_PROPERTIES})
endfunction()
