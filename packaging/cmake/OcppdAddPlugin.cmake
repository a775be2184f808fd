# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
#
# ocppd_add_plugin(<name> SOURCES <file>... [LIBRARIES <target>...] [MANUAL <name>.md])
#
# Builds the module <name>.so. The same function serves the tree itself and, installed with the
# package, everybody else's modules:
#
#     find_package(ocppd 1.0 REQUIRED)
#     ocppd_add_plugin(acme_tariff SOURCES acme.c MANUAL acme_tariff.md)

set(_ocppd_plugin_map ${CMAKE_CURRENT_LIST_DIR}/plugin.map)

function(ocppd_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_INSTALL" "MANUAL" "SOURCES;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "ocppd_add_plugin(${name}): unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT name MATCHES "^[a-z0-9_]+$")
    message(FATAL_ERROR "ocppd_add_plugin(${name}): a module's name is made of a-z, 0-9 and _")
  endif()
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "ocppd_add_plugin(${name}): SOURCES is missing")
  endif()

  add_library(${name} MODULE ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES
    PREFIX "" C_STANDARD 17 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
    C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON
    LINK_DEPENDS ${_ocppd_plugin_map})
  target_link_libraries(${name} PRIVATE ocppd::ocppd ${arg_LIBRARIES})
  # Exactly one exported symbol, whatever a static library brings along.
  target_link_options(${name} PRIVATE -Wl,--version-script=${_ocppd_plugin_map} -Wl,-z,now)
  if(TARGET ocppd_warnings)
    target_link_libraries(${name} PRIVATE ocppd_warnings ocppd_sanitize)
    set_target_properties(${name} PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
    if(NOT arg_NO_INSTALL)
      set_property(GLOBAL APPEND PROPERTY OCPPD_PLUGINS ${name})
    endif()
  endif()
  if(NOT OCPPD_SANITIZE)
    # Sanitizer runtimes leave symbols for the executable to define.
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  if(NOT arg_NO_INSTALL)
    # Out of the tree: the usual prefix of CMake is not that of a packaged daemon.
    cmake_path(ABSOLUTE_PATH OCPPD_MODULE_DIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} NORMALIZE
               OUTPUT_VARIABLE folder)
    if(OCPPD_DAEMON_MODULE_DIR AND NOT folder STREQUAL OCPPD_DAEMON_MODULE_DIR)
      message(NOTICE "${name}.so will be installed to ${folder}, where ocppd does not look: it looks in "
        "${OCPPD_DAEMON_MODULE_DIR}. Set CMAKE_INSTALL_PREFIX accordingly, or list the folder under "
        "module_dir in ocppd.yaml.")
    endif()
    install(TARGETS ${name} LIBRARY DESTINATION ${OCPPD_MODULE_DIR} COMPONENT plugin_${name}
            PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    if(arg_MANUAL)
      install(FILES ${arg_MANUAL} DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT plugin_${name})
    endif()
  endif()
endfunction()
