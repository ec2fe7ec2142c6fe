/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_table.c - what figures show: runs in groups, groups as rows of a table.
 *
 * Runs are grouped by direction, delivery, policy and, for the load figure, rate; a group is one
 * bar, curve or point of a curve, and holds the repeats of one point. Each figure writes its groups
 * as a table of blank-separated words and numbers, in the order in which they are to be drawn.
 *
 * What always holds: groups are sorted by (direction, delivery, policy, rate) and parts by the path
 * a frame takes, names unknown here after those known, by name; so the same results give the same
 * table. Nothing of what is drawn depends on the order of a hash table.
 *
 * Rejected: averaging over keys that are swept beside the policy (a mean over NIC speeds means
 * nothing).
 */
#include "plot_impl.h"

#include <string.h>

static const char *const deliveries[] = {"kernel", "process", NULL};
static const char *const policies[] = {"null", "copy", "single-copy", "zero-copy", NULL};

/* Copies in the order in which a frame meets them, into the guest and then out of it. */
static const char *const sites[] = {
	"hypervisor_to_vmm",       "vmm_to_guest",
	"hypervisor_to_guest",     "posted_to_guest",
	"guest_to_guest",          "guest_to_vmm",
	"vmm_to_hypervisor",       "guest_to_hypervisor",
	"posted_to_guest_kernel",  "guest_kernel_to_process",
	"process_to_guest_kernel", NULL,
};

/* Stages in the order of time. Local frames leave one guest and enter another. */
static const char *const rx_stages[] = {
	"wire_wait", "wire",       "nic",          "host_wait",    "host",    "vmm_wait",
	"vmm",       "guest_wait", "guest_kernel", "process_wait", "process", NULL,
};
static const char *const tx_stages[] = {
	"send_wait", "guest", "vmm_wait",  "vmm",  "host_wait",
	"host",      "nic",   "wire_wait", "wire", NULL,
};
static const char *const local_stages[] = {
	"send_wait", "guest",      "host_wait",    "host",         "nic",     "vmm_wait",
	"vmm",       "guest_wait", "guest_kernel", "process_wait", "process", NULL,
};

/* ---- grouping ---- */

/* The value of the first swept key whose name ends so, and its name; NULL if none does. */
static const char *key_ending(const struct plot_data *s, const struct run *r, const char *end,
			      const char **name)
{
	for (guint i = 0; i < s->keys->len; i++) {
		const char *key = s->keys->pdata[i];

		if (!g_str_has_suffix(key, end) || g_str_has_suffix(key, "rx_policy") ||
		    g_str_has_suffix(key, "tx_policy"))
			continue;
		if (name)
			*name = key;
		return g_hash_table_lookup(r->keys, key);
	}
	return NULL;
}

/* What a bar is named by. Frames between guests count as received. */
static const char *policy_of(const struct plot_data *s, const struct run *r, const char *direction)
{
	const char *own = strcmp(direction, "tx") == 0 ? "tx_policy" : "rx_policy";
	const char *v = NULL;

	if (s->by_file)
		return r->file;
	for (guint i = 0; i < s->keys->len && !v; i++) {
		if (g_str_has_suffix(s->keys->pdata[i], own))
			v = g_hash_table_lookup(r->keys, s->keys->pdata[i]);
	}
	if (!v)
		v = key_ending(s, r, "_policy", NULL);
	if (!v)
		v = key_ending(s, r, "_system", NULL);
	if (!v)
		v = g_hash_table_lookup(r->config, own);
	if (!v || !*v)
		v = g_hash_table_lookup(r->config, "policy");
	return v && *v ? v : "all";
}

static const char *delivery_of(const struct plot_data *s, const struct run *r)
{
	const char *v = key_ending(s, r, "_delivery", NULL);

	if (!v)
		v = g_hash_table_lookup(r->config, "delivery");
	return v && *v ? v : "any";
}

static bool rate_of(const struct plot_data *s, const struct run *r, double *rate, const char **name)
{
	const char *v = key_ending(s, r, "_rate_bps", name);
	char *end;

	if (!v)
		v = key_ending(s, r, "_pps", name);
	if (!v)
		return false;
	*rate = g_ascii_strtod(v, &end);
	return end != v && !*end;
}

/* Place in a table; names that are not there come last. */
static int place(const char *const *table, const char *name)
{
	int i = 0;

	while (table[i] && strcmp(table[i], name) != 0)
		i++;
	return i;
}

static int by_place(const char *const *table, const char *a, const char *b)
{
	int d = place(table, a) - place(table, b);

	return d ? d : strcmp(a, b);
}

static int by_group(const void *pa, const void *pb)
{
	const struct group *a = *(struct group *const *)pa, *b = *(struct group *const *)pb;
	int d = by_place(plot_directions, a->direction, b->direction);

	if (!d)
		d = by_place(deliveries, a->delivery, b->delivery);
	if (!d)
		d = (a->order > b->order) - (a->order < b->order);
	if (!d)
		d = by_place(policies, a->policy, b->policy);
	return d ? d : (a->rate > b->rate) - (a->rate < b->rate);
}

static void group_free(void *p)
{
	struct group *g = p;

	g_ptr_array_unref(g->runs);
	g_free(g);
}

/* Puts a run into its group: a new one, or that of its own point's repeats. */
static void group_run(const struct plot_data *s, GPtrArray *groups, struct run *r,
		      const char *direction, double rate)
{
	const char *policy = policy_of(s, r, direction), *delivery = delivery_of(s, r);
	struct group *g;

	for (guint i = 0; i < groups->len; i++) {
		g = groups->pdata[i];
		if (strcmp(g->direction, direction) != 0 || strcmp(g->policy, policy) != 0 ||
		    strcmp(g->delivery, delivery) != 0 || g->rate < rate || g->rate > rate)
			continue;
		if (((struct run *)g->runs->pdata[0])->point == r->point)
			g_ptr_array_add(g->runs, r);
		return;
	}
	g = g_new0(struct group, 1);
	*g = (struct group){
		.direction = direction,
		.policy = policy,
		.delivery = delivery,
		.rate = rate,
		.order = s->by_file ? r->point : 0,
		.runs = g_ptr_array_new(),
	};
	g_ptr_array_add(g->runs, r);
	g_ptr_array_add(groups, g);
}

GPtrArray *plot_groups(const struct plot_data *s, bool by_rate)
{
	GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);

	for (size_t d = 0; plot_directions[d]; d++) {
		for (guint i = 0; i < s->runs->len; i++) {
			struct run *r = s->runs->pdata[i];
			double delivered = 0, rate = 0;

			plot_metric(r, plot_directions[d], "delivered", &delivered);
			/* Under overload a policy may deliver nothing, and the curve shows it. */
			if (by_rate)
				plot_metric(r, plot_directions[d], "packets", &delivered);
			if (delivered > 0 && (!by_rate || rate_of(s, r, &rate, NULL)))
				group_run(s, groups, r, plot_directions[d], rate);
		}
	}
	g_ptr_array_sort(groups, by_group);
	return groups;
}

static bool same_panel(const struct group *a, const struct group *b)
{
	return strcmp(a->direction, b->direction) == 0 && strcmp(a->delivery, b->delivery) == 0;
}

/* Of a metric over the repeats: mean, least, most. False if no repeat has it. */
static bool group_mean(const struct group *g, const char *metric, double *mean, double *least,
		       double *most)
{
	unsigned int n = 0;

	*mean = 0;
	for (guint i = 0; i < g->runs->len; i++) {
		double v;

		if (!plot_metric(g->runs->pdata[i], g->direction, metric, &v))
			continue;
		*least = n && *least < v ? *least : v;
		*most = n && *most > v ? *most : v;
		*mean += v;
		n++;
	}
	if (n)
		*mean /= n;
	return n > 0;
}
/* Do two results share policy and delivery, in a direction that both have? */
bool plot_policies_clash(const struct plot_data *s)
{
	for (guint i = 0; i < s->runs->len; i++) {
		for (guint k = 0; k < i; k++) {
			const struct run *a = s->runs->pdata[i], *b = s->runs->pdata[k];

			if (strcmp(delivery_of(s, a), delivery_of(s, b)) == 0 &&
			    (strcmp(policy_of(s, a, "rx"), policy_of(s, b, "rx")) == 0 ||
			     strcmp(policy_of(s, a, "tx"), policy_of(s, b, "tx")) == 0))
				return true;
		}
	}
	return false;
}

/* Files of one name in several folders, as studies have them, go by folder and name. */
void plot_name_by_file(struct plot_data *s)
{
	s->by_file = true;
	for (guint i = 0; i < s->runs->len; i++) {
		for (guint k = 0; k < i; k++) {
			struct run *a = s->runs->pdata[i], *b = s->runs->pdata[k];
			g_autofree char *dir = g_path_get_dirname(a->path);
			g_autofree char *folder = g_path_get_basename(dir);

			if (strcmp(a->file, b->file) != 0)
				continue;
			g_free(a->file);
			a->file = g_build_filename(folder, b->file, NULL);
		}
	}
}

/* ---- tables ---- */

static void put_number(GString *out, double v)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append_c(out, ' ');
	g_string_append(out, g_ascii_formatd(text, sizeof(text), "%.9g", v));
}

/* Scripts keep lists of words, so a word holds no blank. */
static void put_word(GString *out, const char *word)
{
	if (out->len && out->str[out->len - 1] != '\n')
		g_string_append_c(out, ' ');
	for (; *word; word++)
		g_string_append_c(out, g_ascii_isspace(*word) || *word == '"' ? '_' : *word);
}

static void put_group(GString *out, const struct group *g)
{
	put_word(out, g->direction);
	put_word(out, g->delivery);
	put_word(out, g->policy);
}

/* Names between `prefix` and `suffix` of any metric: those of `table` in its order, then others.
   One with a dot is a part of a part: copies.SITE.REASON is in copies.SITE already. */
static GPtrArray *parts_new(const struct group *g, const char *prefix, const char *suffix,
			    const char *const *table)
{
	GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *start = g_strconcat(g->direction, ".", prefix, NULL);
	g_autoptr(GPtrArray) others = g_ptr_array_new();
	GHashTableIter iter;
	void *key;

	for (size_t i = 0; table[i]; i++)
		g_ptr_array_add(parts, g_strdup(table[i]));
	g_hash_table_iter_init(&iter, ((struct run *)g->runs->pdata[0])->metrics);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		size_t skip = strlen(start), end = strlen(suffix), len = strlen(key);
		char *name;

		if (!g_str_has_prefix(key, start) || !g_str_has_suffix(key, suffix) ||
		    len <= skip + end)
			continue;
		name = g_strndup((char *)key + skip, len - skip - end);
		if (table[place(table, name)] || strchr(name, '.'))
			g_free(name);
		else
			g_ptr_array_add(others, name);
	}
	g_ptr_array_sort(others, plot_by_name);
	for (guint i = 0; i < others->len; i++)
		g_ptr_array_add(parts, others->pdata[i]);
	return parts;
}

/*
 * A stacked bar, one row a part: place, group, part, from, to; and a row `total`. Parts are the
 * means of metric PREFIX<part>SUFFIX, each divided by `per`.
 */
static void put_bar(GString *out, const struct group *g, double at, const char *const *table,
		    const char *prefix, const char *suffix, double per)
{
	g_autoptr(GPtrArray) parts = parts_new(g, prefix, suffix, table);
	double from = 0, mean, least, most;

	for (guint i = 0; i <= parts->len; i++) {
		const char *part = i < parts->len ? parts->pdata[i] : "total";
		g_autofree char *metric = g_strconcat(prefix, part, suffix, NULL);

		mean = 0;
		if (i < parts->len && (!group_mean(g, metric, &mean, &least, &most) || mean <= 0))
			continue;
		put_group(out, g);
		put_word(out, part);
		put_number(out, at);
		put_number(out, from);
		from += mean / per;
		put_number(out, from);
		g_string_append_c(out, '\n');
	}
}

void plot_copies_rows(const struct plot_data *s, GPtrArray *groups, GString *out)
{
	double at = 0, delivered, least, most;

	(void)s;
	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = groups->pdata[i];

		/* Clusters stand one bar's width apart. */
		if (i)
			at += same_panel(groups->pdata[i - 1], g) ? 1 : 2;
		group_mean(g, "delivered", &delivered, &least, &most);
		put_bar(out, g, at, sites, "copies.", "", delivered);
	}
}

void plot_stages_rows(const struct plot_data *s, GPtrArray *groups, GString *out)
{
	double at = 0;

	(void)s;
	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = groups->pdata[i];
		const char *const *table = strcmp(g->direction, "rx") == 0   ? rx_stages
					   : strcmp(g->direction, "tx") == 0 ? tx_stages
									     : local_stages;
		size_t before = out->len;

		if (i)
			at = same_panel(groups->pdata[i - 1], g) ? at + 1 : 0;
		put_bar(out, g, at, table, "stage_ns.", ".mean", 1);
		/* A total of nothing: there are no stages here. */
		if (strchr(out->str + before, '\n') == out->str + out->len - 1)
			g_string_truncate(out, before);
	}
}

static int by_low(const void *pa, const void *pb)
{
	const struct bin *a = pa, *b = pb;

	return (a->lo > b->lo) - (a->lo < b->lo);
}

/* One curve: the share of frames that took at most so long, at the upper end of each bin. */
void plot_latency_rows(const struct plot_data *s, GPtrArray *groups, GString *out)
{
	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = groups->pdata[i];
		unsigned int point = ((struct run *)g->runs->pdata[0])->point;
		g_autofree char *key = g_strdup_printf("%u.%s", point, g->direction);
		GArray *bins = g_hash_table_lookup(s->hists, key);
		double total = 0, sum = 0;

		if (!bins || !bins->len)
			continue;
		g_array_sort(bins, by_low);
		for (guint k = 0; k < bins->len; k++)
			total += g_array_index(bins, struct bin, k).count;
		for (guint k = 0; k < bins->len && total > 0; k++) {
			const struct bin *b = &g_array_index(bins, struct bin, k);

			/* From 0, and level across what no frame took. */
			if (b->lo > 0 && (k == 0 || b->lo - b[-1].hi > b->hi - b->lo)) {
				put_group(out, g);
				put_number(out, b->lo);
				put_number(out, sum / total);
				g_string_append_c(out, '\n');
			}
			sum += b->count;
			if (b->hi <= 0 || (k + 1 < bins->len && b[1].lo <= b->lo))
				continue;
			put_group(out, g);
			put_number(out, b->hi);
			put_number(out, sum / total);
			g_string_append_c(out, '\n');
		}
	}
}

/* Offered, then mean, least and most of throughput and of the share of frames dropped. */
void plot_load_rows(const struct plot_data *s, GPtrArray *groups, GString *out)
{
	(void)s;
	for (guint i = 0; i < groups->len; i++) {
		struct group *g = groups->pdata[i];
		double mean, least, most, packets;

		if (!group_mean(g, "packets", &packets, &least, &most) || packets <= 0 ||
		    !group_mean(g, "throughput_bps", &mean, &least, &most))
			continue;
		put_group(out, g);
		put_number(out, g->rate);
		put_number(out, mean);
		put_number(out, least);
		put_number(out, most);
		/* The results leave out what was never counted; no drops then. */
		if (!group_mean(g, "drops", &mean, &least, &most))
			mean = least = most = 0;
		put_number(out, mean / packets);
		put_number(out, least / packets);
		put_number(out, most / packets);
		g_string_append_c(out, '\n');
	}
}

/* ---- the line under the title ---- */

/* The one value that a key has in all groups; NULL if there are several. */
static const char *common_value(GPtrArray *groups, const char *key)
{
	const char *value = NULL;

	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = groups->pdata[i];
		const struct run *r = g->runs->pdata[0];
		const char *v = g_hash_table_lookup(r->keys, key);

		if (!v || (value && strcmp(value, v) != 0))
			return NULL;
		value = v;
	}
	return value;
}

/* 25000000000 of a key in _bps as "25 Gbit/s"; other values as they are. */
static void put_value(GString *out, const char *key, const char *value)
{
	static const char *const units[][2] = {
		{"_bps", "bit/s"}, {"_hz", "Hz"}, {"_pps", "packets/s"}};
	char *end, text[G_ASCII_DTOSTR_BUF_SIZE];
	double v = g_ascii_strtod(value, &end);
	const char *prefix = "";

	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		if (!g_str_has_suffix(key, units[i][0]) || *end || end == value)
			continue;
		for (const char *p = "kMGT"; *p && v >= 1000; p++, v /= 1000)
			prefix = p;
		g_ascii_formatd(text, sizeof(text), "%.4g", v);
		g_string_append_printf(out, "%s %.*s%s", text, *prefix ? 1 : 0, prefix,
				       units[i][1]);
		return;
	}
	g_string_append(out, value);
}

void plot_put_about(GString *out, const struct plot_data *s, GPtrArray *groups, bool by_rate)
{
	g_autoptr(GString) text = g_string_new(s->about);
	const struct group *first = groups->pdata[0];
	const char *name = "";
	double rate;

	for (guint i = 0; i < s->keys->len; i++) {
		const char *key = s->keys->pdata[i], *value = common_value(groups, key);

		if (!value || !*value || g_str_has_suffix(key, "policy") ||
		    g_str_has_suffix(key, "_delivery") || g_str_has_suffix(key, "_system"))
			continue;
		g_string_append_printf(text, ", %s = ", key);
		put_value(text, key, value);
	}
	if (first->runs->len > 1)
		g_string_append_printf(text, ", %u repeats", first->runs->len);
	g_strdelimit(text->str, "\"\n", '_');
	g_string_append_printf(out, "\"%s\"", text->str);
	if (by_rate)
		rate_of(s, first->runs->pdata[0], &rate, &name);
	put_word(out, g_str_has_suffix(name, "_pps")   ? "packets/s"
		      : g_str_has_suffix(name, "_bps") ? "bit/s"
						       : "-");
	g_string_append_c(out, '\n');
}
