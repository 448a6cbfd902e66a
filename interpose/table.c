/* SPDX-License-Identifier: MIT */
/* table: the rows as an array, see table.h */
#include "interpose/table.h"

#include <stddef.h>

/* A number that has two rows is a compile error here: -Woverride-init is in -Wextra. */
static const struct row rows[] = {
#define ROW(class_, name_, flags_, note_)                                                          \
	[__NR_##name_] = {                                                                         \
		.name = #name_,                                                                    \
		.note = note_,                                                                     \
		.class = CLASS_##class_,                                                           \
		.flags = flags_,                                                                   \
	},
#include "interpose/table.h"
};

const struct row *table_row(long nr)
{
	if (nr < 0 || (size_t)nr >= sizeof(rows) / sizeof(rows[0]) || !rows[nr].name)
		return NULL;
	return &rows[nr];
}

bool table_wants(int nr)
{
	const struct row *r = table_row(nr);

	return !r || (r->class != CLASS_PASS && r->class != CLASS_NEVER);
}
