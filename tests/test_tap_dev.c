/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_tap_dev.c - devices as they are made and as they are found, privileges given up, and the
 * processes that stand in a guest.
 */
#include "tap_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "models/tap/app.h"
#include "sim/sim_error.h"

static struct ifreq ask(const char *name, unsigned long what)
{
	struct ifreq ifr = {0};
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	g_strlcpy(ifr.ifr_name, name, IFNAMSIZ);
	assert_int_equal(ioctl(s, what, &ifr), 0);
	close(s);
	return ifr;
}

static void must_open(struct tapdev *d, const struct tapdev_cfg *cfg)
{
	g_autoptr(GError) error = NULL;

	if (!tapdev_open(d, cfg, &error))
		fail_msg("%s", error->message);
}

static void must_refuse(const struct tapdev_cfg *cfg, const char *words)
{
	g_autoptr(GError) error = NULL;
	struct tapdev d;

	assert_false(tapdev_open(&d, cfg, &error));
	assert_int_equal(error->code, SIM_EXIT_ENVIRONMENT);
	if (!strstr(error->message, words))
		fail_msg("wanted '%s': %s", words, error->message);
}

static void a_device_is_as_asked_and_goes_with_its_descriptor(void **state)
{
	static const uint8_t mac[6] = {2, 1, 2, 3, 4, 5};
	struct tapdev_cfg cfg = {.name = "mine0",
				 .queues = 3,
				 .mtu = 9000,
				 .queue_length = 77,
				 .mac = mac,
				 .vnet_hdr = true,
				 .silent = true};
	struct tapdev d;

	(void)state;
	must_open(&d, &cfg);
	assert_string_equal(d.name, "mine0");
	assert_true(d.created && d.queues == 3 && d.vnet_hdr == 12);
	assert_int_equal(d.mtu, 9000);
	assert_int_equal(d.queue_length, 77);
	assert_int_equal(d.ifindex, if_nametoindex("mine0"));
	assert_int_equal(ask("mine0", SIOCGIFMTU).ifr_mtu, 9000);
	assert_memory_equal(ask("mine0", SIOCGIFHWADDR).ifr_hwaddr.sa_data, mac, 6);
	assert_int_equal(ask("mine0", SIOCGIFFLAGS).ifr_flags & (IFF_UP | IFF_NOARP),
			 IFF_UP | IFF_NOARP);
	tapdev_close(&d);
	assert_int_equal(if_nametoindex("mine0"), 0);
}

static void without_a_name_it_finds_one(void **state)
{
	struct tapdev a, b;

	(void)state;
	must_open(&a, &(struct tapdev_cfg){.queues = 1, .mtu = 1500});
	must_open(&b, &(struct tapdev_cfg){.queues = 1, .mtu = 1500});
	assert_string_equal(a.name, "vnic0");
	assert_string_equal(b.name, "vnic1");
	tapdev_close(&a);
	tapdev_close(&b);
}

/* As `ip tuntap add` makes it. */
static int persistent(const char *name, short flags, unsigned long keep)
{
	struct ifreq ifr = {.ifr_flags = flags};
	int fd = open("/dev/net/tun", O_RDWR);

	g_strlcpy(ifr.ifr_name, name, IFNAMSIZ);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, keep), 0);
	return fd;
}

static void bring_up(const char *name)
{
	struct ifreq ifr = ask(name, SIOCGIFFLAGS);
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	ifr.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &ifr), 0);
	close(s);
}

static void a_device_that_exists_is_left_as_found(void **state)
{
	struct tapdev_cfg cfg = {
		.name = "theirs", .queues = 1, .mtu = 1400, .queue_length = 5, .silent = true};
	struct tapdev d;
	short flags;
	int qlen;

	(void)state;
	close(persistent("theirs", IFF_TAP | IFF_NO_PI, 1));
	must_refuse(&cfg, "is down; do: ip link set theirs up");
	bring_up("theirs");
	flags = ask("theirs", SIOCGIFFLAGS).ifr_flags;
	qlen = ask("theirs", SIOCGIFTXQLEN).ifr_qlen;
	must_open(&d, &cfg);
	assert_false(d.created);
	assert_int_equal(d.mtu, 1500);
	assert_int_equal(d.queue_length, qlen);
	must_refuse(&cfg, "another program has it open");
	tapdev_close(&d);
	assert_int_equal(ask("theirs", SIOCGIFMTU).ifr_mtu, 1500);
	assert_int_equal(ask("theirs", SIOCGIFTXQLEN).ifr_qlen, qlen);
	assert_int_equal(ask("theirs", SIOCGIFFLAGS).ifr_flags & ~IFF_RUNNING,
			 flags & ~IFF_RUNNING);
	cfg.mtu = 9000;
	must_refuse(&cfg, "do: ip link set theirs mtu 9000");
	cfg.mtu = 1500;
	cfg.queues = 2;
	must_refuse(&cfg, "must be a TAP device of several queues");
	close(persistent("theirs", IFF_TAP | IFF_NO_PI, 0));
	assert_int_equal(if_nametoindex("theirs"), 0);
}

static void what_is_no_tap_device_is_refused(void **state)
{
	(void)state;
	must_refuse(&(struct tapdev_cfg){.name = "lo", .queues = 1, .mtu = 1500},
		    "must be a TAP device");
	must_refuse(&(struct tapdev_cfg){.name = "sixteen-letters!", .queues = 1, .mtu = 1500},
		    "is no name of an interface");
}

/* ---- namespaces and privileges --------------------------------------------------------------- */

/* In a process of its own; its exit code, 0 if all went well. */
static int in_child(int (*what)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(what());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool status_says(const char *line)
{
	g_autofree char *text = NULL;

	return g_file_get_contents("/proc/thread-self/status", &text, NULL, NULL) &&
	       strstr(text, line);
}

static int drops(void)
{
	g_autoptr(GError) error = NULL;
	struct tapdev d;
	uint8_t b[60] = {0};

	if (!tapdev_open(&d, &(struct tapdev_cfg){.queues = 1, .mtu = 1500}, &error))
		return 1;
	if (!netns_drop_privileges(&error))
		return 2;
	if (!status_says("CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
			 "CapEff:\t0000000000000000\n") ||
	    !status_says("CapAmb:\t0000000000000000\n") || !status_says("NoNewPrivs:\t1\n"))
		return 3;
	if (geteuid() == 0 && !status_says("CapBnd:\t0000000000000000\n"))
		return 4;
	if (socket(AF_PACKET, SOCK_RAW, 0) >= 0)
		return 5;
	return write(d.fd[0], b, sizeof(b)) == sizeof(b) ? 0 : 6;
}

static void privileges_are_given_up_for_good(void **state)
{
	(void)state;
	assert_int_equal(in_child(drops), 0);
}

static int sees_only_itself(void)
{
	g_autoptr(GError) error = NULL;
	uint64_t before = if_nametoindex("vnic0");
	struct tapdev d;

	if (!netns_enter(NETNS_PRIVATE, NULL, &error))
		return 77;
	if (!tapdev_open(&d, &(struct tapdev_cfg){.name = "vnic0", .queues = 1, .mtu = 1500},
			 &error))
		return 1;
	return before && d.created ? 0 : 2;
}

static void a_private_namespace_has_interfaces_of_its_own(void **state)
{
	struct tapdev d;
	int got;

	(void)state;
	must_open(&d, &(struct tapdev_cfg){.name = "vnic0", .queues = 1, .mtu = 1500});
	got = in_child(sees_only_itself);
	tapdev_close(&d);
	if (got == 77)
		skip();
	assert_int_equal(got, 0);
}

/* Whoever is not root, in a user namespace. */
static int as_nobody(void)
{
	g_autoptr(GError) error = NULL;
	struct tapdev d;

	/* dumpable: as a program is that this user has started */
	if (setgid(65534) || setuid(65534) || prctl(PR_SET_DUMPABLE, 1))
		return 77;
	if (!netns_enter(NETNS_PRIVATE, NULL, &error))
		return strstr(error->message, "unshare -rn vnictap") ? 77 : 1;
	if (geteuid() != 65534)
		return 2;
	if (!tapdev_open(&d, &(struct tapdev_cfg){.queues = 1, .mtu = 1500}, &error)) {
		fprintf(stderr, "%s\n", error->message);
		return access("/dev/net/tun", R_OK | W_OK) ? 77 : 3;
	}
	return netns_drop_privileges(&error) ? 0 : 4;
}

static void root_is_not_needed_where_user_namespaces_are_allowed(void **state)
{
	int got = in_child(as_nobody);

	(void)state;
	if (got == 77)
		skip();
	assert_int_equal(got, 0);
}

static void a_namespace_that_is_not_there_is_named(void **state)
{
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(netns_enter(NETNS_NAMED, "no-such-namespace", &error));
	assert_int_equal(error->code, SIM_EXIT_ENVIRONMENT);
	assert_non_null(strstr(error->message, "ip netns add no-such-namespace"));
	g_clear_error(&error);
	assert_false(netns_enter(NETNS_NAMED, "../../proc/self/ns/net", &error));
}

/* ---- processes ------------------------------------------------------------------------------- */

static const struct app_cfg echo_cfg = {.kind = APP_ECHO,
					.guest = "vm1",
					.mac = {2, 0, 0, 0, 0, 9},
					.ip = {10, 0, 0, 2},
					.mtu = 1500};

static struct app *must_app(const struct app_cfg *cfg)
{
	g_autoptr(GError) error = NULL;
	struct app *a = app_new(cfg, &error);

	if (!a)
		fail_msg("%s", error->message);
	return a;
}

static const uint8_t *reply(struct app *a, const uint8_t *bytes, uint32_t len, uint32_t *got)
{
	app_frame(a, bytes, len);
	return app_peek(a, got);
}

static void echo_answers_arp_for_its_address_only(void **state)
{
	uint8_t q[42] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0,  1, 8, 6,
			 0,   1,   8,   0,   6,   4,   0, 1, 2, 0, 0,  0, 0, 1,
			 10,  0,   0,   1,   0,   0,   0, 0, 0, 0, 10, 0, 0, 2};
	static const uint8_t want[42] = {2,  0, 0, 0, 0, 1, 2, 0, 0, 0, 0,  9, 8, 6,
					 0,  1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 9,
					 10, 0, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1};
	struct app *a = must_app(&echo_cfg);
	uint32_t len;
	const uint8_t *r = reply(a, q, sizeof(q), &len);

	(void)state;
	assert_non_null(r);
	assert_int_equal(len, 42);
	assert_memory_equal(r, want, 42);
	app_pop(a);
	q[41] = 3;
	assert_null(reply(a, q, sizeof(q), &len));
	assert_int_equal(app_stats(a).received, 2);
	assert_int_equal(app_stats(a).sent, 1);
	app_free(a);
}

static uint32_t sum16(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i < n; i++)
		sum += (uint32_t)p[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* An IPv4 packet from 10.0.0.1 to 10.0.0.2 with n bytes of payload. */
static void make_ip(uint8_t *b, uint8_t proto, uint32_t n)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 9,  2, 0, 0, 0,  0, 1, 8, 0,  0x45, 0, 0,
				       0, 0, 7, 0, 0, 64, 0, 0, 0, 10, 0, 0, 1, 10, 0,    0, 2};
	uint32_t sum;

	memcpy(b, head, sizeof(head));
	b[16] = (uint8_t)((20 + n) >> 8);
	b[17] = (uint8_t)(20 + n);
	b[23] = proto;
	sum = ~sum16(b + 14, 20, 0);
	b[24] = (uint8_t)(sum >> 8);
	b[25] = (uint8_t)sum;
}

static void echo_answers_ping(void **state)
{
	uint8_t q[98] = {0};
	struct app *a = must_app(&echo_cfg);
	uint32_t len, sum;
	const uint8_t *r;

	(void)state;
	make_ip(q, 1, 64);
	q[34] = 8;
	for (unsigned i = 38; i < 98; i++)
		q[i] = (uint8_t)(i * 5);
	sum = ~sum16(q + 34, 64, 0);
	q[36] = (uint8_t)(sum >> 8);
	q[37] = (uint8_t)sum;
	r = reply(a, q, sizeof(q), &len);
	assert_non_null(r);
	assert_int_equal(len, 98);
	assert_int_equal(r[34], 0);
	assert_int_equal(sum16(r + 34, 64, 0), 0xffff);
	assert_int_equal(sum16(r + 14, 20, 0), 0xffff);
	assert_memory_equal(r + 30, "\x0a\0\0\x01", 4);
	assert_memory_equal(r, "\2\0\0\0\0\1\2\0\0\0\0\x09", 12);
	assert_memory_equal(r + 38, q + 38, 60);
	app_pop(a);
	q[34] = 0; /* a reply is not answered */
	assert_null(reply(a, q, sizeof(q), &len));
	app_free(a);
}

static void echo_sends_datagrams_back(void **state)
{
	uint8_t q[60] = {0};
	struct app *a = must_app(&echo_cfg);
	uint32_t len;
	const uint8_t *r;

	(void)state;
	make_ip(q, 17, 26);
	memcpy(q + 34, "\x12\x34\x56\x78\0\x1a\xab\xcd", 8);
	r = reply(a, q, sizeof(q), &len);
	assert_non_null(r);
	assert_memory_equal(r + 34, "\x56\x78\x12\x34\0\x1a\xab\xcd", 8);
	app_pop(a);
	q[20] = 0x20; /* a fragment */
	assert_null(reply(a, q, sizeof(q), &len));
	app_free(a);
}

/* Any bytes: nothing is read beyond them, which the address sanitizer sees. */
static void echo_survives_anything(void **state)
{
	struct app *a = must_app(&echo_cfg);
	uint64_t x = 88172645463325252u;
	uint32_t len;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t b[128];
		memset(b, i & 2 ? 8 : 0, sizeof(b)); /* 8: a ping, where one can be */
		make_ip(b, i & 1 ? 1 : 17, i % 64);
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		uint32_t n = (uint32_t)x % 100;
		b[14 + (x >> 20) % 28] = (uint8_t)(x >> 8);
		if (i & 4)
			b[12 + (x >> 40) % 3] = (uint8_t)(x >> 16);
		uint8_t *exact = g_memdup2(b, n);
		app_frame(a, exact, n);
		g_free(exact);
		if (i % 20000 == 0)
			while (app_peek(a, &len))
				app_pop(a);
	}
	assert_true(app_stats(a).dropped > 0 && app_stats(a).sent > 0);
	app_free(a);
}

static void a_sink_takes_and_says_nothing(void **state)
{
	struct app_cfg cfg = echo_cfg;
	uint8_t q[60] = {0};
	uint32_t len;

	(void)state;
	cfg.kind = APP_SINK;
	struct app *a = must_app(&cfg);
	make_ip(q, 17, 26);
	assert_null(reply(a, q, sizeof(q), &len));
	assert_int_equal(app_stats(a).received, 1);
	assert_int_equal(app_stats(a).received_bytes, 60);
	app_free(a);
}

/* The kernel of the namespace behind the bridge answers our ARP request. */
static void behind_a_bridge_is_a_network(void **state)
{
	uint8_t q[42] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0,  1, 8, 6,
			 0,   1,   8,   0,   6,   4,   0, 1, 2, 0, 0,  0, 0, 1,
			 10,  0,   0,   1,   0,   0,   0, 0, 0, 0, 10, 0, 0, 2};
	struct app_cfg cfg = echo_cfg;
	const uint8_t *r = NULL;
	uint32_t len = 0;

	(void)state;
	cfg.kind = APP_BRIDGE;
	cfg.guest = "no-such-guest";
	struct app *a = must_app(&cfg);
	assert_non_null(strstr(app_where(a), "nsenter"));
	assert_int_equal(if_nametoindex("vnic0"), 0); /* not here */
	app_frame(a, q, sizeof(q));
	for (unsigned i = 0; i < 100; i++) {
		struct pollfd p = {.fd = app_fd(a), .events = POLLIN};
		poll(&p, 1, 50);
		r = app_peek(a, &len);
		if (r && r[12] == 8 && r[13] == 6 && r[21] == 2)
			break;
		if (r)
			app_pop(a);
		r = NULL;
	}
	assert_non_null(r);
	assert_memory_equal(r + 22, "\2\0\0\0\0\x09\x0a\0\0\2\2\0\0\0\0\1\x0a\0\0\1", 20);
	app_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_as_asked_and_goes_with_its_descriptor),
		cmocka_unit_test(without_a_name_it_finds_one),
		cmocka_unit_test(a_device_that_exists_is_left_as_found),
		cmocka_unit_test(what_is_no_tap_device_is_refused),
		cmocka_unit_test(privileges_are_given_up_for_good),
		cmocka_unit_test(a_private_namespace_has_interfaces_of_its_own),
		cmocka_unit_test(root_is_not_needed_where_user_namespaces_are_allowed),
		cmocka_unit_test(a_namespace_that_is_not_there_is_named),
		cmocka_unit_test(echo_answers_arp_for_its_address_only),
		cmocka_unit_test(echo_answers_ping),
		cmocka_unit_test(echo_sends_datagrams_back),
		cmocka_unit_test(echo_survives_anything),
		cmocka_unit_test(a_sink_takes_and_says_nothing),
		cmocka_unit_test(behind_a_bridge_is_a_network),
	};
	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
