/* SPDX-License-Identifier: MIT */
/*
 * blocking_types_now - blocking_types in a program whose functions are all bound when it begins, in memory
 * that is read-only from then on
 *
 * gothreads: blocking=lib_chars=c(cChH),blocking=lib_bool=C(C),blocking=lib_float=f(fif)
 * gothreads: blocking=lib_many=d(didldldldldldldfduc)
 * gothreads: blocking=lib_long_double=D(DiD),blocking=lib_small={id}({id}{id})
 * gothreads: blocking=lib_floats={fff}({fff}f)
 * gothreads: blocking=lib_large={lll{id}h}(i{lll{id}h}p),blocking=lib_string=s(sL)
 * gothreads: blocking=lib_errno=i(i),blocking=lib_count=l()
 */
#include "blocking_types.c"
