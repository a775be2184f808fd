# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
#
# cmake -DTEMPLATE=… -DOPTIONS=… -DRESULT=… -P insert-options.cmake
cmake_policy(VERSION 3.25)
file(READ ${TEMPLATE} template)
file(READ ${OPTIONS} options)
string(STRIP "${options}" options)
string(REPLACE "@OPTIONS@" "${options}" result "${template}")
file(WRITE ${RESULT} "${result}")
