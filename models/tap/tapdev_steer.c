/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tapdev_steer.c - which queue of a TAP device a frame goes to: by its destination, in the kernel.
 *
 * The program is a socket filter that the device runs on each frame it is to queue; what it returns
 * is the queue. It compares the destination with one address after the other; there are as many as
 * guests behind a NIC, so a table would cost more. Instructions as in Documentation/bpf of Linux;
 * BPF_LD_ABS reads the frame in network byte order.
 */
#include "tapdev.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/sim_error.h"

#define EACH 4u /* instructions a queue */

static struct bpf_insn load_abs(uint8_t size, int32_t at)
{
	return (struct bpf_insn){.code = (uint8_t)(BPF_LD | BPF_ABS | size), .imm = at};
}

static struct bpf_insn move(uint8_t dst, uint8_t src)
{
	return (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = dst, .src_reg = src};
}

static struct bpf_insn unless_equal(uint8_t reg, uint32_t value, int16_t skip)
{
	return (struct bpf_insn){.code = BPF_JMP32 | BPF_JNE | BPF_K,
				 .dst_reg = reg,
				 .off = skip,
				 .imm = (int32_t)value};
}

static struct bpf_insn answer(unsigned queue)
{
	return (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = (int32_t)queue};
}

static const struct bpf_insn leave = {.code = BPF_JMP | BPF_EXIT};

/* The program's length. */
static unsigned write_program(struct bpf_insn *p, const uint8_t (*mac)[6], unsigned n)
{
	unsigned i = 0;

	p[i++] = move(BPF_REG_6, BPF_REG_1); /* where load_abs() finds the frame */
	p[i++] = load_abs(BPF_W, 0);
	p[i++] = move(BPF_REG_7, BPF_REG_0);
	p[i++] = load_abs(BPF_H, 4);
	p[i++] = move(BPF_REG_8, BPF_REG_0);
	for (unsigned q = 0; q < n; q++) {
		const uint8_t *m = mac[q];
		uint32_t high =
			(uint32_t)m[0] << 24 | (uint32_t)m[1] << 16 | (uint32_t)m[2] << 8 | m[3];
		p[i++] = unless_equal(BPF_REG_7, high, EACH - 1);
		p[i++] = unless_equal(BPF_REG_8, (uint32_t)m[4] << 8 | m[5], EACH - 2);
		p[i++] = answer(q);
		p[i++] = leave;
	}
	p[i++] = answer(0);
	p[i++] = leave;
	return i;
}

static int load(const struct bpf_insn *p, unsigned n)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)p;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

bool tapdev_steer(struct tapdev *d, const uint8_t (*mac)[6], unsigned n, GError **error)
{
	struct bpf_insn program[7 + EACH * TAPDEV_QUEUES];
	int fd, done;

	g_assert(n <= d->queues);
	fd = load(program, write_program(program, mac, n));
	if (fd < 0) {
		g_set_error(
			error, SIM_ERROR, SIM_EXIT_ENVIRONMENT,
			"interface %s: the kernel refuses the program that tells its guests "
			"apart: %s; run as root or give the program CAP_BPF, or give each guest a "
			"[nic] of its own",
			d->name, g_strerror(errno));
		return false;
	}
	done = ioctl(d->fd[0], TUNSETSTEERINGEBPF, &fd);
	close(fd); /* the device holds it */
	if (done < 0)
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT,
			    "interface %s: its queues cannot be chosen by address: %s; give each "
			    "guest a [nic] of its own",
			    d->name, g_strerror(errno));
	return done == 0;
}

unsigned tapdev_queue_of(const uint8_t (*mac)[6], unsigned n, const uint8_t *dst)
{
	for (unsigned q = 0; q < n; q++)
		if (!memcmp(mac[q], dst, 6))
			return q;
	return 0;
}
