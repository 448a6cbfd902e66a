/* SPDX-License-Identifier: MIT */
/* SPECs. See spec.h. */
#include "shim/spec.h"

#include <stdbool.h>
#include <string.h>

static const char letters[] = "cChHiulLqQfdDps";
static const char form[] = "[LIBRARY:]NAME=RESULT(ARGUMENTS), as sqlite3_step=i(p)";

struct text {
	const char *s;
	size_t len;
};

/* What lies before the first SEP, and *T moved behind that; false if there is none. */
static bool cut(struct text *t, char sep, struct text *head)
{
	const char *at = memchr(t->s, sep, t->len);

	if (!at)
		return false;
	*head = (struct text){ t->s, (size_t)(at - t->s) };
	t->s += head->len + 1;
	t->len -= head->len + 1;
	return true;
}

static bool copy(char *to, size_t room, struct text from)
{
	if (from.len >= room || memchr(from.s, '\0', from.len))
		return false;
	memcpy(to, from.s, from.len);
	to[from.len] = '\0';
	return true;
}

static bool is_name(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	for (; *s; s++)
		if (!(*s >= '0' && *s <= '9') && !(*s >= 'a' && *s <= 'z') &&
		    !(*s >= 'A' && *s <= 'Z') && *s != '_' && *s != '$' && *s != '.')
			return false;
	return true;
}

/* The types of S: how many outside of all braces, -1 if they are not types. */
static int types(const char *s)
{
	int n = 0, depth = 0;

	for (; *s; s++) {
		if (*s == '{') {
			n += depth == 0;
			if (++depth > SPEC_DEPTH || s[1] == '}')
				return -1;
		} else if (*s == '}') {
			if (--depth < 0)
				return -1;
		} else if (strchr(letters, *s)) {
			n += depth == 0;
		} else {
			return -1;
		}
	}
	return depth ? -1 : n;
}

const char *spec_parse(const char *text, size_t len, struct spec *spec)
{
	struct text rest = { text, len }, library = { text, 0 }, name, result;

	while (rest.len && (rest.s[rest.len - 1] == ' ' || rest.s[rest.len - 1] == '\t'))
		rest.len--;
	/* What is before '=' may hold the library, whose name may hold anything but these two. */
	if (!cut(&rest, '=', &name))
		return form;
	cut(&name, ':', &library);
	if (!cut(&rest, '(', &result) || !rest.len || rest.s[rest.len - 1] != ')')
		return form;
	rest.len--;
	if (name.len >= SPEC_NAME || library.len >= SPEC_NAME || result.len >= SPEC_TYPES ||
	    rest.len >= SPEC_TYPES)
		return "shorter";
	if (!copy(spec->library, SPEC_NAME, library) || !copy(spec->name, SPEC_NAME, name) ||
	    !copy(spec->result, SPEC_TYPES, result) || !copy(spec->args, SPEC_TYPES, rest))
		return form;
	if (!is_name(spec->name))
		return form;
	if (strstr(spec->args, ".."))
		return "a function whose number of arguments is fixed";
	if (strcmp(spec->result, "v") != 0 && types(spec->result) != 1)
		return "given one type as result: v, {...} or one of cChHiulLqQfdDps";
	if (types(spec->args) < 0)
		return "given types as arguments: {...} or of cChHiulLqQfdDps";
	if (types(spec->args) > SPEC_ARGS)
		return "a function of at most 40 arguments";
	return NULL;
}

const char *spec_type_end(const char *at)
{
	int depth = 0;

	do {
		depth += *at == '{';
		depth -= *at == '}';
		at++;
	} while (depth);
	return at;
}
