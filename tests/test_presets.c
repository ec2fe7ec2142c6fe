/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_presets.c - machine generations: their keys exist, are in range, reach the run, are sourced.
 */
#include "machine_helper.h"

#include "sim/keys.h"

static const struct key_decl *preset_key(void)
{
	const struct key_decl *k = keys_find(keys_group(option_groups, "host"), "preset");

	assert_non_null(k);
	assert_non_null(k->presets);
	return k;
}

static char *read_doc(void)
{
	char *text = NULL;

	if (!g_file_get_contents("docs/presets.md", &text, NULL, NULL))
		fail_msg("docs/presets.md is not there");
	return text;
}

/* Every choice but the default is a preset, and every preset a choice. */
static void choices_are_presets(void **state)
{
	const struct key_decl *k = preset_key();
	g_auto(GStrv) word = g_strsplit(k->choices, "|", -1);
	unsigned n = 0;

	(void)state;
	assert_string_equal(word[0], "default");
	for (const struct key_preset *p = k->presets; p->choice; p++, n++)
		assert_true(g_strv_contains((const char *const *)word, p->choice));
	assert_int_equal(n, g_strv_length(word) - 1);
	assert_true(n >= 3);
}

/* Each KIND.KEY=VALUE names a key, once, with a value that the key takes; the document has it. */
static void every_value_is_a_keys(void **state)
{
	g_autofree char *doc = read_doc();

	(void)state;
	for (const struct key_preset *p = preset_key()->presets; p->choice; p++) {
		g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

		assert_non_null(strstr(doc, p->choice));
		for (const char *const *set = p->sets; *set; set++) {
			g_auto(GStrv) side = g_strsplit(*set, "=", 2);
			g_auto(GStrv) name = g_strsplit(side[0], ".", 2);
			const struct group_decl *g = keys_group(option_groups, name[0]);
			const struct key_decl *k = g ? keys_find(g, name[1]) : NULL;
			g_autofree char *why = NULL;
			uint64_t number;
			int word;

			if (!k || !keys_parse(k, side[1], &number, &word, &why))
				fail_msg("%s: %s: %s", p->choice, *set, why ? why : "no such key");
			assert_true(g_hash_table_add(seen, (gpointer)k));
			if (!strstr(doc, name[1]))
				fail_msg("docs/presets.md says nothing of %s", side[0]);
		}
	}
}

#define MACHINE                                                                                    \
	"[host]\npreset = %s\n%s[nic eth0]\n[guest vm1]\n"                                         \
	"[traffic t]\nto = vm1\nsize = 60B\npps = 1e5\npackets = 100\n"

static char *config_of(const struct run *r, const char *set)
{
	g_auto(GStrv) side = g_strsplit(set, "=", 2);
	g_auto(GStrv) name = g_strsplit(side[0], ".", 2);

	return g_strdup(cfg_str(scenario_find(r->sc, name[0]), name[1]));
}

/* A run under each has these values, and works, with caches and without. */
static void presets_reach_the_run(void **state)
{
	(void)state;
	for (const struct key_preset *p = preset_key()->presets; p->choice; p++)
		for (unsigned cache = 0; cache < 2; cache++) {
			struct run r = run_text(MACHINE, p->choice, cache ? "cache = model\n" : "");

			run_ok(&r);
			run_is(&r, "vm1.rx.delivered", 100);
			for (const char *const *set = p->sets; *set; set++) {
				g_autofree char *got = config_of(&r, *set);
				assert_string_equal(got, strchr(*set, '=') + 1);
			}
			run_free(&r);
		}
}

/* What the scenario says stands above. */
static void the_scenario_overrides(void **state)
{
	struct run r = run_text(MACHINE, "nehalem-2009", "clock = 1GHz\n");
	struct run d = run_text(MACHINE, "default", "");
	g_autofree char *clock = config_of(&r, "host.clock="), *llc = config_of(&r, "host.llc=");
	g_autofree char *def = config_of(&d, "host.clock=");

	(void)state;
	run_ok(&r);
	run_ok(&d);
	assert_string_equal(clock, "1GHz");
	assert_string_equal(llc, "8MiB");
	assert_string_equal(def, "2.5GHz");
	run_free(&r);
	run_free(&d);
}

/* An interrupt's way into a busy guest: exits, what the host does, and the end of it. */
#define VF                                                                                         \
	"[host]\n%s[iommu]\nmode = static\n[cost]\nirq_handle = 5000\n[nic eth0]\n"                \
	"moderation = 20us\n[guest vm1]\nattach = vf\n"                                            \
	"[traffic t]\nfrom = vm1\nsize = 60B\nrate = max\nduration = 5ms\n"

static void an_interrupt_may_leave_twice(void **state)
{
	struct run none = run_text(VF, "");
	struct run once = run_text(VF, "posted_interrupts = false\n");
	struct run twice = run_text(VF, "posted_interrupts = false\neoi = exit\n");
	uint64_t n = 0;

	(void)state;
	run_ok(&none);
	run_ok(&once);
	run_ok(&twice);
	assert_true(run_int(&none, "vm1.tx.interrupts") > 150);
	assert_true(run_int(&none, "vm1.tx.vm_exits") < 10);
	assert_int_equal(run_value(&none, "vm1.vcpu0.busy_ns.eoi")->num, 0);
	n = run_int(&once, "vm1.tx.interrupts") + run_int(&once, "vm1.rx.interrupts");
	run_is(&once, "vm1.tx.vm_exits", n);
	n = run_int(&twice, "vm1.tx.interrupts") + run_int(&twice, "vm1.rx.interrupts");
	run_is(&twice, "vm1.tx.vm_exits", 2 * n);
	assert_true(run_int(&none, "vm1.tx.delivered") > run_int(&once, "vm1.tx.delivered"));
	assert_true(run_int(&once, "vm1.tx.delivered") > run_int(&twice, "vm1.tx.delivered"));
	run_free(&none);
	run_free(&once);
	run_free(&twice);
}

/* A kick that is a write to a page costs that, and no exit. */
static void a_kick_may_be_a_doorbell(void **state)
{
	const char *text = "[nic eth0]\n[guest vm1]\nkick = %s\n%s[traffic t]\nfrom = vm1\n"
			   "size = 60B\npps = 1e4\npackets = 100\n";
	struct run a = run_text(text, "exit", ""), b = run_text(text, "doorbell", "");
	struct run no = run_text(text, "doorbell", "tx_trap = vmm\n");

	(void)state;
	run_ok(&a);
	run_ok(&b);
	run_refused(&no, SIM_EXIT_USAGE, "traps nowhere");
	run_is(&a, "vm1.tx.kicks", 100);
	run_is(&b, "vm1.tx.kicks", 100);
	assert_int_equal(run_int(&a, "vm1.tx.vm_exits") - run_int(&b, "vm1.tx.vm_exits"), 100);
	run_ratio_is(&b, "vm1.vcpu0.busy_ns.doorbell", 100 * 40, 1); /* 100 cycles of 400 ps */
	assert_int_equal(run_value(&b, "vm1.vcpu0.busy_ns.vm_exit")->num, 0);
	run_free(&a);
	run_free(&b);
	run_free(&no);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices_are_presets),
		cmocka_unit_test(every_value_is_a_keys),
		cmocka_unit_test(presets_reach_the_run),
		cmocka_unit_test(the_scenario_overrides),
		cmocka_unit_test(an_interrupt_may_leave_twice),
		cmocka_unit_test(a_kick_may_be_a_doorbell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
