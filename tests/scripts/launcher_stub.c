// SPDX-License-Identifier: Apache-2.0
/* Stands in for libotelagent.so: loads and does nothing. */
__attribute__((visibility("default"))) extern const int launcher_stub;
const int launcher_stub = 1;
