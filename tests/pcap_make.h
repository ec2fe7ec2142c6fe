/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcap_make.h - for tests only: writes captures byte by byte in every format that must be read.
 *
 * Not through libpcap, which writes one byte order and would share its mistakes with the reader.
 * Make a struct pcap_make, add frames, save it to a file; what is broken on purpose is broken in
 * `bytes` before saving. Times are nanoseconds since the epoch; the micro formats cut them off.
 */
#ifndef TESTS_PCAP_MAKE_H
#define TESTS_PCAP_MAKE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum pcap_format {
	PCAP_MICRO_LE,
	PCAP_MICRO_BE,
	PCAP_NANO_LE,
	PCAP_NANO_BE,
	PCAP_NG_LE, /* if_tsresol = 10^-9 */
	PCAP_NG_BE,
	PCAP_NG_MICRO, /* no if_tsresol: 10^-6 */
	PCAP_FORMATS,
};

struct pcap_make {
	enum pcap_format format;
	GByteArray *bytes;
};

static inline bool pcap_make_is_ng(enum pcap_format f)
{
	return f >= PCAP_NG_LE;
}

static inline bool pcap_make_is_micro(enum pcap_format f)
{
	return f == PCAP_MICRO_LE || f == PCAP_MICRO_BE || f == PCAP_NG_MICRO;
}

static inline void pcap_put(struct pcap_make *m, uint32_t v, int n)
{
	bool big =
		m->format == PCAP_MICRO_BE || m->format == PCAP_NANO_BE || m->format == PCAP_NG_BE;

	for (int i = 0; i < n; i++) {
		uint8_t b = (uint8_t)(v >> 8 * (big ? n - 1 - i : i));

		g_byte_array_append(m->bytes, &b, 1);
	}
}

static inline void pcap_put_ng_header(struct pcap_make *m, uint32_t link)
{
	bool resol = m->format != PCAP_NG_MICRO;
	uint32_t idb = resol ? 32 : 20;

	pcap_put(m, 0x0a0d0d0a, 4); /* section header */
	pcap_put(m, 28, 4);
	pcap_put(m, 0x1a2b3c4d, 4);
	pcap_put(m, 1, 2);
	pcap_put(m, 0, 2);
	pcap_put(m, 0xffffffff, 4);
	pcap_put(m, 0xffffffff, 4);
	pcap_put(m, 28, 4);
	pcap_put(m, 1, 4); /* interface description */
	pcap_put(m, idb, 4);
	pcap_put(m, link, 2);
	pcap_put(m, 0, 2);
	pcap_put(m, 262144, 4);
	if (resol) {
		pcap_put(m, 9, 2); /* if_tsresol */
		pcap_put(m, 1, 2);
		pcap_put(m, 9, 1);
		pcap_put(m, 0, 1);
		pcap_put(m, 0, 2);
		pcap_put(m, 0, 4); /* end of options */
	}
	pcap_put(m, idb, 4);
}

static inline struct pcap_make pcap_make_new(enum pcap_format format, uint32_t link)
{
	struct pcap_make m = {format, g_byte_array_new()};

	if (pcap_make_is_ng(format)) {
		pcap_put_ng_header(&m, link);
		return m;
	}
	pcap_put(&m, pcap_make_is_micro(format) ? 0xa1b2c3d4 : 0xa1b23c4d, 4);
	pcap_put(&m, 2, 2);
	pcap_put(&m, 4, 2);
	pcap_put(&m, 0, 4);
	pcap_put(&m, 0, 4);
	pcap_put(&m, 262144, 4);
	pcap_put(&m, link, 4);
	return m;
}

/* A frame of `len` bytes of which the first `caplen`, at `data`, were captured. */
static inline void pcap_make_cut(struct pcap_make *m, uint64_t ns, const void *data,
				 uint32_t caplen, uint32_t len)
{
	static const uint8_t zero[4];
	uint64_t ticks = pcap_make_is_micro(m->format) ? ns / 1000 : ns;
	uint32_t per_s = pcap_make_is_micro(m->format) ? 1000000 : 1000000000;
	uint32_t pad = -caplen & 3, block = 32 + caplen + pad;

	if (pcap_make_is_ng(m->format)) {
		pcap_put(m, 6, 4); /* enhanced packet */
		pcap_put(m, block, 4);
		pcap_put(m, 0, 4);
		pcap_put(m, (uint32_t)(ticks >> 32), 4);
		pcap_put(m, (uint32_t)ticks, 4);
	} else {
		pcap_put(m, (uint32_t)(ticks / per_s), 4);
		pcap_put(m, (uint32_t)(ticks % per_s), 4);
	}
	pcap_put(m, caplen, 4);
	pcap_put(m, len, 4);
	if (caplen)
		g_byte_array_append(m->bytes, data, caplen);
	if (pcap_make_is_ng(m->format)) {
		if (pad)
			g_byte_array_append(m->bytes, zero, pad);
		pcap_put(m, block, 4);
	}
}

static inline void pcap_make_frame(struct pcap_make *m, uint64_t ns, const void *data, uint32_t len)
{
	pcap_make_cut(m, ns, data, len, len);
}

/* Write to `path` and forget. */
static inline void pcap_make_save(struct pcap_make *m, const char *path)
{
	GError *err = NULL;

	if (!g_file_set_contents(path, (const char *)m->bytes->data, (gssize)m->bytes->len, &err))
		g_error("%s", err->message);
	g_byte_array_unref(m->bytes);
	m->bytes = NULL;
}

/* A UDP frame between 02:00:00:00:00:<src> and <dst>, 10.0.0.<src> and <dst>; payload from `fill`.
 * Checksums are zero. */
static inline void pcap_make_udp(uint8_t *b, uint32_t len, uint8_t src, uint8_t dst, uint16_t port,
				 uint8_t fill)
{
	memset(b, fill, len);
	memcpy(b, (const uint8_t[]){2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 8, 0}, 14);
	memset(b + 14, 0, 28);
	b[14] = 0x45;
	b[16] = (uint8_t)((len - 14) >> 8);
	b[17] = (uint8_t)(len - 14);
	b[22] = 64;
	b[23] = 17;
	memcpy(b + 26, (const uint8_t[]){10, 0, 0, src, 10, 0, 0, dst}, 8);
	b[34] = (uint8_t)(port >> 8);
	b[35] = (uint8_t)port;
	b[37] = 9;
	b[38] = (uint8_t)((len - 34) >> 8);
	b[39] = (uint8_t)(len - 34);
}

/* Divisor for the number of rounds, from the environment: slow checkers set it. */
static inline uint64_t test_rounds(uint64_t n)
{
	const char *scale = getenv("VNICSIM_TEST_SCALE");
	uint64_t by = scale ? strtoull(scale, NULL, 10) : 1;

	return MAX(n / MAX(by, 1), 1);
}

#endif
