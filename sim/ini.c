/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ini.c - normalising, GKeyFile, and `extends`; see ini.h.
 *
 * A reader works on one file: normalise() cuts it into groups and keys with their lines, and writes
 * the cleaned text; take_values() has GKeyFile read that text and fills in the values.
 */
#include "ini.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim_error.h"

enum { FILE_MAX = 1 << 20, LINE_LENGTH_MAX = 16384, EXTENDS_MAX = 16 };

struct reader {
	struct ini *ini;
	const char *file;        /* as shown in messages */
	GPtrArray *groups;       /* of this file */
	struct ini_group *group; /* the one being read */
	GString *clean;
	GError **error;
};

static void line_free(void *p)
{
	struct ini_line *l = p;

	g_free(l->key);
	g_free(l->value);
	g_free(l);
}

static void group_free(void *p)
{
	struct ini_group *g = p;

	g_free(g->name);
	g_ptr_array_unref(g->lines);
	g_free(g);
}

struct ini *ini_ref(struct ini *ini)
{
	g_atomic_int_inc(&ini->refs);
	return ini;
}

void ini_unref(struct ini *ini)
{
	if (!g_atomic_int_dec_and_test(&ini->refs))
		return;
	g_ptr_array_unref(ini->groups);
	g_ptr_array_unref(ini->files);
	g_free(ini);
}

static __attribute__((format(printf, 3, 4))) bool fail(struct reader *r, unsigned line,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	if (line)
		g_set_error(r->error, SIM_ERROR, SIM_EXIT_USAGE, "%s:%u: %s", r->file, line, text);
	else
		g_set_error(r->error, SIM_ERROR, SIM_EXIT_USAGE, "%s: %s", r->file, text);
	return false;
}

/* ---- bytes ---- */

/* The whole file; refuses what cannot be a scenario before reading it. */
static bool read_bytes(struct reader *r, GString *text)
{
	int fd = open(r->file, O_RDONLY | O_CLOEXEC);
	char buf[65536];
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fail(r, 0, "cannot read the scenario: %s", g_strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return fail(r, 0, "this is a folder; name a scenario file in it");
	}
	while ((n = read(fd, buf, sizeof(buf))) > 0 && text->len <= FILE_MAX)
		g_string_append_len(text, buf, n);
	int saved = errno;
	close(fd);
	if (n < 0)
		return fail(r, 0, "cannot read the scenario: %s", g_strerror(saved));
	if (text->len > FILE_MAX)
		return fail(r, 0, "larger than 1 MiB; this is no scenario file");
	return true;
}

/* Refuses a line that holds anything but text. */
static bool check_line(struct reader *r, unsigned line, const char *text, size_t len)
{
	if (len > LINE_LENGTH_MAX)
		return fail(r, line, "line of %zu bytes; at most %d", len, LINE_LENGTH_MAX);
	if (memchr(text, 0, len))
		return fail(r, line, "NUL byte; a scenario is plain text");
	if (!g_utf8_validate(text, (gssize)len, NULL))
		return fail(r, line, "not valid UTF-8; save the file as UTF-8 text");
	for (size_t i = 0; i < len; i++)
		if (g_ascii_iscntrl(text[i]) && text[i] != '\t')
			return fail(r, line, "control character 0x%02x; a scenario is plain text",
				    (unsigned char)text[i]);
	return true;
}

/* Cuts a comment: `#` or `;` at the start, or `#` behind white space. */
static void cut_comment(char *text)
{
	if (*text == '#' || *text == ';')
		*text = 0;
	for (char *p = text; *p; p++)
		if (*p == '#' && p > text && (p[-1] == ' ' || p[-1] == '\t')) {
			*p = 0;
			return;
		}
}

static char *single_blanks(const char *text)
{
	g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
	GString *s = g_string_new(NULL);

	for (char **w = words; *w; w++)
		if (**w)
			g_string_append_printf(s, "%s%s", s->len ? " " : "", *w);
	return g_string_free(s, FALSE);
}

/* ---- groups and keys ---- */

static bool begin_group(struct reader *r, unsigned line, char *text)
{
	char *end = strchr(text, ']');

	if (!end)
		return fail(r, line, "%s: the group has no closing ]", text);
	if (end[1])
		return fail(r, line, "%s: nothing but a comment may follow the ]", text);
	*end = 0;
	g_autofree char *name = single_blanks(text + 1);
	if (!*name || strchr(name, '['))
		return fail(r, line, "[%s] is no group; write [kind] or [kind name]", text + 1);
	for (guint i = 0; i < r->groups->len; i++) {
		const struct ini_group *g = r->groups->pdata[i];

		if (strcmp(g->name, name) == 0)
			return fail(r, line,
				    "[%s] a second time, first at line %u; put its keys "
				    "into one group",
				    name, g->line);
	}
	r->group = g_new0(struct ini_group, 1);
	r->group->name = g_steal_pointer(&name);
	r->group->file = r->file;
	r->group->line = line;
	r->group->lines = g_ptr_array_new_with_free_func(line_free);
	g_ptr_array_add(r->groups, r->group);
	g_string_append_printf(r->clean, "[%s]\n", r->group->name);
	return true;
}

/* `drops < 5` and `drops <= 5`: the comparison belongs behind the equals sign. */
static bool refuse_comparison(struct reader *r, unsigned line, const char *text)
{
	size_t at = strcspn(text, "<>~!");
	g_autofree char *key = g_strndup(text, at), *value = g_strdup(text + at);
	char op[3] = {value[0]};

	if (value[0] == '~')
		return fail(r, line,
			    "[%s] %s: a tolerance stands behind the =; write %s = 1000 ~ 5%%",
			    r->group->name, g_strstrip(key), key);
	for (char *p = value; *p && strchr("<>~!= \t", *p); p++) {
		if (*p == '=')
			op[1] = '=';
		*p = ' ';
	}
	return fail(r, line, "[%s] %s: a comparison stands behind the =; write %s = %s %s",
		    r->group->name, g_strstrip(key), key, op, *g_strstrip(value) ? value : "VALUE");
}

static bool add_key(struct reader *r, unsigned line, char *text)
{
	char *eq = strchr(text, '=');

	if (!r->group)
		return fail(r, line, "\"%s\" stands before the first group; begin with [scenario]",
			    text);
	/* `a >= 5` has an equals sign, but not one that ends a key. */
	if (eq > text && strchr("<>~!", eq[-1]))
		return refuse_comparison(r, line, text);
	if (!eq && strpbrk(text, "<>~!"))
		return refuse_comparison(r, line, text);
	if (!eq)
		return fail(r, line, "[%s] \"%s\" has no =; write key = value", r->group->name,
			    text);
	*eq = 0;
	g_autofree char *key = single_blanks(text);
	if (!*key)
		return fail(r, line, "[%s] no key before the =", r->group->name);
	if (strchr("<>~!", key[strlen(key) - 1])) {
		*eq = '=';
		return refuse_comparison(r, line, text);
	}
	if (strpbrk(key, "[]"))
		return fail(r, line, "[%s] %s: a key has no brackets", r->group->name, key);
	for (guint i = 0; i < r->group->lines->len; i++) {
		const struct ini_line *l = r->group->lines->pdata[i];

		if (strcmp(l->key, key) == 0)
			return fail(r, line, "[%s] %s: a second time, first at line %u; keep one",
				    r->group->name, key, l->line);
	}
	struct ini_line *l = g_new0(struct ini_line, 1);
	g_string_append_printf(r->clean, "%s=%s\n", key, g_strstrip(eq + 1));
	l->key = g_steal_pointer(&key);
	l->line = line;
	g_ptr_array_add(r->group->lines, l);
	return true;
}

static bool normalise(struct reader *r, const GString *text)
{
	const char *p = text->str, *end = text->str + text->len;
	unsigned line = 1;

	if (g_str_has_prefix(p, "\xef\xbb\xbf"))
		p += 3;
	for (; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);
		bool ok = true;

		if (len && p[len - 1] == '\r')
			len--;
		if (!check_line(r, line, p, len))
			return false;
		g_autofree char *copy = g_strndup(p, len);
		g_strchug(copy);
		cut_comment(copy);
		g_strchomp(copy);
		if (*copy)
			ok = *copy == '[' ? begin_group(r, line, copy) : add_key(r, line, copy);
		if (!ok)
			return false;
		p = nl ? nl + 1 : end;
	}
	if (!r->groups->len)
		return fail(r, 0, "no group in it; a scenario begins with [scenario]");
	return true;
}

static bool take_values(struct reader *r)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_autoptr(GError) wrong = NULL;

	if (!g_key_file_load_from_data(keys, r->clean->str, r->clean->len, G_KEY_FILE_NONE, &wrong))
		return fail(r, 0, "%s", wrong->message);
	for (guint i = 0; i < r->groups->len; i++) {
		struct ini_group *g = r->groups->pdata[i];

		for (guint k = 0; k < g->lines->len; k++) {
			struct ini_line *l = g->lines->pdata[k];

			l->value = g_key_file_get_value(keys, g->name, l->key, &wrong);
			if (!l->value)
				return fail(r, l->line, "[%s] %s: %s", g->name, l->key,
					    wrong->message);
		}
	}
	return true;
}

/* ---- files ---- */

static bool is_judgement(const char *group)
{
	return strcmp(group, "sweep") == 0 || strcmp(group, "expect") == 0 ||
	       g_str_has_prefix(group, "expect ") || strcmp(group, "search") == 0 ||
	       strcmp(group, "fidelity") == 0 || g_str_has_prefix(group, "fidelity ");
}

/* How figures look is one choice: a file with a [plot] of its own takes nothing of its base's. */
static void drop_plot(GPtrArray *groups)
{
	for (guint i = groups->len; i-- > 0;)
		if (strcmp(((const struct ini_group *)groups->pdata[i])->name, "plot") == 0)
			g_ptr_array_remove_index(groups, i);
}

static bool read_file(struct ini *ini, const char *path, GPtrArray *chain, GError **error);

/* The file that this one extends goes first. */
static bool read_base(struct reader *r, GPtrArray *chain)
{
	const struct ini_line *extends = NULL;

	for (guint i = 0; i < r->groups->len; i++) {
		const struct ini_group *g = r->groups->pdata[i];

		for (guint k = 0; k < g->lines->len && strcmp(g->name, "scenario") == 0; k++) {
			const struct ini_line *l = g->lines->pdata[k];

			if (strcmp(l->key, "extends") == 0)
				extends = l;
		}
	}
	if (!extends)
		return true;
	if (!*extends->value)
		return fail(r, extends->line, "[scenario] extends: no value; name a scenario file");
	g_autofree char *folder = g_path_get_dirname(r->file);
	g_autofree char *path = g_path_is_absolute(extends->value) || strcmp(folder, ".") == 0
					? g_strdup(extends->value)
					: g_build_filename(folder, extends->value, NULL);
	g_autofree char *real = realpath(path, NULL);
	if (!real)
		return fail(r, extends->line, "[scenario] extends: cannot read %s: %s", path,
			    g_strerror(errno));
	for (guint i = 0; i < chain->len; i++)
		if (strcmp(chain->pdata[i], real) == 0)
			return fail(r, extends->line,
				    "[scenario] extends: %s extends this file "
				    "in turn; break the circle",
				    path);
	if (chain->len > EXTENDS_MAX)
		return fail(r, extends->line, "[scenario] extends: more than %d files deep",
			    EXTENDS_MAX);
	return read_file(r->ini, path, chain, r->error);
}

static bool read_file(struct ini *ini, const char *path, GPtrArray *chain, GError **error)
{
	struct reader r = {.ini = ini, .error = error};
	g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(group_free);
	g_autoptr(GString) text = g_string_new(NULL);
	char *real = realpath(path, NULL), *name = g_strdup(path);
	bool derived = chain->len > 0;

	r.groups = groups;
	r.file = name;
	r.clean = g_string_new(NULL);
	g_ptr_array_add(chain, real ? g_strdup(real) : g_strdup(path));
	free(real);
	bool ok = read_bytes(&r, text) && normalise(&r, text) && take_values(&r) &&
		  read_base(&r, chain);
	g_string_free(r.clean, TRUE);
	g_ptr_array_add(ini->files, name);
	while (ok && groups->len) {
		struct ini_group *g = g_ptr_array_steal_index(groups, 0);

		if (derived && is_judgement(g->name)) {
			group_free(g);
			continue;
		}
		if (strcmp(g->name, "plot") == 0)
			drop_plot(ini->groups);
		g_ptr_array_add(ini->groups, g);
	}
	return ok;
}

struct ini *ini_read(const char *path, GError **error)
{
	struct ini *ini = g_new0(struct ini, 1);
	g_autoptr(GPtrArray) chain = g_ptr_array_new_with_free_func(g_free);

	ini->refs = 1;
	ini->files = g_ptr_array_new_with_free_func(g_free);
	ini->groups = g_ptr_array_new_with_free_func(group_free);
	if (read_file(ini, path, chain, error))
		return ini;
	ini_unref(ini);
	return NULL;
}
