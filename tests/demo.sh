#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# demo.sh VNICSIM [OUT]: the main job. One sweep over policy, delivery and offered load on a real
# capture, judged by the scenario's own expectations; then the figures.
set -eu
vnicsim=$1
out=${2:-out/demo}
echo "$vnicsim sweep scenarios/demo.ini --out $out --fresh"
echo
"$vnicsim" sweep scenarios/demo.ini --out "$out" --fresh
echo
# The scenario says what it expects; say whether it holds.
"$vnicsim" check scenarios/demo.ini --quiet | tail -n 1 | sed 's/^/expectations: /'
echo
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
	$c["object"] == "vm1" && $c["direction"] == "rx" && $c["metric"] ~ /^(drops|packets)$/ {
		v[$c["guest_policy"], $c["guest_delivery"], $c["traffic_web_rate_bps"], $c["metric"]] = $c["value"]
		rate[$c["traffic_web_rate_bps"]] = 1
	}
	END {
		for (r in rate) if (v["copy", "process", r, "drops"] > 0 && v["zero-copy", "process", r, "drops"] == 0 &&
			(!best || r + 0 < best + 0)) best = r
		if (!best) { print "no load at which copy loses packets and zero-copy does not"; exit 1 }
		printf "At %.1f Gbit/s offered, copy loses %.1f%% of the received packets and zero-copy none.\n",
			best / 1e9, 100 * v["copy", "process", best, "drops"] / v["copy", "process", best, "packets"]
	}' "$out/results.csv"
echo
echo "figures:"
"$vnicsim" plot "$out" | sed 's/^/  /'
echo
echo "table: $out/wide.csv (a run a line), $out/results.csv (a number a line)"
