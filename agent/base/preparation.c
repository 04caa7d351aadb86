// SPDX-License-Identifier: Apache-2.0
#include "agent/base/preparation.h"

struct once preparation;
bool (*preparation_make)(void);
