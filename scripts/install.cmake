# SPDX-License-Identifier: Apache-2.0
# Puts the library (LIBRARY) into FOLDER as `otelagent install` does (LAUNCHER), because
# file(INSTALL) removes the file before it writes the new one: for that while every program that
# starts with LD_PRELOAD gets a message from the loader. And `strip` (STRIP) would write into a file
# that programs have mapped, so that it gets a copy (SCRATCH). Part of `cmake --install`.
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX OUTPUT_VARIABLE prefix)
cmake_path(ABSOLUTE_PATH FOLDER BASE_DIRECTORY "${prefix}" NORMALIZE)
set(library "${LIBRARY}")
if(CMAKE_INSTALL_DO_STRIP)
    set(library "${SCRATCH}/libotelagent.so")
    file(REMOVE "${library}")
    file(COPY "${LIBRARY}" DESTINATION "${SCRATCH}")
    execute_process(COMMAND "${STRIP}" "${library}" COMMAND_ERROR_IS_FATAL ANY)
endif()

execute_process(
    COMMAND ${CMAKE_COMMAND} -E env "OTELAGENT_LIBRARY=${library}"
            sh "${LAUNCHER}" install -- "$ENV{DESTDIR}${FOLDER}"
    OUTPUT_VARIABLE installed OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(READ_SYMLINK "${installed}" versioned)
message(STATUS "Installed: ${installed} -> ${versioned}")
list(APPEND CMAKE_INSTALL_MANIFEST_FILES "${FOLDER}/libotelagent.so" "${FOLDER}/${versioned}")
