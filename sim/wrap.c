/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap.c - text for the width of a terminal; see wrap.h. */
#include "wrap.h"
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80, COLUMNS_MIN = 40, HANG = 4 };

unsigned wrap_columns(FILE *stream)
{
	struct winsize size;

	if (!isatty(fileno(stream)))
		return 0;
	if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || !size.ws_col)
		return COLUMNS_DEFAULT;
	return MAX(size.ws_col, COLUMNS_MIN);
}

static size_t width(const char *from, size_t bytes)
{
	return (size_t)g_utf8_strlen(from, (gssize)bytes);
}

/* Where the last column begins, in bytes. */
static size_t last_column(const char *line, size_t len)
{
	size_t at = strspn(line, " ");

	for (size_t i = at + 1; i < len; i++)
		if (line[i] != ' ' && line[i - 1] == ' ' && line[i - 2] == ' ')
			at = i;
	return at;
}

/* Words from `at` on, the first line being filled up to column `used` already. */
static void fill(const char *at, const char *end, size_t used, size_t hang, size_t columns,
		 GString *out)
{
	bool first = true;

	while (at < end) {
		size_t n = strcspn(at, " \n"), w;

		n = MIN(n, (size_t)(end - at));
		w = width(at, n);
		if (!first && used + 1 + w > columns) {
			g_string_append_printf(out, "\n%*s", (int)hang, "");
			used = hang;
		} else if (!first) {
			g_string_append_c(out, ' ');
			used++;
		}
		g_string_append_len(out, at, (gssize)n);
		used += w;
		first = false;
		at += n;
		while (at < end && *at == ' ')
			at++;
	}
}

/* Bytes of the column that begins here: up to two blanks or the end. */
static size_t column_bytes(const char *at, const char *end)
{
	const char *p = at;

	while (p < end && !(p[0] == ' ' && p + 1 < end && p[1] == ' '))
		p++;
	return (size_t)(p - at);
}

/* All columns but the last, which the caller puts below; on as many lines as they take. */
static void fill_columns(const char *line, const char *end, size_t lead, size_t columns,
			 GString *out)
{
	size_t used = 0;

	for (const char *at = line; at < end;) {
		const char *text = at + strspn(at, " ");
		size_t n = column_bytes(text, end), w = width(text, n), gap = (size_t)(text - at);

		if (used && used + gap + w > columns) {
			g_string_append_printf(out, "\n%*s", (int)(lead + HANG), "");
			used = lead + HANG;
		} else {
			g_string_append_printf(out, "%*s", (int)gap, "");
			used += gap;
		}
		g_string_append_len(out, text, (gssize)n);
		used += w;
		at = text + n;
		if (at + strspn(at, " ") >= end)
			break;
	}
}

static void wrap_line(const char *line, size_t len, size_t columns, GString *out)
{
	size_t lead = strspn(line, " "), at = last_column(line, len), head = width(line, at);
	size_t hang = head > lead && head <= columns / 2 ? head : lead + HANG;

	if (head > columns / 2) {
		fill_columns(line, line + at, lead, columns, out);
		g_string_append_printf(out, "\n%*s", (int)hang, "");
		fill(line + at, line + len, hang, hang, columns, out);
		return;
	}
	g_string_append_len(out, line, (gssize)at);
	fill(line + at, line + len, head, hang, columns, out);
}

/* A row of a table has no prose at its end: it is not torn. */
static bool has_prose(const char *line, size_t len)
{
	size_t at = last_column(line, len);

	return memchr(line + at, ' ', len - at) != NULL;
}

void wrap_text(const char *text, unsigned columns, GString *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (!columns || width(text, len) <= columns || !has_prose(text, len))
			g_string_append_len(out, text, (gssize)len);
		else
			wrap_line(text, len, columns, out);
		text += len;
		if (*text == '\n') {
			g_string_append_c(out, '\n');
			text++;
		}
	}
}
