/* SPDX-License-Identifier: MIT */
/*
 * What the command `gothreads`, a shell script, has to ask the library's own sources.
 *
 *	helper check [FILE PRELOAD]
 *	               is the environment right? And, if FILE is to be run with that LD_PRELOAD, are the
 *	               functions there that it names? Else one line on stderr and exit 2.
 *	helper list    the table of system calls, a line each: name, class, flags, note
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interpose/table.h"
#include "shim/config.h"
#include "shim/elf_symbols.h"
#include "shim/spec.h"

enum { EXIT_USAGE = 2 };

static void refuse(const char *text)
{
	fprintf(stderr, "gothreads: %s\n", text);
	exit(EXIT_USAGE);
}

static const char *class_name(unsigned char class)
{
	static const char *const names[] = {
		[CLASS_PASS] = "pass",   [CLASS_NEVER] = "never",     [CLASS_KERNEL] = "kernel",
		[CLASS_TIMER] = "timer", [CLASS_POLL] = "poll",       [CLASS_HANDOFF] = "handoff",
		[CLASS_STACK] = "stack", [CLASS_PROCESS] = "process",
	};

	return names[class];
}

static const char *flags_text(unsigned char flags, char buf[64])
{
	static const struct {
		unsigned char bit;
		const char *name;
	} names[] = {
		{ INTR, "intr" },   { RESTART, "restart" }, { SOTIMEO, "sotimeo" }, { NONG, "nong" },
		{ READS, "reads" }, { WRITES, "writes" },   { WAITS, "waits" },
	};

	strcpy(buf, "-");
	for (size_t i = 0, len = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & names[i].bit)
			len += (size_t)sprintf(buf + len, "%s%s", len ? "," : "", names[i].name);
	return buf;
}

static void list(void)
{
	static const long numbers[] = {
#define ROW(class_, name_, flags_, note_) __NR_##name_,
#include "interpose/table.h"
	};
	char flags[64];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct row *r = table_row(numbers[i]);

		printf("%-23s %-8s %-26s %s\n", r->name, class_name(r->class),
		       flags_text(r->flags, flags), r->note);
	}
}

/* One without a library must be there when the program begins. */
static void check_function(const struct spec *s, const char *file, const char *preload)
{
	char text[CONFIG_TEXT + SPEC_NAME];

	if (*s->library || elf_program_defines(file, preload, s->name))
		return;
	snprintf(text, sizeof(text), "blocking: no library of %.100s has a function %s", file,
		 s->name);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	refuse(text);
}

int main(int argc, char *argv[])
{
	if ((argc == 2 || argc == 4) && strcmp(argv[1], "check") == 0) {
		struct config c;

		config_read(&c, refuse);
		for (unsigned i = 0; argc == 4 && i < c.n_specs; i++)
			check_function(&c.specs[i], argv[2], argv[3]);
	} else if (argc == 2 && strcmp(argv[1], "list") == 0) {
		list();
	} else {
		refuse("the helper is asked for check or list");
	}
	return fflush(stdout) == 0 ? 0 : EXIT_FAILURE;
}
