/* SPDX-License-Identifier: MIT */
/* What interposed symbols are made of. */
#ifndef GOTHREADS_SYMBOLS_H
#define GOTHREADS_SYMBOLS_H

#include <dlfcn.h>

#define EXPORT __attribute__((visibility("default")))

/* Programs may spend all their time here, and no seam is passed on the way out: signals must be
 * taken as in any other code of the program's. So these functions have a section of their own, which
 * arch_place() knows, and do nothing but go on. */
#define APP_CODE __attribute__((section("gothreads_app")))
#define APP EXPORT APP_CODE

/* glibc's own, looked up once; the race is harmless, both find the same. */
#define REAL(name)                                                                                 \
	({                                                                                         \
		static void *real;                                                                 \
		void *f = __atomic_load_n(&real, __ATOMIC_RELAXED);                                \
		if (!f) {                                                                          \
			f = dlsym(RTLD_NEXT, #name);                                               \
			__atomic_store_n(&real, f, __ATOMIC_RELAXED);                              \
		}                                                                                  \
		(__typeof__(&name))f;                                                              \
	})

/* SYMBOL, which carries VERSION, is FUNCTION. */
#define VERSION(function, symbol, version) __asm__(".symver " #function ", " #symbol "@" version)

#endif
