// SPDX-License-Identifier: Apache-2.0
/* library_user.c - needs the module without versions and defines nothing of its kind itself. */
int flavour(void);
int use_flavour(void);
int use_flavour(void)
{
    return flavour();
}
