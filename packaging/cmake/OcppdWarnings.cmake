# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
#
# Targets that everything in the tree links to: warnings, the banned functions, sanitizers.

add_library(ocppd_warnings INTERFACE)
target_compile_options(ocppd_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wpointer-arith -Wcast-qual -Wcast-align -Wwrite-strings -Wformat=2 -Wundef
  -Wvla -Wdouble-promotion -Wnull-dereference -Wimplicit-fallthrough -Wswitch-enum
  -Wredundant-decls -Wno-missing-field-initializers -UNDEBUG)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ocppd_warnings INTERFACE
    -Wjump-misses-init -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Walloca)
elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
  target_compile_options(ocppd_warnings INTERFACE
    -Wconditional-uninitialized -Wcomma -Wunreachable-code-aggressive -Wassign-enum)
endif()
if(OCPPD_WERROR)
  target_compile_options(ocppd_warnings INTERFACE -Werror)
endif()
target_compile_options(ocppd_warnings INTERFACE
  "SHELL:-include ${PROJECT_SOURCE_DIR}/core/banned.h")
target_compile_definitions(ocppd_warnings INTERFACE _GNU_SOURCE)

add_library(ocppd_sanitize INTERFACE)
if(OCPPD_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "OCPPD_FUZZ needs clang")
  endif()
  set(OCPPD_SANITIZE fuzzer-no-link,address,undefined)
endif()
if(OCPPD_SANITIZE)
  target_compile_options(ocppd_sanitize INTERFACE
    -fsanitize=${OCPPD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(ocppd_sanitize INTERFACE -fsanitize=${OCPPD_SANITIZE})
endif()
