/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_virtq.c - a hostile driver: the input's bytes are the rings, the device pops everything.
 *
 * Input: byte 0 is log2 of the size (0..7), byte 1 the features (1 indirect, 2 event_idx), byte 2
 * how many segments the caller takes; the rest is laid over desc, avail, used and some memory for
 * indirect tables, from the start, repeated as rounds: after each round the next bytes overwrite
 * avail and its idx goes on by what they say. Checked: every pop is in bounds and lawful, no more
 * is in flight than the queue holds, guards hold.
 *
 * Under libFuzzer (clang -fsanitize=fuzzer -DFUZZ_LIBFUZZER) it is the target; otherwise main()
 * replays the files named, or so many (default 20000) inputs made from a seed.
 */
#include "test_virtq_mock.h"

#define MAX_SEG  64u
#define MAX_SIZE 128u
#define ARENA    (3 * 4096u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_virtq: %s\n", what);
	abort();
}

static void judge(const struct mock *m, const struct virtq_chain *c, unsigned max_seg)
{
	unsigned n = (unsigned)c->nout + c->nin;
	uint64_t out = 0, in = 0;
	require(c->head < m->l.size, "head beyond the table");
	require(c->oversize ? n == 0 && c->oversize > max_seg : n > 0 && n <= max_seg,
		"segments neither counted nor refused");
	for (unsigned i = 0; i < n; i++) {
		require(c->seg[i].len > 0, "segment of no bytes");
		require(c->seg[i].addr.a + (c->seg[i].len - 1) >= c->seg[i].addr.a,
			"segment wraps");
		*(i < c->nout ? &out : &in) += c->seg[i].len;
	}
	require(out == c->out_bytes && in == c->in_bytes, "bytes do not add up");
	require(n <= m->l.size && c->oversize <= m->l.size, "chain longer than the queue");
}

/* Pop all that is there; push every other one, so that some stay in flight. */
static void serve(struct mock *m, unsigned max_seg, bool *in_flight)
{
	struct virtq_seg seg[MAX_SEG];
	struct virtq_chain c;
	unsigned n = virtq_dev_avail(&m->dev);
	require(n <= m->l.size, "more available than the queue holds");
	for (; virtq_dev_pop(&m->dev, &m->pl, &c, seg, max_seg); n--) {
		require(n > 0, "popped more than available");
		judge(m, &c, max_seg);
		require(!in_flight[c.head], "head popped twice");
		in_flight[c.head] = true;
		if (m->dev.pops % 5 == 0) {
			virtq_dev_unpop(&m->dev, 1);
			in_flight[c.head] = false;
			return;
		}
		if (m->dev.pops % 2) {
			virtq_dev_push(&m->dev, &m->pl, c.head, c.in_bytes, NULL);
			in_flight[c.head] = false;
		}
	}
	require(n == 0 || m->dev.stopped, "stopped popping without an error");
	virtq_dev_publish(&m->dev);
	virtq_dev_should_notify(&m->dev, &m->pl);
	virtq_dev_notify_on(&m->dev, &m->pl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint64_t features[4] = {0, VIRTQ_F_INDIRECT, VIRTQ_F_EVENT_IDX,
					     VIRTQ_F_INDIRECT | VIRTQ_F_EVENT_IDX};
	if (len < 4)
		return 0;
	struct mock m;
	bool in_flight[MAX_SIZE] = {false};
	unsigned max_seg = 1 + data[2] % MAX_SEG;
	mock_init(&m, 1u << (data[0] & 7), features[data[1] & 3], 0, data[1] & 4, ARENA);
	uint32_t room = (uint32_t)(m.data + ARENA - m.l.desc.a),
		 avail = virtq_avail_bytes(m.l.size);
	size_t at = 3, n = len - at < room ? len - at : room;
	plat_test_write(&m.pl, m.l.desc.a, data + at, (uint32_t)n);
	for (unsigned round = 0; round < 16 && !m.dev.stopped; round++) {
		serve(&m, max_seg, in_flight);
		at += n;
		n = len - at < avail ? len - at : avail;
		plat_test_write(&m.pl, m.l.avail.a, data + at, (uint32_t)n);
		uint16_t idx = (uint16_t)(m.dev.last_avail + (n ? data[at] % (m.l.size + 1) : 1));
		plat_test_write(&m.pl, m.l.avail.a + 2, &idx, 2);
	}
	mock_fini(&m);
	return 0;
}

#ifndef FUZZ_LIBFUZZER
/* An input that is mostly lawful, with a mistake here and there: pure noise stops at once. */
static size_t make_input(uint64_t *rnd, uint8_t *buf)
{
	uint32_t bits = mock_below(rnd, 8), size = 1u << bits, odds = 1 + mock_below(rnd, 200);
	buf[0] = (uint8_t)bits;
	buf[1] = (uint8_t)mock_random(rnd);
	buf[2] = (uint8_t)mock_random(rnd);
	uint8_t *ring = buf + 3;
	struct mock m;
	mock_place(&m, size, 0, 0);
	uint64_t tables = m.indirect.a - m.l.desc.a, base = m.l.desc.a;
	uint32_t descs = size + 64;
	memset(ring, 0, tables + 16 * 64 + 16 * 64);
	for (uint32_t i = 0; i < descs; i++) {
		uint32_t kind = mock_below(rnd, 8);
		struct virtq_desc d = {mock_random(rnd) >> 8, 1 + mock_below(rnd, 3000),
				       (uint16_t)(kind & 3), (uint16_t)(i + 1)};
		if (kind >= 4 && i < size) {
			d.addr = base + tables + 16 * mock_below(rnd, 64);
			d.len = 16 * (1 + mock_below(rnd, size < 8 ? size : 8));
			d.flags = kind >= 6 ? VIRTQ_DESC_F_INDIRECT : 0;
		} else if (i >= size) {
			d.next = (uint16_t)(1 + mock_below(rnd, 8));
			d.flags = (uint16_t)(kind & (mock_below(rnd, 2) ? 2 : 3));
		}
		uint8_t *to = i < size ? ring + 16 * i : ring + tables + 16 * (i - size);
		memcpy(to, &d, sizeof(d));
	}
	uint16_t idx = (uint16_t)mock_below(rnd, size + 1);
	memcpy(ring + (m.l.avail.a - base) + 2, &idx, 2);
	for (uint32_t i = 0; i < size; i++) {
		uint16_t head = (uint16_t)((i * 5 + odds) % size);
		memcpy(ring + (m.l.avail.a - base) + 4 + 2 * i, &head, 2);
	}
	size_t len = 3 + tables + 16 * 128;
	for (size_t i = 3; i < len; i += 1 + mock_below(rnd, odds * 64))
		buf[i] ^= (uint8_t)(mock_below(rnd, 2) ? 1u << mock_below(rnd, 8) : 0);
	return len;
}

static int replay(const char *name)
{
	static uint8_t buf[1 << 16];
	FILE *f = fopen(name, "rb");
	if (!f) {
		perror(name);
		return 1;
	}
	size_t len = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	return LLVMFuzzerTestOneInput(buf, len);
}

int main(int argc, char **argv)
{
	static uint8_t buf[1 << 16];
	char *end = NULL;
	unsigned long n = argc == 2 ? strtoul(argv[1], &end, 10) : mock_scaled(20000);
	if (argc > 1 && (argc > 2 || *end)) {
		int failed = 0;
		for (int i = 1; i < argc; i++)
			failed |= replay(argv[i]);
		return failed;
	}
	uint64_t seed = mock_seed(99);
	for (unsigned long i = 0; i < n; i++) {
		uint64_t rnd = seed + i;
		size_t len = make_input(&rnd, buf);
		LLVMFuzzerTestOneInput(buf, len);
	}
	printf("1..1\nok 1 - %lu hostile rings are survived\n", n);
	return 0;
}
#endif
