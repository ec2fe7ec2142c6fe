/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_uring.c - the port's io_uring back end. */
#include <errno.h>

#include "plat_port.h"

bool plat_uring_init(struct plat_port *port, const struct plat_port_cfg *cfg)
{
	(void)cfg;
	port->failed = "io_uring";
	errno = ENOSYS;
	return false;
}
