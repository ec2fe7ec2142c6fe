/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.c - reading one capture file through libpcap; contract in capture.h.
 *
 * libpcap decides what a valid record is, and its words are passed on. On top of that a frame must
 * be possible on an Ethernet: 14..65550 bytes long, not captured longer than it was, stamped at a
 * time that 64 bits of nanoseconds can hold. A capture cut short in its last record is an error and
 * not a shorter capture: results computed from half an input look like results.
 *
 * Rejected: a parser of our own (pcapng alone has sections, interfaces and options), and reading
 * from pipes: the file is read once for its digest and to count, and once more when it is streamed.
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "models/datapath/digest.h"
#include "traffic.h"

#define READ_BUFFER 262144u             /* bytes that one read() asks for */
#define STAMP_MAX   INT64_C(9000000000) /* seconds; the year 2255, and 2^63 ns is 2262 */

struct capture {
	pcap_t *pcap;
	char *path;
	struct bpf_program filter;
	bool filtered;
	uint64_t number; /* of the frame read last */
};

/* ---- opening --------------------------------------------------------------------------------- */

static FILE *open_regular(const char *path, struct stat *st, GError **err)
{
	/* A pipe without a writer would hold the program until it gets one. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *f = fd >= 0 ? fdopen(fd, "rb") : NULL;

	if (!f || fstat(fileno(f), st) != 0) {
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_OPEN, "cannot read capture '%s': %s",
			    path, g_strerror(errno));
	} else if (!S_ISREG(st->st_mode)) {
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_OPEN,
			    "capture '%s' is not a regular file; save it to one first", path);
	} else if (st->st_size == 0) {
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_EMPTY,
			    "capture '%s' is empty (0 bytes); capture it again", path);
	} else {
		setvbuf(f, NULL, _IOFBF, READ_BUFFER);
		return f;
	}
	if (f)
		fclose(f);
	return NULL;
}

/* What a file that libpcap does not know may be, by its first bytes; NULL if there is no guess. */
static const char *compressed_with(FILE *f)
{
	static const struct {
		const char *magic, *tool;
	} known[] = {{"\x1f\x8b", "gunzip"},
		     {"\x28\xb5\x2f\xfd", "unzstd"},
		     {"\xfd\x37zXZ", "unxz"},
		     {"BZh", "bunzip2"}};
	char head[8] = {0};

	rewind(f);
	if (fread(head, 1, sizeof(head), f) < sizeof(head))
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (memcmp(head, known[i].magic, strlen(known[i].magic)) == 0)
			return known[i].tool;
	return NULL;
}

static pcap_t *open_pcap(const char *path, FILE *f, GError **err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, text);
	const char *tool;

	if (p)
		return p;
	tool = compressed_with(f);
	if (tool)
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_FORMAT,
			    "capture '%s' is compressed; unpack it with %s first", path, tool);
	else
		g_set_error(
			err, TRAFFIC_ERROR, TRAFFIC_ERROR_FORMAT,
			"capture '%s' has no valid pcap or pcapng header: %s; give it a file that "
			"tcpdump or Wireshark wrote",
			path, text);
	return NULL;
}

static bool set_filter(struct capture *c, const char *filter, GError **err)
{
	if (!filter)
		return true;
	if (pcap_compile(c->pcap, &c->filter, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_FILTER,
			    "filter '%s' is not a BPF expression: %s (see pcap-filter(7))", filter,
			    pcap_geterr(c->pcap));
		return false;
	}
	c->filtered = true;
	return true;
}

static bool check_link_type(const struct capture *c, GError **err)
{
	int type = pcap_datalink(c->pcap);
	const char *name = pcap_datalink_val_to_name(type);

	if (type == DLT_EN10MB)
		return true;
	g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_LINK_TYPE,
		    "capture '%s' has link type %s (%d), not Ethernet (EN10MB); capture on one "
		    "Ethernet interface, not on 'any'",
		    c->path, name ? name : "unknown", type);
	return false;
}

struct capture *capture_open(const char *path, const char *filter, struct capture_id *id,
			     GError **err)
{
	struct stat st;
	FILE *f = open_regular(path, &st, err);
	struct capture *c;
	pcap_t *p;

	if (!f)
		return NULL;
	p = open_pcap(path, f, err);
	if (!p) {
		fclose(f);
		return NULL;
	}
	c = g_new0(struct capture, 1);
	c->pcap = p; /* owns f from here on */
	c->path = g_strdup(path);
	if (!check_link_type(c, err) || !set_filter(c, filter, err)) {
		capture_close(c);
		return NULL;
	}
	if (id)
		*id = (struct capture_id){st.st_dev, st.st_ino, (uint64_t)st.st_size,
					  (uint64_t)st.st_mtim.tv_sec * 1000000000u +
						  (uint64_t)st.st_mtim.tv_nsec};
	return c;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	if (c->filtered)
		pcap_freecode(&c->filter);
	pcap_close(c->pcap);
	g_free(c->path);
	g_free(c);
}

int capture_link_type(const struct capture *c)
{
	return pcap_datalink(c->pcap);
}

bool capture_sha256(const char *path, char hex[65], GError **err)
{
	struct stat st;
	FILE *f = open_regular(path, &st, err);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	uint8_t buf[16384];
	bool failed;
	size_t n;

	if (!f)
		return false;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		g_checksum_update(sum, buf, (gssize)n);
	failed = ferror(f) != 0;
	if (failed)
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_OPEN, "cannot read capture '%s': %s",
			    path, g_strerror(errno));
	fclose(f);
	g_strlcpy(hex, g_checksum_get_string(sum), 65);
	return !failed;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int bad_record(const struct capture *c, GError **err)
{
	const char *text = pcap_geterr(c->pcap);
	bool cut = strstr(text, "truncated") != NULL;

	g_set_error(err, TRAFFIC_ERROR, cut ? TRAFFIC_ERROR_TRUNCATED : TRAFFIC_ERROR_GARBAGE,
		    "capture '%s', frame %" G_GUINT64_FORMAT ": %s; %s", c->path, c->number, text,
		    cut ? "the file is incomplete: copy or capture it again"
			: "the file is damaged from here on");
	return -1;
}

static const char *impossible(const struct pcap_pkthdr *h)
{
	if (h->len == 0)
		return "its length is 0";
	if (h->len < CAPTURE_FRAME_MIN)
		return "it is shorter than an Ethernet header (14 bytes)";
	if (h->len > CAPTURE_FRAME_MAX)
		return "it is longer than 65550 bytes";
	if (h->caplen > h->len)
		return "more bytes were captured than it had";
	if (h->ts.tv_sec < 0 || h->ts.tv_sec > STAMP_MAX || h->ts.tv_usec < 0 ||
	    h->ts.tv_usec > 999999999)
		return "its time stamp is out of range";
	return NULL;
}

int capture_next(struct capture *c, struct capture_frame *f, GError **err)
{
	struct pcap_pkthdr *h;
	const uint8_t *bytes;
	const char *why;
	int got = pcap_next_ex(c->pcap, &h, &bytes);

	if (got == PCAP_ERROR_BREAK)
		return 0;
	c->number++;
	if (got != 1)
		return bad_record(c, err);
	why = impossible(h);
	if (why) {
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_GARBAGE,
			    "capture '%s', frame %" G_GUINT64_FORMAT
			    ": %s; remove the frame or capture again",
			    c->path, c->number, why);
		return -1;
	}
	*f = (struct capture_frame){
		.number = c->number,
		.stamp_ns = (uint64_t)h->ts.tv_sec * 1000000000u + (uint64_t)h->ts.tv_usec,
		.bytes = bytes,
		.caplen = h->caplen,
		.len = h->len,
		.pass = !c->filtered || pcap_offline_filter(&c->filter, h, bytes) != 0,
	};
	return 1;
}

/* ---- what a frame says ----------------------------------------------------------------------- */

void capture_tail(uint64_t number, uint32_t offset, uint8_t *dst, uint32_t len)
{
	uint32_t o = offset, end = offset + len;

	while (o < end) {
		uint64_t z = (number * 8192 + o / 8 + 1) * 0x9e3779b97f4a7c15u;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		z = (z ^ (z >> 31)) >> (o % 8 * 8);
		do {
			*dst++ = (uint8_t)z;
			z >>= 8;
		} while (++o < end && o % 8);
	}
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static uint64_t be48(const uint8_t *p)
{
	return (uint64_t)be32(p) << 16 | be16(p + 4);
}

/* EtherType behind at most two VLAN tags, and where what follows it begins; 0 if not captured. */
static uint32_t ether_type(const uint8_t *b, uint32_t caplen, uint32_t *l3)
{
	uint32_t off = 12;

	for (int tags = 0; off + 2 <= caplen; tags++, off += 4) {
		uint32_t type = be16(b + off);

		*l3 = off + 2;
		if ((type != 0x8100 && type != 0x88a8) || tags == 2)
			return type;
	}
	*l3 = caplen;
	return 0;
}

void capture_addrs(const uint8_t *b, uint32_t caplen, struct capture_addrs *a)
{
	static const uint8_t arp_ipv4[] = {0, 1, 8, 0, 6, 4};
	uint32_t l3, type = ether_type(b, caplen, &l3), src = 0;

	*a = (struct capture_addrs){.has_mac = caplen >= 12};
	if (!a->has_mac)
		return;
	a->group = b[0] & 1;
	a->dst_mac = be48(b);
	a->src_mac = be48(b + 6);
	if (type == 0x0800 && caplen >= l3 + 20) {
		src = l3 + 12;
		a->dst_ip = be32(b + l3 + 16);
	} else if (type == 0x0806 && caplen >= l3 + 28 &&
		   memcmp(b + l3, arp_ipv4, sizeof(arp_ipv4)) == 0) {
		src = l3 + 14;
		a->dst_ip = be32(b + l3 + 24);
	}
	a->has_ip = src != 0;
	if (src)
		a->src_ip = be32(b + src);
}

static bool has_ports(uint32_t proto)
{
	return proto == 6 || proto == 17 || proto == 132;
}

uint64_t capture_flow(const uint8_t *b, uint32_t caplen)
{
	uint8_t key[40] = {0}; /* addresses, ports, protocol, address family */
	uint32_t l3, type = ether_type(b, caplen, &l3), l4 = 0;

	if (type == 0x0800 && caplen >= l3 + 20 && b[l3] >> 4 == 4) {
		memcpy(key, b + l3 + 12, 8);
		key[36] = b[l3 + 9];
		if ((be16(b + l3 + 6) & 0x3fff) == 0)
			l4 = l3 + (b[l3] & 15) * 4;
		key[37] = 4;
	} else if (type == 0x86dd && caplen >= l3 + 40) {
		memcpy(key, b + l3 + 8, 32);
		key[36] = b[l3 + 6];
		l4 = l3 + 40;
		key[37] = 6;
	} else {
		memcpy(key, b, caplen < 12 ? caplen : 12);
		key[12] = (uint8_t)(type >> 8);
		key[13] = (uint8_t)type;
	}
	if (l4 && has_ports(key[36]) && caplen >= l4 + 4)
		memcpy(key + 32, b + l4, 4);
	return digest_bytes(key, sizeof(key));
}
