# cbit_add_layer(NAME SOURCES file... [USES target...]): one part of the tree as a static library.
#
# The target graph is the layer rule of docs/architecture.md: a part links only what it may include.
# tests/lint/layers holds the same rule on the #include lines.
function(cbit_add_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_library(cbit_${name} STATIC ${ARG_SOURCES})
  add_library(cbit::${name} ALIAS cbit_${name})
  # Nobody replaces a function of ours at load time: the compiler may inline what others call too.
  target_compile_options(cbit_${name} PRIVATE
    $<$<COMPILE_LANGUAGE:C>:${CBIT_C_FLAGS} ${CBIT_COPY_FLAGS} -fno-semantic-interposition>)
  target_include_directories(cbit_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/model/include>
    PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(cbit_${name} PUBLIC ${ARG_USES})
endfunction()

# cbit_add_test(SUITE NAME SOURCES file... [USES target...]): one Check program, run by ctest.
function(cbit_add_test suite name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  set(target test_${suite}_${name})
  add_executable(${target} ${ARG_SOURCES})
  # Check's own macros do not survive -Wconversion; everything else holds for tests too.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:${CBIT_C_FLAGS} -Wno-conversion
                                           -Wno-sign-conversion>)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE ${ARG_USES} cbit::test_support)
  target_compile_definitions(${target} PRIVATE CBIT_TEST_DIR="${CMAKE_CURRENT_SOURCE_DIR}"
                                               CBIT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${suite}/${name} COMMAND ${target})
  # Check allows 4 s a test: a busy machine or a sanitizer takes that for a hang.
  set_tests_properties(${suite}/${name} PROPERTIES TIMEOUT 600 ENVIRONMENT
    "CK_DEFAULT_TIMEOUT=60;CK_TIMEOUT_MULTIPLIER=$<IF:$<BOOL:${CBIT_SANITIZE}>,5,2>")
endfunction()

# cbit_add_script_test(SUITE NAME SCRIPT [ARG...]): a test that is a script, run from the root of the
# sources with CBIT_BUILD naming the build. It may say in Check's words how much it checked
# ("100%: Checks: 3, Failures: 0, Errors: 0"); exit status 77 says that it cannot run here.
function(cbit_add_script_test suite name script)
  add_test(NAME ${suite}/${name} COMMAND ${CMAKE_SOURCE_DIR}/${script} ${ARGN}
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${suite}/${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600
                       ENVIRONMENT CBIT_BUILD=${CMAKE_BINARY_DIR})
endfunction()
