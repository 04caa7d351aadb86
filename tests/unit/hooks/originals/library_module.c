// SPDX-License-Identifier: Apache-2.0
/* library_module.c - built several times with different symbol versions and hash tables. */
int flavour(void);
int flavour(void)
{
    return FLAVOUR;
}
