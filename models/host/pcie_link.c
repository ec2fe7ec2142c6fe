/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pcie_link.c - the rate of a link, as a fraction. See pcie_link.h. */
#include "pcie_link.h"

#define MPS_MIN  128u
#define MPS_LOG2 6 /* 128..4096 */
#define LANES    5 /* 1..16 */

/* Symbol times until an acknowledgement is due, generation 1, by lanes and payload (table 3-7). */
static const uint16_t ack_limit[LANES][MPS_LOG2] = {
	{237, 416, 559, 1071, 2095, 4143}, {128, 217, 289, 545, 1057, 2081},
	{73, 118, 154, 282, 538, 1050},    {67, 107, 86, 150, 278, 534},
	{48, 72, 86, 150, 278, 534},
};

/* Rate of a lane in 100 MT/s, its encoding, and what it adds to ack_limit (tables 3-8, 3-9). */
static const struct {
	uint16_t rate, coded, raw, ack;
} generation[] = {
	{25, 8, 10, 0},      {50, 8, 10, 51},     {80, 128, 130, 96},
	{160, 128, 130, 96}, {320, 128, 130, 96},
};

static bool payload_ok(uint32_t bytes)
{
	return bytes >= MPS_MIN && bytes <= MPS_MIN << (MPS_LOG2 - 1) && !(bytes & (bytes - 1));
}

static bool config_ok(const struct pcie_link_config *c)
{
	return c->generation >= 1 && c->generation <= sizeof(generation) / sizeof(*generation) &&
	       c->lanes >= 1 && c->lanes <= 1u << (LANES - 1) && !(c->lanes & (c->lanes - 1)) &&
	       payload_ok(c->mps) && payload_ok(c->mrrs) &&
	       (!c->rcb || c->rcb == 64 || payload_ok(c->rcb));
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

/*
 * 8 bits * 10^12 ps / (lanes * rate * 10^8 * coded / raw * (1 - 16 / ack - 4 / 1538)). The
 * numerator stays below 2^46 before it is reduced, so 128 KiB can be asked for at once.
 */
static void set_rate(struct pcie_link *l, const struct pcie_link_config *c)
{
	unsigned g = c->generation - 1;
	uint64_t ack = ack_limit[__builtin_ctz(c->lanes)][__builtin_ctz(c->mps / MPS_MIN)] +
		       generation[g].ack;
	uint64_t num = 80000ull * generation[g].raw * ack * 1538;
	uint64_t den = (uint64_t)c->lanes * generation[g].rate * generation[g].coded *
		       (ack * 1538 - 16 * 1538 - 4 * ack);
	uint64_t d = gcd(num, den);

	l->num = num / d;
	l->den = den / d;
}

static void set_given_rate(struct pcie_link *l, uint64_t bps)
{
	uint64_t d = gcd(8 * SIM_S, bps);

	l->num = 8 * SIM_S / d;
	l->den = bps / d;
}

bool pcie_link_init(struct pcie_link *l, const struct pcie_link_config *c)
{
	if (!config_ok(c))
		return false;
	*l = (struct pcie_link){.mps = c->mps, .mrrs = c->mrrs};
	l->completion = c->rcb && c->rcb < c->mps ? c->rcb : c->mps;
	l->request = c->address32 ? PCIE_REQUEST - 4 : PCIE_REQUEST;
	if (c->rate_bps)
		set_given_rate(l, c->rate_bps);
	else
		set_rate(l, c);
	return true;
}

uint64_t pcie_link_rate(const struct pcie_link *l)
{
	return (uint64_t)((unsigned __int128)l->den * 8 * SIM_S / l->num);
}
