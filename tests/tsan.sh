#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The virtqueue in two real threads under ThreadSanitizer: PACKETS (default a million) packets.
set -eu
make --no-print-directory FLAVOUR=tsan build/tsan/tests/real_ring
CMOCKA_MESSAGE_OUTPUT=TAP build/tsan/tests/real_ring "${PACKETS:-1000000}"
