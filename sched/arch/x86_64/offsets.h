/* SPDX-License-Identifier: MIT */
/* Offsets that assembly knows; asserted against the C types in arch.c. */
#ifndef GOTHREADS_OFFSETS_H
#define GOTHREADS_OFFSETS_H

#define G_SP 0
#define G_FS 8
#define G_M 16
#define G_ATTN 24
#define M_ATTN 0

/* struct seam */
#define SEAM_RDI 0
#define SEAM_RSI 8
#define SEAM_RDX 16
#define SEAM_R10 24
#define SEAM_R8 32
#define SEAM_R9 40
#define SEAM_RAX 48
#define SEAM_RIP 56
#define SEAM_SIZE 64
#define RED_ZONE 128

#endif
