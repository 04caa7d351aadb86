// SPDX-License-Identifier: Apache-2.0
/* secrets.h - secrets leave neither in messages nor in what describes the process.
 *
 * How a secret looks is known to agent/text, which stands on this room; so who wires the house
 * hands its function in. Until then all of a text counts as one. */
#ifndef AGENT_SECRETS_H
#define AGENT_SECRETS_H

#include <stddef.h>

/* Writes something over each secret in text[0..length), and returns the new length, which is at
 * most `capacity`. */
typedef size_t secrets_hider(char *text, size_t length, size_t capacity);

/* Once, before threads exist. */
void secrets_set_hider(secrets_hider *hider);

/* As that one does it. */
size_t secrets_hide(char *text, size_t length, size_t capacity);

#endif
