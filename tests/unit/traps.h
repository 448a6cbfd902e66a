/* SPDX-License-Identifier: MIT */
/* traps: what traps.S defines */
#ifndef GOTHREADS_TEST_TRAPS_H
#define GOTHREADS_TEST_TRAPS_H

/* Calls F(NAME) for each that has a site, and can be run. */
#define TRAPS_TO_RUN(F)                                                                            \
	F(trap_plain)                                                                              \
	F(trap_before)                                                                             \
	F(trap_other_mov)                                                                          \
	F(trap_store)                                                                              \
	F(trap_rewritten)                                                                          \
	F(trap_rip)                                                                                \
	F(trap_rip_imm)                                                                            \
	F(trap_tail)                                                                               \
	F(trap_tail_rip)                                                                           \
	F(trap_lock)                                                                               \
	F(trap_switch)                                                                             \
	F(trap_gap)                                                                                \
	F(trap_padding)                                                                            \
	F(trap_vec)                                                                                \
	F(trap_x87)                                                                                \
	F(trap_leaves)                                                                             \
	F(trap_entered)

/* ... for each of the others. */
#define TRAPS_TO_LEAVE(F)                                                                          \
	F(trap_immediate)                                                                          \
	F(trap_room)                                                                               \
	F(trap_target)                                                                             \
	F(trap_near)                                                                               \
	F(trap_far)                                                                                \
	F(trap_false)                                                                              \
	F(trap_case)                                                                               \
	F(trap_pointer)                                                                            \
	F(trap_address)                                                                            \
	F(trap_computed)                                                                           \
	F(trap_pad)                                                                                \
	F(trap_eip)                                                                                \
	F(trap_overlap)                                                                            \
	F(trap_data)                                                                               \
	F(trap_no_fde)                                                                             \
	F(trap_sigframe)

#define TRAP_DECLARE(name)                                                                         \
	extern long name(long nr) __attribute__((visibility("hidden")));                           \
	extern const char name##_sys[] __attribute__((visibility("hidden")));                      \
	extern const char name##_end[] __attribute__((visibility("hidden")));

extern long trap_read(int fd, void *buf, unsigned long n) __attribute__((visibility("hidden")));
extern const char trap_read_end[] __attribute__((visibility("hidden")));
TRAPS_TO_RUN(TRAP_DECLARE)
TRAPS_TO_LEAVE(TRAP_DECLARE)

#endif
