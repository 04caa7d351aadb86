// SPDX-License-Identifier: Apache-2.0
#include "agent/base/counters.h"

struct counters counters;
