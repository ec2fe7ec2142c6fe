#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs the benchmarks one after the other and says what was measured, on what. Judges nothing.
set -eu
B=${B:-build}

heading() {
	printf '\n== %s\n\n' "$1"
}

compiler() {
	readelf -p .comment "$B/vnicsim" 2>/dev/null | sed -n 's/^ *\[ *[0-9a-f]*\] *//p' | head -n 1
}

heading "Machine"
printf 'CPU       %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
printf 'cores     %s\n' "$(nproc)"
printf 'caches    %s\n' "$(cat /sys/devices/system/cpu/cpu0/cache/index*/size 2>/dev/null | paste -sd' ')"
printf 'compiler  %s\n' "$(compiler)"

heading "Event wheel and a 4-ary heap: M holds/s, by events pending"
"$B/tests/bench_event"

heading "Traffic: ns of CPU time to peek, take and release one frame"
"$B/tests/bench_traffic"

heading "More guests at the same total rate, by CPU time"
"$B/tests/bench_guests"

heading "Whole receive path, process delivery: peak memory by packets, then M packets/s of CPU time"
"$B/tests/bench_path"

heading "IOMMU: ns of CPU time a translation, by shape of the IOTLB"
"$B/tests/bench_iommu"

heading "A constant bus, and PCI Express with page walks: M packets/s of CPU time (aim: 60% of constant)"
"$B/tests/bench_bus"

heading "PCIe: ns of CPU time and events a transaction, or a packet sent and one received"
"$B/tests/bench_pcie"

heading "A guest's frames into a real TAP device, and testpmd's: M packets/s of CPU time, kernel included"
"$B/tests/bench_tap"
heading "A study of 500 points x 5 repeats on one thread and on two"
B=$B bash tests/bench_study.sh
