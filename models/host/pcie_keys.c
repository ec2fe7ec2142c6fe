/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcie_keys.c - [pcie]: its keys, where each default comes from, and published set-ups.
 *
 * SIGCOMM 2018 is Neugebauer et al., Understanding PCIe performance for end host networking.
 */
#include "pcie.h"

/* Set-up of the paper's measurements; latencies and limits are what its table and text give. */
static const char *const device_nfp[] = {"pcie.generation=3",
					 "pcie.lanes=8",
					 "pcie.mps=256B",
					 "pcie.mrrs=512B",
					 "pcie.tags=256",
					 "pcie.read_base=543400ps",
					 "pcie.read_byte=291ps",
					 "pcie.read_limit=63MHz",
					 "pcie.write_limit=47.4MHz",
					 NULL};
/* Datasheet 331520: PCI Express 2.0, 5 GT/s, eight lanes. Tags: without the extended field. */
static const char *const device_82599[] = {"pcie.generation=2", "pcie.lanes=8", "pcie.mps=256B",
					   "pcie.mrrs=512B",    "pcie.tags=32", NULL};

static const struct key_preset device_presets[] = {
	{"nfp-6000", device_nfp}, {"82599", device_82599}, {0}};

const struct key_decl pcie_keys[] = {
	{"device", KEY_CHOICE, .def = "generic", .choices = "generic|nfp-6000|82599",
	 .presets = device_presets,
	 .help = "defaults of a published set-up; generic: what stands here"},
	{"generation", KEY_COUNT, .def = "3", .min = 1, .max = 5,
	 .help = "2.5, 5, 8, 16 or 32 GT/s a lane"},
	{"lanes", KEY_COUNT, .def = "8", .min = 1, .max = 16, .help = "1, 2, 4, 8 or 16"},
	{"mps", KEY_BYTES, .def = "256B", .min = 128, .max = 4096,
	 .help = "most payload of a packet, a power of two; 256 B on most servers"},
	{"mrrs", KEY_BYTES, .def = "512B", .min = 128, .max = 4096,
	 .help = "most that a read request asks for, a power of two; 512 B on most servers"},
	{"rcb", KEY_BYTES, .def = "mps", .min = 64, .max = 4096, .choices = "mps",
	 .help = "most payload of a completion, a power of two; root complexes that cut: 64 or "
		 "128"},
	{"rate", KEY_RATE, .def = "link", .min = 1000000, .max = 16000000000000ull,
	 .choices = "link",
	 .help = "what packets can use of each direction; link: as generation, lanes and mps give "
		 "it, less acknowledgements and flow control"},
	{"address", KEY_CHOICE, .def = "64", .choices = "64|32",
	 .help = "bits of addresses in requests; 32 saves 4 bytes each"},
	{"tags", KEY_COUNT, .def = "256", .min = 1, .max = 1024,
	 .help = "read requests outstanding; 32, extended 256, 10-bit tags 768"},
	{"write_credits", KEY_COUNT, .def = "0", .max = 4096,
	 .help = "posted writes that memory has not taken yet; 0: no bound"},
	{"read_limit", KEY_FREQ, .def = "0", .max = 1000000000,
	 .help = "reads that the device begins a second; 0: no bound; NFP-6000: 63 M"},
	{"write_limit", KEY_FREQ, .def = "0", .max = 1000000000,
	 .help = "writes, interrupts not counted; NFP-6000: 47.4 M"},
	{"read_base", KEY_TIME, .def = "543400ps", .max = SIM_MS,
	 .help = "a read alone, until its last byte; NFP-6000 on Broadwell (SIGCOMM 2018)"},
	{"read_byte", KEY_TIME, .def = "291ps", .max = SIM_US, .help = "each byte of it; the same"},
	{"write_latency", KEY_TIME, .def = "300ns", .max = SIM_MS,
	 .help = "a write, from its last byte at the host until it is in memory; rule of thumb"},
	{"mmio_write", KEY_TIME, .def = "250ns", .max = SIM_MS,
	 .help = "a register write, from its last byte at the device; rule of thumb, half a "
		 "round trip"},
	{"mmio_read", KEY_TIME, .def = "550ns", .max = SIM_MS,
	 .help = "a register read alone; rule of thumb, as a read by the device"},
	{0},
};

static bool power_of_two(uint64_t v)
{
	return !(v & (v - 1));
}

bool pcie_config(struct pcie_config *out, const struct cfg *c, GError **error)
{
	static const char *const powers[] = {"lanes", "mps", "mrrs"};

	for (unsigned i = 0; i < G_N_ELEMENTS(powers); i++)
		if (!power_of_two(cfg_u64(c, powers[i])))
			return cfg_error(c, powers[i], error, "%s: write a power of two",
					 cfg_str(c, powers[i]));
	if (cfg_is_quantity(c, "rcb") && !power_of_two(cfg_u64(c, "rcb")))
		return cfg_error(c, "rcb", error, "%s: write mps or a power of two, as 64B",
				 cfg_str(c, "rcb"));
	*out = (struct pcie_config){
		.link = {.generation = (unsigned)cfg_u64(c, "generation"),
			 .lanes = (unsigned)cfg_u64(c, "lanes"),
			 .mps = (uint32_t)cfg_u64(c, "mps"),
			 .mrrs = (uint32_t)cfg_u64(c, "mrrs"),
			 .rcb = cfg_is_quantity(c, "rcb") ? (uint32_t)cfg_u64(c, "rcb") : 0,
			 .address32 = cfg_choice(c, "address") == 1,
			 .rate_bps = cfg_is_quantity(c, "rate") ? cfg_rate(c, "rate") : 0},
		.tags = (uint32_t)cfg_u64(c, "tags"),
		.write_credits = (uint32_t)cfg_u64(c, "write_credits"),
		.read_limit = cfg_u64(c, "read_limit"),
		.write_limit = cfg_u64(c, "write_limit"),
		.read_base = cfg_time(c, "read_base"),
		.read_byte = cfg_time(c, "read_byte"),
		.write_latency = cfg_time(c, "write_latency"),
		.mmio_write = cfg_time(c, "mmio_write"),
		.mmio_read = cfg_time(c, "mmio_read"),
	};
	return true;
}
