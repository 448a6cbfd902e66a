/* SPDX-License-Identifier: MIT */
/* What a program that is not running yet will have loaded, and which functions that defines. */
#ifndef GOTHREADS_ELF_SYMBOLS_H
#define GOTHREADS_ELF_SYMBOLS_H

#include <stdbool.h>

/* Does any object that the program in the file PATH begins with define the function NAME? PRELOAD is what
 * LD_PRELOAD will say. True as well when nobody can tell: a script, a static program, one whose libraries
 * are not found. */
bool elf_program_defines(const char *path, const char *preload, const char *name);

#endif
