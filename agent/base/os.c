// SPDX-License-Identifier: Apache-2.0
/* Not part of the shared object, where these names are our hooks. */
#include "agent/base/os.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

struct os os = {
#define OS(type, name, parameters) .name = &(name),
#include "agent/base/os.def"
#undef OS
};
