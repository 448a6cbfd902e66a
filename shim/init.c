/* SPDX-License-Identifier: MIT */
/* init.c - a stub: what the library does when it is loaded */
static __attribute__((constructor)) void init(void)
{
}
