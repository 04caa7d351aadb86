// SPDX-License-Identifier: Apache-2.0
#include "agent/counters.h"

struct counters counters;
