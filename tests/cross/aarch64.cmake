# SPDX-License-Identifier: Apache-2.0
# Debian's compiler for the other processor, and qemu to run what it makes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
set(OTELAGENT_TARGET aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/cache.cmake)
