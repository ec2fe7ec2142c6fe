/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_tap.c - packets per second of CPU time from a guest into a real TAP device.
 *
 * A guest's send queue, the datapath of a policy, the port, a TAP device whose interface is up in a
 * network namespace of this program's own: the kernel's stack takes each frame (UDP of 60 B to
 * another host's address) and discards it. The guest fills its ring apart from the measurement;
 * what counts is the CPU time of the thread during the datapath's bursts and commits, kernel
 * included, as clock_gettime(CLOCK_THREAD_CPUTIME_ID) has it.
 *
 * Beside it, in the same rounds on a TAP device of the same kind: the same frames written by bare
 * writev() and bare io_uring, which is what the kernel costs by itself, and testpmd (DPDK) sending
 * such frames by its TAP driver (CPU time of its sending thread, frames as the interface counts
 * them). Median of seven rounds; what cannot be run is said. Prints a table; judges nothing but
 * that every frame went out.
 *
 *   bench_tap [PACKETS]            the table; of each round
 *   bench_tap CASE PACKETS         one, by number, for a profiler
 */
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <liburing.h>

#include "plat_real.h"
#include "policy.h"
#include "port_pair.h"
#include "virtq_drv.h"

enum { ROUNDS = 7, RING = 512, CHAINS = RING / 2, SLOT = 2048, BYTES = 60, MAX_FRAME = 1514 };

/* ---- CPU time ---- */

static double thread_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

_Noreturn static void fail(const char *what)
{
	fprintf(stderr, "bench_tap: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* As testpmd sends them: 198.18.0.1 to .2, UDP port 9 to 9, to another station than this one. */
static void make_frame(uint8_t *p)
{
	static const uint8_t head[42] = {
		2,    0, 0,   0,  0, 0, 2, 9, 9,  9,  9,    9,    8,   0, /* Ethernet */
		0x45, 0, 0,   46, 0, 0, 0, 0, 64, 17, 0xae, 0x9b, 198, 18,
		0,    1, 198, 18, 0, 2, 0, 9, 0,  9,  0,    26,   0,   0};

	memset(p, 0, BYTES);
	memcpy(p, head, sizeof(head));
}

/* ---- a guest's send queue and its host ---- */

struct rig {
	struct plat pl;
	struct plat_pool pool;
	struct plat_port port;
	struct ledger led;
	struct plat_line line;
	struct dpath dp;
	struct virtq_drv drv;
	struct frame *tags[RING];
	uint64_t data;
	uint64_t num;
};

static void *array(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		fail("memory");
	return p;
}

static void pool_make(struct hbuf_pool *p, uint32_t n)
{
	uint8_t *bytes = plat_real_hbufs(array((size_t)n * SLOT + PLAT_REAL_SLACK, 1));

	*p = (struct hbuf_pool){.n = n, .per = 1, .bytes = SLOT};
	p->piece = array(n, sizeof(*p->piece));
	p->dma = array(n, sizeof(*p->dma));
	p->stack = array(n, sizeof(*p->stack));
	p->lent = array(n, sizeof(*p->lent));
	for (uint32_t i = 0; i < n; i++) {
		p->piece[i] = (struct piece){bytes + (size_t)i * SLOT, SLOT};
		p->dma[i] = (uintptr_t)p->piece[i].p;
		hbuf_put(p, i);
	}
}

static void rig_make(struct rig *r, int fd, enum plat_backend backend, const char *policy)
{
	struct virtq_layout l = {.size = RING,
				 .avail = {virtq_desc_bytes(RING)},
				 .used = {virtq_desc_bytes(RING) + 4096},
				 .features = VIRTQ_F_EVENT_IDX,
				 .tags = r->tags};
	struct plat_port_cfg cfg = {.rx_fd = fd,
				    .tx_fd = fd,
				    .ring = 1024,
				    .max_frame = MAX_FRAME,
				    .backend = backend,
				    .pool = &r->pool,
				    .led = &r->led};
	struct dpath *dp = &r->dp;

	r->data = 65536;
	r->line.fd = -1;
	if (!plat_real_init(&r->pl, r->data + (uint64_t)CHAINS * 2 * SLOT) ||
	    !plat_pool_init(&r->pool, RING))
		fail("memory");
	if (!plat_port_init(&r->port, &cfg))
		fail(r->port.failed);
	*dp = (struct dpath){.rx_policy = policy_find(policy),
			     .tx_policy = policy_find(policy),
			     .rx_pl = &r->pl,
			     .tx_pl = &r->pl,
			     .port = &r->port,
			     .rx_intr = &r->line,
			     .tx_intr = &r->line,
			     .poll = true,
			     .max_frame = MAX_FRAME,
			     .max_segs = 8,
			     .ztx.segs = 8};
	pool_make(&dp->tx_pool, 1024);
	pool_make(&dp->vmm_pool, 2);
	dp->tx_seg = array((size_t)RING * dp->max_segs, sizeof(*dp->tx_seg));
	dp->tx_nseg = array(RING, sizeof(*dp->tx_nseg));
	if (!virtq_drv_init(&r->drv, &r->pl, &l, (gpa_t){0}, 0,
			    array(1, virtq_drv_bytes(&l, (gpa_t){0}, 0))) ||
	    !virtq_dev_init(&dp->txq, &r->pl, &l, array(1, virtq_dev_bytes(&l))))
		fail("virtqueue");
}

/* The guest makes n frames, each in a slot with its header in another. */
static void guest_fill(struct rig *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = r->data + (uint64_t)i * 2 * SLOT;
		struct virtq_seg seg[2] = {{{at}, VIRTQ_NET_HDR_BYTES}, {{at + SLOT}, BYTES}};
		struct frame *f = plat_pool_get(&r->pool, &r->led, BYTES, 0);

		memset(r->pl.mem + at, 0, VIRTQ_NET_HDR_BYTES);
		make_frame(r->pl.mem + at + SLOT);
		f->num = r->num++;
		if (!virtq_drv_add(&r->drv, &r->pl, seg, 2, 0, i, f))
			fail("full");
	}
	virtq_drv_publish(&r->drv);
}

static void guest_clean(struct rig *r)
{
	uint64_t slot;

	virtq_drv_used(&r->drv);
	while (virtq_drv_get(&r->drv, &r->pl, &slot, NULL, NULL))
		;
	plat_pool_collect(&r->pool);
}

/* CPU seconds of the datapath for so many packets. */
static double send_all(struct rig *r, uint64_t packets)
{
	double cpu = 0;

	for (uint64_t i = 0; i < packets; i += CHAINS) {
		guest_fill(r, CHAINS);
		double start = thread_seconds();
		do {
			dpath_tx_burst(&r->dp);
			dpath_tx_commit(&r->dp);
		} while (virtq_drv_used(&r->drv) < CHAINS);
		cpu += thread_seconds() - start;
		guest_clean(r);
	}
	return cpu;
}

/* ---- bare system calls ---- */

static uint8_t bare[64][SLOT];

static double bare_writev(int fd, uint64_t packets)
{
	struct iovec v[64];
	double start;

	for (unsigned i = 0; i < 64; i++) {
		make_frame(bare[i]);
		v[i] = (struct iovec){bare[i], BYTES};
	}
	start = thread_seconds();
	for (uint64_t i = 0; i < packets; i++)
		if (writev(fd, &v[i % 64], 1) != BYTES)
			fail("writev");
	return thread_seconds() - start;
}

static double bare_uring(int fd, uint64_t packets)
{
	struct io_uring_cqe *cqe;
	struct io_uring u;
	double start;

	if (io_uring_queue_init(64, &u, 0) || io_uring_register_files(&u, &fd, 1))
		fail("io_uring");
	start = thread_seconds();
	for (uint64_t i = 0; i < packets; i += 64) {
		unsigned head, n = 0;
		for (unsigned k = 0; k < 64; k++) {
			struct io_uring_sqe *s = io_uring_get_sqe(&u);
			io_uring_prep_write(s, 0, bare[k], BYTES, 0);
			io_uring_sqe_set_flags(s, IOSQE_FIXED_FILE);
		}
		io_uring_submit_and_wait(&u, 64);
		io_uring_for_each_cqe(&u, head, cqe)
		{
			if (cqe->res != BYTES)
				fail("io_uring write");
			n++;
		}
		io_uring_cq_advance(&u, n);
	}
	start = thread_seconds() - start;
	io_uring_queue_exit(&u);
	return start;
}

/* ---- testpmd ---- */

/* Frames that interface `name` has taken from its TAP device. */
static uint64_t interface_frames(const char *name)
{
	FILE *f = fopen("/proc/thread-self/net/dev", "re");
	char line[512], *at;
	uint64_t bytes, n = 0;

	while (f && fgets(line, sizeof(line), f))
		if ((at = strstr(line, name)) &&
		    sscanf(strchr(at, ':') + 1, "%" SCNu64 "%" SCNu64, &bytes, &n) == 2)
			break;
	if (f)
		fclose(f);
	return n;
}

/* CPU seconds of the process's thread of that name. */
static double named_thread_seconds(pid_t pid, const char *name)
{
	double s = 0;

	for (pid_t t = pid; t < pid + 64; t++) {
		char path[64], comm[32] = "";
		uint64_t ns;
		FILE *f;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)pid, (int)t);
		if (!(f = fopen(path, "re")))
			continue;
		if (fgets(comm, sizeof(comm), f) && strstr(comm, name)) {
			FILE *g;
			snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid,
				 (int)t);
			if ((g = fopen(path, "re"))) {
				if (fscanf(g, "%" SCNu64, &ns) == 1)
					s += 1e-9 * (double)ns;
				fclose(g);
			}
		}
		fclose(f);
	}
	return s;
}

static pid_t start_testpmd(int *in)
{
	int p[2];

	if (pipe(p))
		fail("pipe");
	pid_t pid = fork();
	if (pid)
		close(p[0]);
	else {
		int none = open("/dev/null", O_WRONLY);
		dup2(p[0], 0);
		dup2(none, 1);
		dup2(none, 2);
		close(p[1]);
		execlp("dpdk-testpmd", "dpdk-testpmd", "--no-huge", "-m", "128", "--no-pci",
		       "--no-telemetry", "--no-shconf", "-l", "0,1",
		       "--vdev=net_tap0,iface=dpdktap", "--", "--forward-mode=txonly",
		       "--txpkts=60", "--total-num-mbufs=4096", NULL);
		_exit(127);
	}
	*in = p[1];
	return pid;
}

/* Packets per CPU second of testpmd's sending thread over a second or so; 0: it does not run. */
static double testpmd(void)
{
	static const char name[] = "rte-worker";
	double cpu = 0, rate = 0;
	uint64_t frames = 0;
	int in, status;
	pid_t pid = start_testpmd(&in);

	for (unsigned i = 0; i < 100 && frames < 100000; i++) {
		usleep(50000);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			close(in);
			return 0;
		}
		frames = interface_frames("dpdktap");
		cpu = named_thread_seconds(pid, name);
	}
	usleep(1000000);
	frames = interface_frames("dpdktap") - frames;
	cpu = named_thread_seconds(pid, name) - cpu;
	if (cpu > 0)
		rate = (double)frames / cpu;
	status = (int)write(in, "\n", 1);
	close(in);
	for (unsigned i = 0; i < 100 && waitpid(pid, &status, WNOHANG) == 0; i++)
		usleep(50000);
	return rate;
}

/* ---- the table ---- */

enum { BARE_WRITEV, BARE_URING, COPY_RW, COPY_URING, ZERO_RW, ZERO_URING, TESTPMD, CASES };

static struct bench_case {
	const char *name;
	const char *policy;
	enum plat_backend backend;
	double mpps[ROUNDS];
	struct rig rig;
} cases[CASES] = {
	[BARE_WRITEV] = {.name = "bare writev()"},
	[BARE_URING] = {.name = "bare io_uring, 64 writes a call"},
	[COPY_RW] = {"guest, copy, readwrite", "copy", PLAT_READWRITE},
	[COPY_URING] = {"guest, copy, uring", "copy", PLAT_URING},
	[ZERO_RW] = {"guest, zero-copy, readwrite", "zero-copy", PLAT_READWRITE},
	[ZERO_URING] = {"guest, zero-copy, uring", "zero-copy", PLAT_URING},
	[TESTPMD] = {.name = "testpmd, txonly, net_tap"},
};

/* M packets per CPU second. */
static double run(unsigned which, int fd, uint64_t packets)
{
	struct bench_case *c = &cases[which];
	double s;

	if (which == TESTPMD)
		return testpmd() / 1e6;
	if (c->policy && !c->rig.drv.size)
		rig_make(&c->rig, fd, c->backend, c->policy);
	s = which == BARE_WRITEV  ? bare_writev(fd, packets)
	    : which == BARE_URING ? bare_uring(fd, packets)
				  : send_all(&c->rig, packets);
	return (double)packets / s / 1e6;
}

static bool table(const struct pair *p, uint64_t packets)
{
	bool ok = true, has_uring = true;
	struct io_uring u;

	if (io_uring_queue_init(8, &u, 0))
		has_uring = false;
	else
		io_uring_queue_exit(&u);
	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < CASES; i++)
			if (has_uring || (i != BARE_URING && cases[i].backend != PLAT_URING))
				cases[i].mpps[r] = run(i, p->fd, packets);
	for (unsigned i = 0; i < CASES; i++)
		qsort(cases[i].mpps, ROUNDS, sizeof(double), ascending);
	double other = cases[TESTPMD].mpps[ROUNDS / 2], bare_m = cases[BARE_URING].mpps[ROUNDS / 2];
	printf("%-34s %14s %14s %10s %10s\n", "60 B, into the kernel's stack", "M packets/s",
	       "ns a packet", "of bare", "of testpmd");
	for (unsigned i = 0; i < CASES; i++) {
		const struct bench_case *c = &cases[i];
		double m = c->mpps[ROUNDS / 2];
		if (m <= 0) {
			printf("%-34s   not here: %s\n", c->name,
			       i == TESTPMD ? "dpdk-testpmd (Debian: dpdk-dev) is missing or did "
					      "not start"
					    : "no io_uring");
			continue;
		}
		printf("%-34s %14.2f %14.0f", c->name, m, 1e3 / m);
		if (bare_m > 0)
			printf(" %9.0f%%", 100 * m / bare_m);
		else
			printf(" %10s", "-");
		if (other > 0)
			printf(" %9.2fx\n", m / other);
		else
			printf(" %10s\n", "-");
		if (c->policy)
			ok &= c->rig.led.delivered == c->rig.num && !c->rig.port.stats.tx_errors;
	}
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t packets = argc > 1 ? strtoull(argv[argc - 1], NULL, 10) : 200000;
	struct pair p = {.far = -1};
	const char *why;

	packets = packets / CHAINS * CHAINS;
	if (!packets || argc > 3) {
		fprintf(stderr, "usage: bench_tap [[CASE] PACKETS]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	why = pair_namespace();
	if (!why && !pair_open(&p, PAIR_TAP))
		why = strerror(errno);
	if (why) {
		printf("not here: %s\n", why);
		return 0;
	}
	close(p.far); /* nobody listens: the stack discards what comes */
	if (argc == 3) {
		printf("%.2f M packets/s\n", run((unsigned)atoi(argv[1]) % CASES, p.fd, packets));
		return 0;
	}
	return !table(&p, packets);
}
