/* SPDX-License-Identifier: MIT */
/* GOMAXPROCS, GODEBUG and GOTHREADS. See config.h. */
#include "shim/config.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sched/procs.h"
#include "shim/spec.h"

enum {
	SHOWN = 64, /* bytes of the user's text that a complaint repeats */
	GRANULE_MAX = 1000000, /* us */
	SLICE_MIN = 100,
	SLICE_MAX = 100000, /* eight of them fit into 32 bits of ns */
};

/* A stretch of the environment, not ended by NUL. */
struct text {
	const char *s;
	size_t len;
};

struct reader {
	struct config *c;
	void (*complain)(const char *text);
};

struct key {
	const char *name;
	/* What VALUE must be, NULL when it is; then it has been stored. */
	const char *(*set)(struct config *c, struct text value);
};

__attribute__((format(printf, 2, 3))) static void complain(const struct reader *r, const char *fmt,
							   ...)
{
	char line[CONFIG_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	r->complain(line);
}

static int shown(struct text t)
{
	return t.len < SHOWN ? (int)t.len : SHOWN;
}

static bool text_is(struct text t, const char *s)
{
	return strlen(s) == t.len && memcmp(t.s, s, t.len) == 0;
}

/* What lies before the next SEP, and *T moved behind that. *FOUND: was there one? */
static struct text cut(struct text *t, char sep, bool *found)
{
	const char *at = memchr(t->s, sep, t->len);
	struct text head = { t->s, at ? (size_t)(at - t->s) : t->len };

	*found = at;
	t->s += head.len + *found;
	t->len -= head.len + *found;
	return head;
}

/* Decimal digits alone, at most MAX. */
static bool number(struct text t, uint32_t max, uint32_t *n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < t.len; i++) {
		if (t.s[i] < '0' || t.s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(t.s[i] - '0');
		if (v > max)
			return false;
	}
	*n = (uint32_t)v;
	return t.len > 0;
}

/* ---- GODEBUG ----------------------------------------------------------------------------- */

static const char *set_switch(struct text value, bool *to)
{
	uint32_t n;

	if (!number(value, 1, &n))
		return "0 or 1";
	*to = n;
	return NULL;
}

static const char *set_schedtrace(struct config *c, struct text value)
{
	return number(value, INT_MAX, &c->schedtrace) ? NULL : "a number of milliseconds";
}

static const char *set_scheddetail(struct config *c, struct text value)
{
	return set_switch(value, &c->scheddetail);
}

static const char *set_asyncpreemptoff(struct config *c, struct text value)
{
	return set_switch(value, &c->asyncpreemptoff);
}

static const struct key godebug_keys[] = {
	{ "schedtrace", set_schedtrace },
	{ "scheddetail", set_scheddetail },
	{ "asyncpreemptoff", set_asyncpreemptoff },
	{ NULL, NULL },
};

/* ---- GOTHREADS --------------------------------------------------------------------------- */

/* Signals whose handler we could not be, or must be for other reasons. */
static bool signal_is_taken(int sig)
{
	switch (sig) {
	case SIGKILL:
	case SIGSTOP:
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGABRT:
	case 32: /* glibc's, and our kick */
	case 33:
		return true;
	default:
		return false;
	}
}

static const char *set_dumpsig(struct config *c, struct text value)
{
	uint32_t sig = 0;

	if (!number(value, 64, &sig)) {
		if (value.len > 3 && memcmp(value.s, "SIG", 3) == 0) {
			value.s += 3;
			value.len -= 3;
		}
		for (sig = 64; sig > 0; sig--) {
			const char *name = sigabbrev_np((int)sig);

			if (name && text_is(value, name))
				break;
		}
	}
	if (sig == 0)
		return "a signal's name or number";
	if (signal_is_taken((int)sig))
		return "a signal that nothing else needs";
	c->dumpsig = (int)sig;
	return NULL;
}

static struct spec specs[SPECS_MAX];

static const char *add_spec(struct config *c, struct text t)
{
	const char *want;

	if (c->n_specs == SPECS_MAX)
		return "one of 256 functions at most";
	want = spec_parse(t.s, t.len, &specs[c->n_specs]);
	if (!want)
		c->n_specs++;
	return want;
}

/* One line of a file; NULL or what it must be. */
static const char *add_line(struct config *c, struct text t)
{
	while (t.len && (*t.s == ' ' || *t.s == '\t')) {
		t.s++;
		t.len--;
	}
	return t.len && *t.s != '#' ? add_spec(c, t) : NULL;
}

static const char *add_file(struct config *c, struct text name)
{
	static char want[CONFIG_TEXT];
	char path[PATH_MAX], buf[512];
	unsigned line = 1;
	size_t have = 0;
	ssize_t n = -1;
	int fd = -1;

	if (name.len && name.len < sizeof(path)) {
		memcpy(path, name.s, name.len);
		path[name.len] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	}
	while (fd >= 0 && (n = read(fd, buf + have, sizeof(buf) - have)) >= 0) {
		struct text rest = { buf, have + (size_t)n };

		while (rest.len) {
			struct text keep = rest, t;
			const char *why;
			bool whole;

			t = cut(&rest, '\n', &whole);
			if (!whole && n > 0 && t.len < sizeof(buf)) {
				rest = keep;
				break;
			}
			why = add_line(c, t);
			if (why) {
				snprintf(want, sizeof(want),
					 "a file of SPECs: its line %u, '%.*s', must be %s", line,
					 shown(t), t.s, why);
				close(fd);
				return want;
			}
			line++;
		}
		have = rest.len;
		memmove(buf, rest.s, have);
		if (!n)
			break;
	}
	if (fd >= 0)
		close(fd);
	return n < 0 ? "a SPEC, or @ and a file that can be read" : NULL;
}

static const char *set_blocking(struct config *c, struct text value)
{
	c->specs = specs;
	if (value.len && *value.s == '@')
		return add_file(c, (struct text){ value.s + 1, value.len - 1 });
	return add_spec(c, value);
}

static const char *set_granule(struct config *c, struct text value)
{
	uint32_t us;

	if (!number(value, GRANULE_MAX, &us) || !us)
		return "a number of microseconds from 1 to 1000000";
	c->granule = us;
	return NULL;
}

static const char *set_slice(struct config *c, struct text value)
{
	uint32_t us;

	if (!number(value, SLICE_MAX, &us) || us < SLICE_MIN)
		return "a number of microseconds from 100 to 100000";
	c->slice = us;
	return NULL;
}

static const struct key gothreads_keys[] = {
	{ "blocking", set_blocking },
	{ "dumpsig", set_dumpsig },
	{ "granule", set_granule },
	{ "slice", set_slice },
	{ NULL, NULL },
};

/* ------------------------------------------------------------------------------------------- */

static void read_keys(const struct reader *r, const char *variable, const struct key *keys)
{
	const char *s = getenv(variable);
	struct text rest = { s, s ? strlen(s) : 0 };

	while (rest.len) {
		const struct key *k = keys;
		const char *want;
		bool found;
		struct text value = cut(&rest, ',', &found), name;

		if (!value.len)
			continue;
		name = cut(&value, '=', &found);
		while (k->name && !text_is(name, k->name))
			k++;
		if (!k->name) {
			complain(r, "%s: unknown key '%.*s'", variable, shown(name), name.s);
			continue;
		}
		want = found ? k->set(r->c, value) : "given a value";
		if (want)
			complain(r, "%s: %s must be %s, not '%.*s'", variable, k->name, want,
				 shown(value), value.s);
	}
}

void config_read(struct config *c, void (*complain_)(const char *text))
{
	const struct reader r = { c, complain_ };
	const char *procs = getenv("GOMAXPROCS");

	*c = (struct config){ 0 };
	if (procs && !procs_parse(procs, &c->procs))
		complain(&r, "GOMAXPROCS must be a positive integer, not '%.*s'", SHOWN, procs);
	read_keys(&r, "GODEBUG", godebug_keys);
	read_keys(&r, "GOTHREADS", gothreads_keys);
}
