#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a second thread is worth to a study: 500 points x 5 repeats with -j 1 and -j 2, in turn, each
# twice. Wall time, so it says something on an idle machine only; the load is printed. With JUDGE=1 a
# ratio below 1.8 is a failure.
set -eu
B=${B:-build}
vnicsim=$(cd "$B" && pwd)/vnicsim
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >study.ini <<-END
	[scenario]
	repeat = 5
	[nic eth0]
	[guest vm1]
	[traffic bulk]
	to = vm1
	source = poisson
	rate = 1Gbit/s
	packets = ${PACKETS:-10000}
	[sweep]
	guest.policy = copy, single-copy, zero-copy, null
	bulk.size = 60B, 250B, 500B, 1000B, 1500B
	bulk.rate = 100Mbit/s..2500Mbit/s step 100Mbit/s
END
seconds() # FOLDER THREADS: of one run of it
{
	local begun=$EPOCHREALTIME
	"$vnicsim" sweep -q study.ini -j "$2" --out "$1"
	awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }'
}
printf 'load      %s (before), %s cores\n' "$(cut -d' ' -f1 /proc/loadavg)" "$(nproc)"
printf 'study     %s\n' "$("$vnicsim" sweep study.ini --list | tail -n 1)"
best=(0 '' '')
for round in 1 2; do
	for threads in 1 2; do
		rm -rf "j$threads"
		s=$(seconds "j$threads" $threads)
		echo "-j $threads      $s s (round $round)"
		best[threads]=$(printf '%s\n' "${best[threads]:-$s}" "$s" | sort -g | head -n 1)
	done
	cmp j1/results.csv j2/results.csv
	cmp j1/summary.csv j2/summary.csv
done
awk -v a="${best[1]}" -v b="${best[2]}" -v judge="${JUDGE:-}" 'BEGIN {
	printf "-j 2 is   %.2f times as fast (aim: 1.80 on two idle cores); tables are the same, byte for byte\n", a / b
	exit judge != "" && a / b < 1.8
}'
