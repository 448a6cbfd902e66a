/* SPDX-License-Identifier: MIT */
/*
 * Sets of signals in files below /proc.
 *
 * Rules of this file: raw system calls; anywhere.
 */
#ifndef GOTHREADS_PROCFILE_H
#define GOTHREADS_PROCFILE_H

#include <stdint.h>

/* The hexadecimal number after KEY, which has its first character only there, in the file at PATH; 0 if there is
 * no such file or key. */
uint64_t procfile_set(const char *path, const char *key);

#endif
