/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * app_echo.c - answers are the question with its ends exchanged, so that checksums over addresses
 * and ports stay right. Fragments are not put together, and not answered.
 */
#include "app_echo.h"

#include <string.h>

enum { ETHER = 14, IP = 20, ARP = 28, ICMP = 8, UDP = 8 };
enum { ICMP_REPLY = 0, ICMP_REQUEST = 8, PROTO_ICMP = 1, PROTO_UDP = 17 };

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void exchange(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t t[6];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

/* An Ethernet ARP request for our address. */
static bool is_arp(const struct app_cfg *c, const uint8_t *f, uint32_t len)
{
	static const uint8_t request[] = {0, 1, 8, 0, 6, 4, 0, 1};

	return len >= ETHER + ARP && get16(f + 12) == 0x0806 &&
	       memcmp(f + ETHER, request, sizeof(request)) == 0 &&
	       memcmp(f + ETHER + 24, c->ip, 4) == 0;
}

/* Where what IPv4 carries to us begins; 0: nothing for us, or damaged. */
static uint32_t ip_payload(const struct app_cfg *c, const uint8_t *f, uint32_t len)
{
	const uint8_t *ip = f + ETHER;
	uint32_t header, total;

	if (len < ETHER + IP || get16(f + 12) != 0x0800 || memcmp(f, c->mac, 6) != 0 ||
	    ip[0] >> 4 != 4)
		return 0;
	header = (ip[0] & 15u) * 4;
	total = get16(ip + 2);
	if (header < IP || total < header || ETHER + total > len ||
	    memcmp(ip + 16, c->ip, 4) != 0 || (get16(ip + 6) & 0x3fff))
		return 0;
	return ETHER + header;
}

static uint32_t ip_end(const uint8_t *f)
{
	return ETHER + get16(f + ETHER + 2);
}

static bool is_ping(const uint8_t *f, uint32_t at)
{
	return at && f[ETHER + 9] == PROTO_ICMP && ip_end(f) >= at + ICMP && f[at] == ICMP_REQUEST;
}

static bool is_datagram(const uint8_t *f, uint32_t at)
{
	return at && f[ETHER + 9] == PROTO_UDP && ip_end(f) >= at + UDP;
}

bool app_echo_answers(const struct app_cfg *c, const uint8_t *frame, uint32_t len)
{
	uint32_t at = ip_payload(c, frame, len);

	return is_arp(c, frame, len) || is_ping(frame, at) || is_datagram(frame, at);
}

static uint32_t answer_arp(const struct app_cfg *c, uint8_t *f)
{
	uint8_t *arp = f + ETHER;

	put16(arp + 6, 2);
	memcpy(arp + 18, arp + 8, 10); /* who asks, now as target */
	memcpy(arp + 8, c->mac, 6);
	memcpy(arp + 14, c->ip, 4);
	memcpy(f, arp + 18, 6);
	memcpy(f + 6, c->mac, 6);
	return ETHER + ARP;
}

/* RFC 1624: the sum loses what the type was. */
static void ping_to_reply(uint8_t *icmp)
{
	uint32_t sum = (~get16(icmp + 2) & 0xffffu) + (~(uint32_t)(ICMP_REQUEST << 8) & 0xffffu);

	icmp[0] = ICMP_REPLY;
	sum = (sum & 0xffff) + (sum >> 16);
	put16(icmp + 2, ~((sum & 0xffff) + (sum >> 16)));
}

uint32_t app_echo(const struct app_cfg *c, const uint8_t *frame, uint32_t len, uint8_t *answer)
{
	uint32_t at = ip_payload(c, frame, len);

	memcpy(answer, frame, len);
	if (!at)
		return answer_arp(c, answer);
	exchange(answer, answer + 6, 6);
	exchange(answer + ETHER + 12, answer + ETHER + 16, 4);
	if (answer[ETHER + 9] == PROTO_ICMP)
		ping_to_reply(answer + at);
	else
		exchange(answer + at, answer + at + 2, 2);
	return len;
}
