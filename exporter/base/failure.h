// SPDX-License-Identifier: Apache-2.0
/* failure.h - errno in words.
 *
 * Not strerror(): it translates, and so may open files and allocate in the application's heap. */
#ifndef EXPORTER_FAILURE_H
#define EXPORTER_FAILURE_H

const char *failure_text(int error);

#endif
