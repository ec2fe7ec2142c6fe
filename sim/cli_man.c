/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_man.c - verbs and keys in mdoc(7); see cli_man.h. */
#include "cli_man.h"
#include <string.h>

/* Text as roff prints it: a backslash is none, a minus is one, no line is a request. */
static void man_text(const char *text, size_t len, GString *out)
{
	if (len && (*text == '.' || *text == '\''))
		g_string_append(out, "\\&");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\')
			g_string_append(out, "\\e");
		else if (text[i] == '-')
			g_string_append(out, "\\-");
		else if (text[i] == ' ' && i && text[i - 1] == '.' && g_ascii_isupper(text[i + 1]))
			g_string_append_c(out, '\n'); /* a sentence begins its line */
		else
			g_string_append_c(out, text[i]);
	}
}

static void man_line(const char *text, GString *out)
{
	man_text(text, strlen(text), out);
	g_string_append_c(out, '\n');
}

/* "  -o, --out=DIR       folder for results" */
static void man_option(const char *line, GString *out)
{
	const char *at = line + strspn(line, " "), *gap = strstr(at, "  ");
	size_t len = gap ? (size_t)(gap - at) : strlen(at);

	g_string_append(out, ".It Sy \"");
	man_text(at, len, out);
	g_string_append(out, "\"\n");
	if (gap)
		man_line(gap + strspn(gap, " "), out);
}

static void man_options(const char *option_help, GString *out)
{
	g_auto(GStrv) lines = g_strsplit(option_help, "\n", -1);

	g_string_append(out, ".Bl -tag -width Ds\n");
	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, "  -"))
			man_option(*line, out);
	g_string_append(out, ".El\n");
}

/* Commands are indented, and stay as they are; what is not is prose. */
static void man_examples(const char *program, const char *examples, GString *out)
{
	g_auto(GStrv) parts = g_strsplit(examples, "%s", -1);
	g_autofree char *text = g_strjoinv(program, parts);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	bool literal = false;

	for (char **line = lines; *line; line++) {
		bool command = g_str_has_prefix(*line, "  ");

		if (command != literal)
			g_string_append(out, command ? ".Bd -literal -offset indent\n" : ".Ed\n");
		literal = command;
		if (!command && **line && line > lines &&
		    (!**(line - 1) || (*(line - 1))[0] == ' '))
			g_string_append(out, ".Pp\n");
		if (**line)
			man_line(*line + (command ? 2 : 0), out);
	}
	if (literal)
		g_string_append(out, ".Ed\n");
}

void man_verb(const char *program, const char *verb, const char *arguments, const char *help,
	      const char *option_help, const char *examples, GString *out)
{
	g_string_append_printf(out, ".Ss %s %s \\(em ", verb, arguments);
	man_line(help, out);
	man_options(option_help, out);
	g_string_append(out, ".Pp\n");
	man_examples(program, examples, out);
}

/* ---- keys ---- */

static void man_key(const struct key_decl *key, GString *out)
{
	g_autofree char *value = keys_describe(key);

	g_string_append(out, ".It Sy ");
	man_line(key->name, out);
	man_text(value, strlen(value), out);
	if (key->def) {
		g_string_append(out, ", default ");
		man_text(key->def, strlen(key->def), out);
	}
	g_string_append(out, ":\n");
	man_line(key->help, out);
}

void man_keys(const struct group_decl *groups, GString *out)
{
	for (const struct group_decl *g = groups; g->kind; g++) {
		g_string_append_printf(out, ".Ss [%s%s]\n", g->kind, g->named ? " NAME" : "");
		man_line(g->help, out);
		g_string_append(out, ".Bl -tag -width Ds\n");
		for (const struct key_decl *key = g->keys; key->name; key++)
			man_key(key, out);
		g_string_append(out, ".El\n");
	}
}
