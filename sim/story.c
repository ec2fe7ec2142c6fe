/* SPDX-License-Identifier: GPL-2.0-or-later */
/* story.c - one packet's story: see story.h. */
#include "story.h"
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum { WIDTH = 80, NUMBER = 12, WHERE = 14 };

struct line {
	enum story_kind kind;
	sim_time at, takes;
	char *where, *what;
	guint order;
};

struct tale {
	char *name, *way, *direction, *end;
	uint32_t bytes;
	sim_time began, ended;
	GArray *lines; /* struct line */
};

struct story {
	GArray *tales; /* struct tale */
};

static void line_clear(void *p)
{
	struct line *l = p;

	g_free(l->where);
	g_free(l->what);
}

static void tale_clear(void *p)
{
	struct tale *t = p;

	g_free(t->name);
	g_free(t->way);
	g_free(t->direction);
	g_free(t->end);
	g_array_unref(t->lines);
}

struct story *story_new(void)
{
	struct story *s = g_new(struct story, 1);

	s->tales = g_array_new(FALSE, TRUE, sizeof(struct tale));
	g_array_set_clear_func(s->tales, tale_clear);
	return s;
}

void story_free(struct story *s)
{
	if (!s)
		return;
	g_array_unref(s->tales);
	g_free(s);
}

void story_begin(struct story *s, const char *name, const char *way, const char *direction,
		 uint32_t bytes, sim_time began)
{
	struct tale t = {.name = g_strdup(name),
			 .way = g_strdup(way),
			 .direction = g_strdup(direction),
			 .bytes = bytes,
			 .began = began,
			 .lines = g_array_new(FALSE, TRUE, sizeof(struct line))};

	g_array_set_clear_func(t.lines, line_clear);
	g_array_append_val(s->tales, t);
}

void story_line(struct story *s, guint i, enum story_kind kind, sim_time at, sim_time takes,
		const char *where, const char *what)
{
	struct tale *t = &g_array_index(s->tales, struct tale, i);
	struct line l = {kind, at, takes, g_strdup(where), g_strdup(what), t->lines->len};

	g_array_append_val(t->lines, l);
}

void story_end(struct story *s, guint i, const char *end, sim_time at)
{
	struct tale *t = &g_array_index(s->tales, struct tale, i);

	g_free(t->end);
	t->end = g_strdup(end);
	t->ended = at;
}

guint story_count(const struct story *s)
{
	return s->tales->len;
}

/* By time; a stage before what happened in it. */
static int by_time(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static GArray *in_order(const struct tale *t)
{
	GArray *lines = g_array_sized_new(FALSE, FALSE, sizeof(struct line), t->lines->len);

	if (t->lines->len)
		g_array_append_vals(lines, t->lines->data, t->lines->len);
	g_array_sort(lines, by_time);
	return lines;
}

/* ---- JSON ---- */

static json_t *ns(sim_time ps)
{
	return ps % SIM_NS ? json_real((double)ps / 1000) : json_integer((json_int_t)(ps / SIM_NS));
}

static json_t *tale_json(const struct tale *t)
{
	static const char *const kind[] = {"stage", "copy", "dma", "notice", "end"};
	g_autoptr(GArray) lines = in_order(t);
	json_t *list = json_array();

	for (guint i = 0; i < lines->len; i++) {
		const struct line *l = &g_array_index(lines, struct line, i);

		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:o, s:s, s:s}", "kind", kind[l->kind],
						"at_ns", ns(l->at - t->began), "takes_ns",
						ns(l->takes), "where", l->where, "what", l->what));
	}
	return json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:s, s:o}", "packet", t->name, "way",
			 t->way, "direction", t->direction, "bytes", (int)t->bytes, "began_ns",
			 ns(t->began), "latency_ns", ns(t->ended - t->began), "end",
			 t->end ? t->end : "under way", "story", list);
}

struct json_t *story_json(const struct story *s)
{
	json_t *all = json_array();

	for (guint i = 0; i < s->tales->len; i++)
		json_array_append_new(all, tale_json(&g_array_index(s->tales, struct tale, i)));
	return all;
}

/* ---- for the eye ---- */

/* 1,234.567 */
static void number(sim_time ps, GString *out)
{
	g_autoptr(GString) text = g_string_new(NULL);

	g_string_printf(text, "%" PRIu64 ".%03" PRIu64, ps / SIM_NS, ps % SIM_NS);
	for (gssize at = (gssize)text->len - 7; at > 0; at -= 3)
		g_string_insert_c(text, at, ',');
	g_string_append_printf(out, "%*s", NUMBER, text->str);
}

/* Words of `what` in what is left of the lines. */
static void wrap(const char *what, GString *out)
{
	enum { LEFT = 2 * NUMBER + WHERE + 4, ROOM = WIDTH - LEFT };
	g_auto(GStrv) words = g_strsplit(what, " ", -1);
	size_t used = 0;

	for (unsigned i = 0; words[i]; i++) {
		size_t len = strlen(words[i]);

		if (used && used + 1 + len > ROOM) {
			g_string_append_printf(out, "\n%*s", LEFT, "");
			used = 0;
		}
		g_string_append_printf(out, "%s%s", used ? " " : "", words[i]);
		used += len + (used > 0);
	}
	g_string_append_c(out, '\n');
}

static void print_line(const struct tale *t, const struct line *l, GString *out)
{
	bool stage = l->kind == STORY_STAGE;

	number(l->at - t->began, out);
	if (stage || l->takes)
		number(l->takes, out);
	else
		g_string_append_printf(out, "%*s", NUMBER, "");
	g_string_append_printf(out, "  %-*s  ", WHERE, l->where);
	wrap(l->what, out);
}

static void print_tale(const struct tale *t, GString *out)
{
	g_autoptr(GArray) lines = in_order(t);

	g_string_append_printf(out, "%s: %u bytes, %s (%s), from", t->name, t->bytes, t->way,
			       t->direction);
	number(t->began, out);
	g_string_append(out, " ns\n\n");
	g_string_append_printf(out, "%*s%*s  %-*s  %s\n", NUMBER, "at ns", NUMBER, "takes ns",
			       WHERE, "where", "what");
	for (guint i = 0; i < lines->len; i++)
		print_line(t, &g_array_index(lines, struct line, i), out);
	number(t->ended - t->began, out);
	g_string_append_printf(out, "%*s  %-*s  ", NUMBER, "", WHERE, "");
	wrap(t->end ? t->end : "under way", out);
}

void story_print(const struct story *s, GString *out)
{
	for (guint i = 0; i < s->tales->len; i++) {
		if (i)
			g_string_append_c(out, '\n');
		print_tale(&g_array_index(s->tales, struct tale, i), out);
	}
}
