/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.c - a scenario becomes devices, guests and traffic, in this order: namespace, devices, far
 * sides (all that needs privilege), then memory, rings and buffers. Privileges are given up before
 * the first frame.
 */
#include "tap.h"

#include <string.h>

#include "models/options.h"
#include "models/tap_keys.h"
#include "netns.h"
#include "sim/sim_error.h"

void *tap_array(struct tap *t, size_t n, size_t size)
{
	void *p = g_malloc0_n(n ? n : 1, size);

	g_ptr_array_add(t->arrays, p);
	return p;
}

/* ---- what real devices cannot do ------------------------------------------------------------- */

static bool refuse(const struct cfg *c, const char *key, GError **error, const char *why)
{
	return cfg_error(c, key, error, "vnictap cannot: %s", why);
}

static bool guest_supported(const struct cfg *c, GError **error)
{
	if (cfg_is_set(c, "work"))
		return refuse(c, "work", error,
			      "its processes do nothing but read and send; leave it out");
	if (cfg_time(c, "overwrite"))
		return refuse(c, "overwrite", error, "that is for the simulator; leave it out");
	return true;
}

static bool supported(const struct tap *t, GError **error)
{
	if (!t->cfg) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "%s: no [tap]: this scenario is for the simulator (vnicsim run); add "
			    "[tap] to run it on TAP devices",
			    scenario_path(t->sc));
		return false;
	}
	for (unsigned i = 0; i < t->guests; i++)
		if (!guest_supported(scenario_at(t->sc, "guest", i), error))
			return false;
	return true;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool build_addresses(struct tap *t, GError **error)
{
	t->endpoint = tap_array(t, t->guests, sizeof(*t->endpoint));
	for (unsigned i = 0; i < t->guests; i++) {
		struct tap_guest *g = &t->guest[i];
		uint8_t mac[6] = {0x52, 0x54, 0, 0, (uint8_t)((i + 1) >> 8), (uint8_t)(i + 1)};

		g->tap = t;
		g->index = i;
		g->cfg = scenario_at(t->sc, "guest", i);
		if (cfg_has(g->cfg, "mac"))
			options_mac(cfg_str(g->cfg, "mac"), mac);
		if (cfg_has(g->cfg, "ip"))
			options_ip(cfg_str(g->cfg, "ip"), g->ip);
		memcpy(g->mac, mac, 6);
		t->endpoint[i].name = cfg_name(g->cfg);
		memcpy(t->endpoint[i].mac, mac, 6);
		memcpy(t->endpoint[i].ip, g->ip, 4);
		for (unsigned k = 0; k < i; k++)
			if (!memcmp(t->guest[k].mac, mac, 6))
				return cfg_error(g->cfg, "mac", error,
						 "%s has this address already",
						 cfg_name(t->guest[k].cfg));
	}
	return true;
}

static void build_nics(struct tap *t)
{
	for (unsigned i = 0; i < t->nics; i++) {
		struct tap_nic *n = &t->nic[i];

		n->tap = t;
		n->cfg = scenario_at(t->sc, "nic", i);
		n->guest = tap_array(t, t->guests, sizeof(struct tap_guest *));
		n->mac = tap_array(t, t->guests, sizeof(*n->mac));
		n->source = tap_array(t, t->traffics, sizeof(*n->source));
	}
	for (unsigned i = 0; i < t->guests; i++) {
		struct tap_guest *g = &t->guest[i];
		const struct cfg *ref = cfg_ref(g->cfg, "nic");

		g->nic = &t->nic[0];
		for (unsigned k = 0; ref && k < t->nics; k++)
			if (t->nic[k].cfg == ref)
				g->nic = &t->nic[k];
		g->queue = g->nic->guests;
		memcpy(g->nic->mac[g->queue], g->mac, 6);
		g->nic->guest[g->nic->guests++] = g;
	}
}

/* ---- devices --------------------------------------------------------------------------------- */

static bool enter(struct tap *t, GError **error)
{
	const char *where = cfg_str(t->cfg, "namespace");

	if (!strcmp(where, "private"))
		return netns_enter(NETNS_PRIVATE, NULL, error);
	if (!strcmp(where, "current"))
		return netns_enter(NETNS_CURRENT, NULL, error);
	return netns_enter(NETNS_NAMED, where, error);
}

static bool open_device(struct tap_nic *n, GError **error)
{
	struct tap *t = n->tap;
	struct tapdev_cfg c = {
		.name = cfg_str(t->cfg, "device"),
		.queues = MAX(n->guests, 1),
		.mtu = (uint32_t)cfg_u64(n->cfg, "mtu"),
		.queue_length = (uint32_t)cfg_u64(t->cfg, "queue_length"),
		.vnet_hdr = cfg_bool(t->cfg, "vnet_hdr"),
		.silent = t->replay,
	};

	if (n->guests > TAPDEV_QUEUES)
		return cfg_error(n->cfg, NULL, error,
				 "a TAP device has %u queues at most, and %u guests are behind "
				 "this one; use more [nic]",
				 TAPDEV_QUEUES, n->guests);
	n->open = tapdev_open(&n->dev, &c, error);
	if (!n->open)
		return false;
	return n->guests < 2 ||
	       tapdev_steer(&n->dev, (const uint8_t(*)[6])n->mac, n->guests, error);
}

/* ---- traffic --------------------------------------------------------------------------------- */

static bool traffic_failed(const struct cfg *c, GError *from, GError **error)
{
	int code = traffic_error_of_scenario(from) ? SIM_EXIT_USAGE : SIM_EXIT_INPUT;
	const char *key = cfg_has(c, "trace") ? "trace" : NULL;

	if (from->code == TRAFFIC_ERROR_FILTER)
		key = "filter";
	cfg_error(c, key, error, "%s", from->message);
	if (error && *error)
		(*error)->code = code;
	g_error_free(from);
	return false;
}

static bool is_end(const struct traffic_set *s, int end)
{
	for (uint32_t k = 0; k < s->n; k++)
		if (s->end[k] == end || s->end[k] == TRAFFIC_ALL)
			return true;
	return false;
}

/* The device by which a traffic from the wire comes; NULL and an error if there are several. */
static struct tap_nic *wire_of(struct tap *t, const struct cfg *c, const struct traffic_cfg *tc,
			       GError **error)
{
	struct tap_nic *n = NULL;

	for (unsigned i = 0; i < t->guests; i++) {
		bool receives = tc->match || is_end(&tc->to, (int)i) ||
				(tc->source == TRAFFIC_REQUEST && is_end(&tc->from, (int)i));

		if (!receives)
			continue;
		if (n && n != t->guest[i].nic) {
			cfg_error(c, tc->to.n ? "to" : "from", error,
				  "its receivers are behind different NICs; make it one [traffic] "
				  "a NIC");
			return NULL;
		}
		n = t->guest[i].nic;
	}
	return n ? n : &t->nic[0];
}

/* Between guests there is no switch here; and a device with several picks one by MAC alone. */
static bool check_ends(const struct tap *t, const struct cfg *c, const struct traffic_cfg *tc,
		       const struct traffic_info *info, GError **error)
{
	bool from = false, to = false, all = false;

	for (uint32_t i = 0; i < tc->from.n; i++)
		from |= tc->from.end[i] >= 0;
	for (uint32_t i = 0; i < tc->to.n; i++) {
		to |= tc->to.end[i] >= 0;
		all |= tc->to.end[i] == TRAFFIC_ALL;
	}
	if ((from && to) || info->local)
		return refuse(c, tc->match ? "match" : "to", error,
			      "traffic between guests needs the host's switch, which is in the "
			      "simulator only; use guests and the wire");
	if ((all || info->floods) && t->guests > 1)
		return refuse(c, tc->match ? "match" : "to", error,
			      "frames to everybody reach one guest of a device; use one guest, or "
			      "filter them out");
	return true;
}

static bool check_steering(const struct tap_nic *n, const struct cfg *c,
			   const struct traffic_cfg *tc, GError **error)
{
	if (n->guests < 2 || !tc->trace || tc->match == TRAFFIC_MATCH_MAC)
		return true;
	return refuse(c, tc->match ? "match" : "to", error,
		      "a TAP device with several guests gives each the frames to its MAC; use "
		      "match = mac, or a [nic] for each guest");
}

static bool build_wire(struct tap *t, unsigned i, const struct cfg *c, const struct traffic_cfg *tc,
		       GError **error)
{
	struct tap_nic *n = wire_of(t, c, tc, error);

	if (!n || !check_steering(n, c, tc, error))
		return false;
	if (!t->replay)
		return cfg_error(t->cfg, "far", error,
				 "= none: the wire is whoever uses the interface, and sends "
				 "nothing of [traffic %s]; leave that out, or use far = replay",
				 cfg_name(c));
	n->source[n->sources++] = (struct far_source){
		.cursor = traffic_cursor(t->traffic[i], TRAFFIC_WIRE),
		.until = traffic_until(t->traffic[i]),
		.traffic = (uint16_t)i,
		.unpaced = tc->timing == TRAFFIC_BACK_TO_BACK,
		.drop = cfg_choice(c, "when_full") == 1,
	};
	tap_loop_add(t, i, n);
	return true;
}

static bool build_traffic(struct tap *t, unsigned i, GError **error)
{
	const struct cfg *c = scenario_at(t->sc, "traffic", i);
	g_autofree int *ends = NULL;
	struct traffic_cfg tc;
	GError *failed = NULL;

	if (!options_traffic(t->sc, c, t->endpoint, t->guests, &tc, &ends, error))
		return false;
	tc.shared = !t->one;
	t->traffic[i] = traffic_open(&tc, &failed);
	if (!t->traffic[i])
		return traffic_failed(c, failed, error);
	if (!check_ends(t, c, &tc, traffic_info(t->traffic[i]), error))
		return false;
	t->flows += traffic_info(t->traffic[i])->flows;
	if (traffic_sends(t->traffic[i], TRAFFIC_WIRE) && !build_wire(t, i, c, &tc, error))
		return false;
	for (unsigned g = 0; g < t->guests; g++)
		if (traffic_sends(t->traffic[i], (int)g))
			guest_traffic(&t->guest[g], t->traffic[i], (uint16_t)i,
				      tc.timing == TRAFFIC_BACK_TO_BACK,
				      cfg_choice(c, "when_full") == 1);
	if (tc.trace)
		t->offered_total += traffic_info(t->traffic[i])->offered * (tc.loop ? tc.loop : 1);
	else
		t->offered_total += tc.packets;
	return true;
}

/* ---- the far side ---------------------------------------------------------------------------- */

/* It had no room for the frame, or refused it, or it never came: offered and dropped. */
static void lost(void *ctx, const struct far_sent *s, enum far_fate why)
{
	struct tap_nic *n = ctx;
	struct tap_guest *g = s->to >= 0 ? &n->tap->guest[s->to] : n->guest[0];
	bool counts = s->at >= n->tap->warmup;
	struct ledger *l = counts ? &g->rx.led : &g->warm_rx.led;
	enum drop_reason reason =
		why == FAR_OVERSIZE || why == FAR_RUNT ? DROP_OVERSIZE : DROP_NIC_RING_FULL;

	l->offered++;
	l->offered_bytes += s->len;
	if (why == FAR_WAITING) {
		g->in_device[counts]++;
		g->in_device_bytes[counts] += s->len;
		return;
	}
	l->drops[reason]++;
	l->drop_bytes[reason] += s->len;
}

static bool open_far(struct tap_nic *n, GError **error)
{
	struct tap *t = n->tap;
	uint32_t slots = 64;

	while (slots < 2 * (t->flows + 16))
		slots *= 2;
	n->far =
		far_new(&(struct far_cfg){.dev = &n->dev,
					  .source = n->source,
					  .sources = n->sources,
					  .mac = n->guests > 1 ? (const uint8_t(*)[6])n->mac : NULL,
					  .macs = n->guests > 1 ? n->guests : 0,
					  .guests = t->guests,
					  .flow_slots = slots + 1,
					  .lockstep = t->lockstep,
					  .lost = lost,
					  .came = n->came,
					  .ctx = n},
			error);
	n->sources = 0; /* their cursors are the far side's, or freed with it */
	return n->far != NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool build(struct tap *t, GError **error)
{
	const struct cfg *sce = scenario_find(t->sc, "scenario");

	t->warmup = cfg_time(sce, "warmup");
	t->drain = cfg_time(sce, "drain");
	t->max_time = cfg_has(sce, "max_time") ? cfg_time(sce, "max_time") : PLAT_NEVER;
	t->one = cfg_choice(t->cfg, "threads") == 1;
	t->lockstep = cfg_bool(t->cfg, "lockstep");
	t->replay = cfg_choice(t->cfg, "far") == 0;
	t->guest = tap_array(t, t->guests, sizeof(*t->guest));
	t->nic = tap_array(t, t->nics, sizeof(*t->nic));
	t->traffic = tap_array(t, t->traffics, sizeof(*t->traffic));
	t->loop = tap_array(t, t->traffics, sizeof(struct tap_loop *));
	if (!build_addresses(t, error))
		return false;
	build_nics(t);
	for (unsigned i = 0; i < t->traffics; i++)
		if (!build_traffic(t, i, error))
			return false;
	if (!enter(t, error))
		return false;
	for (unsigned i = 0; i < t->nics; i++)
		if (!open_device(&t->nic[i], error) || (t->replay && !open_far(&t->nic[i], error)))
			return false;
	side_init(&t->host_side, t, "the datapath", 3 * t->guests, t->guests);
	for (unsigned i = 0; i < t->guests; i++)
		if (!t->replay && !guest_app_open(&t->guest[i], error))
			return false;
	for (unsigned i = 0; i < t->guests; i++)
		if (!guest_init(&t->guest[i], error))
			return false;
	return netns_drop_privileges(error);
}

struct tap *tap_new(const struct scenario *sc, GError **error)
{
	struct tap *t = g_new0(struct tap, 1);

	t->sc = sc;
	t->cfg = tap_of(sc);
	t->host = scenario_find(sc, "host");
	t->arrays = g_ptr_array_new_with_free_func(g_free);
	t->host_side.event = -1;
	pthread_mutex_init(&t->turn, NULL);
	t->guests = (unsigned)scenario_count(sc, "guest");
	t->nics = (unsigned)scenario_count(sc, "nic");
	t->traffics = (unsigned)scenario_count(sc, "traffic");
	if (options_check(sc, error) && supported(t, error) && build(t, error))
		return t;
	tap_free(t);
	return NULL;
}

void tap_free(struct tap *t)
{
	for (unsigned i = 0; t->nic && i < t->nics; i++) {
		far_free(t->nic[i].far);
		while (t->nic[i].sources)
			cursor_free(t->nic[i].source[--t->nic[i].sources].cursor);
	}
	for (unsigned i = 0; t->guest && i < t->guests; i++)
		guest_fini(&t->guest[i]);
	for (unsigned i = 0; t->nic && i < t->nics; i++)
		if (t->nic[i].open)
			tapdev_close(&t->nic[i].dev);
	side_fini(&t->host_side);
	for (unsigned i = 0; t->traffic && i < t->traffics; i++)
		traffic_free(t->traffic[i]);
	g_clear_error(&t->ended);
	pthread_mutex_destroy(&t->turn);
	g_ptr_array_free(t->arrays, TRUE);
	g_free(t);
}
