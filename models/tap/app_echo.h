/* SPDX-License-Identifier: GPL-2.0-or-later */
/* app_echo.h - a host that answers: ARP, ICMP echo, and UDP datagrams sent back. */
#ifndef TAP_APP_ECHO_H
#define TAP_APP_ECHO_H

#include "app.h"

/* Does it answer this frame? */
bool app_echo_answers(const struct app_cfg *c, const uint8_t *frame, uint32_t len);
/* The answer, len bytes at most, to a frame of which that is said; returns its length. */
uint32_t app_echo(const struct app_cfg *c, const uint8_t *frame, uint32_t len, uint8_t *answer);

#endif
