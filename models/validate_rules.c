/* SPDX-License-Identifier: GPL-2.0-or-later */
/* validate_rules.c - what of a [tap] scenario must be the same in fact, and how near times are. */
#include "validate_rules.h"

/* A thread may be kept from running for longer than a simulated frame ever takes to arrive. */
#define PATIENCE "scenario.drain=10s"

static const char *const free_sets[] = {PATIENCE, "tap.lockstep=false", NULL};
static const char *const lockstep_sets[] = {PATIENCE, "tap.lockstep=true", NULL};
static const char *const one_sets[] = {PATIENCE, "tap.lockstep=true", "tap.threads=one", NULL};

static const char *const always[] = {"packets",     "bytes",         "delivered",     "drops",
				     "drops.*",     "resident",      "copies",        "copies.*",
				     "copy_bytes",  "wasted_copies", "header_copies", "fallbacks",
				     "fallbacks.*", "dma_transfers", "dma_segments",  "dma_bytes",
				     "digest",      "ring_avail",    "ring_used",     NULL};
static const char *const lockstep[] = {"kicks", "kicks_suppressed", "interrupts",
				       "interrupts_suppressed", NULL};

static const struct validate_time times[] = {
	{"host.packets_per_cpu_second", "packets a CPU second", VALIDATE_FREE, REPORT_SI,
	 .share = 0.2, .only = "tap.threads=one", .ordered = true},
	{"host.packets_per_cpu_second", "packets a CPU second, woken", VALIDATE_FREE, REPORT_SI,
	 .only = "tap.threads=many"},
	{"guests.rx.latency_ns.p50", "rx latency, one thread", VALIDATE_ONE, REPORT_TIME_NS,
	 .factor = 1.5},
	{"guests.tx.latency_ns.p50", "tx latency, one thread", VALIDATE_ONE, REPORT_TIME_NS,
	 .factor = 1.5},
	{"guests.rx.latency_ns.p50", "rx latency, free", VALIDATE_FREE, .fmt = REPORT_TIME_NS},
	{"guests.rx.latency_ns.p90", "rx latency p90, free", VALIDATE_FREE, .fmt = REPORT_TIME_NS},
	{"guests.rx.latency_ns.p99", "rx latency p99, free", VALIDATE_FREE, .fmt = REPORT_TIME_NS},
	{"guests.tx.latency_ns.p50", "tx latency, free", VALIDATE_FREE, .fmt = REPORT_TIME_NS},
	{"guests.tx.latency_ns.p90", "tx latency p90, free", VALIDATE_FREE, .fmt = REPORT_TIME_NS},
	{"guests.tx.latency_ns.p99", "tx latency p99, free", VALIDATE_FREE, .fmt = REPORT_TIME_NS},
	{"guests.rx.packets_per_second", "rx packets a second", VALIDATE_FREE, .fmt = REPORT_SI},
	{"guests.tx.packets_per_second", "tx packets a second", VALIDATE_FREE, .fmt = REPORT_SI},
	{"*.rtt_ns.p50", "round trip, free", VALIDATE_FREE, .fmt = REPORT_TIME_NS},
	{"*.rtt_ns.p99", "round trip p99, free", VALIDATE_FREE, .fmt = REPORT_TIME_NS},
	{"*.requests_per_second", "requests a second", VALIDATE_FREE, .fmt = REPORT_SI},
	{0},
};

const struct validate_rules validate_rules = {
	.kind = "tap",
	.objects = "guest",
	.preset = "host.preset",
	.set = {free_sets, lockstep_sets, one_sets},
	.most = {0, 1, 3}, /* the median of thousands of frames varies little between runs */
	.always = always,
	.lockstep = lockstep,
	.times = times,
	.choice = "policy",
};
