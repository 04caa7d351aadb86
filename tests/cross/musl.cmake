# SPDX-License-Identifier: Apache-2.0
# The other C library, on this processor.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)
set(OTELAGENT_TARGET musl)
include(${CMAKE_CURRENT_LIST_DIR}/cache.cmake)
# Not beside musl's own headers, which come first.
set(CMAKE_C_FLAGS_INIT "-idirafter ${OTELAGENT_CROSS}/musl/include")
