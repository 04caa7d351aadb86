// SPDX-License-Identifier: Apache-2.0
/* Stands in for libotelagent.so: loads and does nothing. The launcher knows a library by this name.
 */
__attribute__((visibility("default"))) extern const int otelagent_copy;
const int otelagent_copy = 1;
