#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_plots.sh - studies and results become the right tables, and tables become pictures.
#
# Builds a program of a few lines around sim/plot*.c (CC, default cc), so that it needs no other part
# of the tree, and gives it studies written here, whose tables can be told by hand. Prints TAP;
# exits 1 if a check failed, 77 if gnuplot is missing.
set -uo pipefail
export LC_ALL=C

root=$(cd "$(dirname "$0")/.." && pwd)
checks=0
failures=0

if ! command -v gnuplot >/dev/null; then
	echo "1..0 # SKIP gnuplot is missing"
	exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# check WHAT COMMAND...: one line of the report.
check()
{
	local what=$1
	shift
	checks=$((checks + 1))
	if "$@" >"$tmp/said" 2>&1; then
		echo "ok $checks - $what"
	else
		failures=$((failures + 1))
		echo "not ok $checks - $what"
		sed 's/^/# /' "$tmp/said"
	fi
}

build_driver()
{
	cat >"$tmp/driver.c" <<-'END'
		#include <stdio.h>
		#include <string.h>
		#include "sim/plot.h"
		#include "sim/plot_sweep.h"

		/* driver study|results OUT SCRIPTS PATH...: what was made, or the error and its code */
		int main(int argc, char **argv)
		{
			g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);
			g_autoptr(GError) error = NULL;
			const struct plot_want want = {0};
			bool ok;

			if (argc < 5)
				return 99;
			ok = strcmp(argv[1], "study") == 0
				? plot_study(argv[4], argv[2], argv[3], &want, made, &error)
				: plot_results((const char *const *)argv + 4, argv[2], argv[3], made, &error);
			for (guint i = 0; i < made->len; i++)
				puts(made->pdata[i]);
			if (!ok)
				fprintf(stderr, "error: %s\n", error->message);
			return ok ? 0 : error->code;
		}
	END
	# shellcheck disable=SC2046
	"${CC:-cc}" -std=gnu11 -g -O1 -Wall -Wextra -I"$root" \
		$(pkg-config --cflags glib-2.0 jansson) -o "$tmp/driver" "$tmp/driver.c" \
		"$root"/sim/plot*.c "$root/sim/outfile.c" "$root/sim/nearest.c" "$root/sim/sim_error.c" \
		$(pkg-config --libs glib-2.0 jansson)
}

# Four points: two policies at two rates, two repeats each, and a key that needs quotes.
make_study()
{
	mkdir -p "$1"
	{
		echo point,repeat,seed,guest_policy,guest_delivery,traffic_rate_bps,note,object,direction,metric,value,unit
		study_point 1 zero-copy 1000000000 0 0
		study_point 2 zero-copy 2000000000 0 0
		study_point 3 copy 1000000000 1 0
		study_point 4 copy 2000000000 1 50
	} >"$1/results.csv"
	study_json "$1" 1 '[[2000,2031,25],[1000,1015,25]]'
	mv "$1/point-0001.json" "$1/point-0001-1.json"
	study_json "$1" 1 '[[1000,1015,50]]'
	study_json "$1" 3 '[[4000,4063,100]]'
}

# study_point NUMBER POLICY RATE COPIED DROPS, of 100 packets in each of two repeats.
study_point()
{
	local repeat
	for repeat in 1 2; do
		sed "s/^/$1,$repeat,7,$2,process,$3,\"a, \"\"b\"\"\",/" <<-END
			vm1,rx,delivered,1,packets
			guests,rx,packets,100,packets
			guests,rx,delivered,$((100 - $5)),packets
			guests,rx,drops,$5,packets
			guests,rx,throughput_bps,$(($3 * (100 - $5) / 100 + repeat * 1000000)),bit/s
			guests,rx,copies.hypervisor_to_vmm,$(($4 ? 100 - $5 : 0)),packets
			guests,rx,copies.hypervisor_to_vmm.policy,$(($4 ? 100 - $5 : 0)),packets
			guests,rx,copies.vmm_to_guest,$(($4 ? 100 - $5 : 0)),packets
			guests,rx,copies.hypervisor_to_guest,$(($4 ? 0 : 10 + 10 * repeat)),packets
			guests,rx,stage_ns.process.mean,30,ns
			guests,rx,stage_ns.wire.mean,$((1000 + 10 * repeat)),ns
			guests,rx,stage_ns.own_stage.mean,5,ns
			guests,tx,packets,0,packets
			guests,tx,delivered,0,packets
			host.core0,,busy_ratio,0.5,
		END
	done
}

# study_json DIR POINT BINS: the histograms of a point.
study_json()
{
	printf '{"schema": 1, "point": {"number": %d, "repeat": 1}, "config": {}, "metrics": {}, "histograms":
		{"guests.rx.latency_ns": {"unit": "ns", "count": 100, "bins": %s}}}\n' "$2" "$3" >"$1/point-000$2.json"
}

# result FILE POLICY COPIES: a result file.
result()
{
	cat >"$1" <<-END
		{"schema": 1, "scenario": "x.ini",
		 "config": {"guest.vm1.policy": "$2", "guest.vm1.delivery": "kernel", "guest.vm2.policy": "$2"},
		 "metrics": {"guests.tx.delivered": 10, "guests.tx.copies.guest_to_hypervisor": $3,
			"guests.rx.delivered": 0, "guests.tx.digest": "00ff", "guests.tx.stage_ns.wire.mean": 67.2},
		 "histograms": {"guests.tx.latency_ns": {"unit": "ns", "count": 1, "bins": [[500, 500, 1]]}}}
	END
}

# table FILE: reads the rows that a table should have and compares.
table()
{
	diff -u - <(awk 'rows; /^# direction/ { rows = 1 }' "$1")
}

about_is() { grep -qxF "$2" "$1"; }

# exits CODE WORD COMMAND...: ends with the code, and says the word.
exits()
{
	local code=$1 word=$2 got
	shift 2
	"$@" >"$tmp/out" 2>&1
	got=$?
	[ "$got" = "$code" ] && grep -qF -- "$word" "$tmp/out" && return
	echo "ended with $got"
	cat "$tmp/out"
	return 1
}

# A picture of this kind by its first bytes, and of some size.
is_picture()
{
	[ "$(stat -c %s "$1")" -gt 2000 ] || return 1
	case $1 in
	*.png) [ "$(head -c 4 "$1" | tail -c 3)" = PNG ] ;;
	*.pdf) [ "$(head -c 5 "$1")" = %PDF- ] ;;
	*.svg) grep -q '</svg>' "$1" ;;
	esac
}

all_pictures()
{
	local figure kind
	for figure in "${@:2}"; do
		for kind in png svg pdf; do
			is_picture "$1/$figure.$kind" || { echo "$figure.$kind"; return 1; }
		done
	done
}

# The words stand in the picture.
svg_says()
{
	local word
	for word in "${@:2}"; do
		grep -qF -- "$word" "$1" || { echo "no '$word' in $1"; return 1; }
	done
}

# Draws again by hand, elsewhere, without a word on stderr.
draws_alone()
{
	local figure
	mkdir "$tmp/alone"
	cp "$1"/*.dat "$1"/*.gp "$tmp/alone"
	for figure in copies latency load stages; do
		(cd "$tmp/alone" && LC_ALL=C.UTF-8 gnuplot "$figure.gp" 2>&1) | tee "$tmp/warned"
		[ ! -s "$tmp/warned" ] || return 1
	done
	all_pictures "$tmp/alone" copies latency load stages
}

reads_other_data()
{
	mv "$tmp/alone/copies.dat" "$tmp/alone/mine.dat"
	(cd "$tmp/alone" && gnuplot -e "data='mine.dat'; out='mine'" copies.gp) &&
		all_pictures "$tmp/alone" mine
}

test_study()
{
	local out=$tmp/out-study
	make_study "$tmp/study"
	check "a study is plotted" exits 0 load.pdf "$tmp/driver" study "$out" "$root/plots" "$tmp/study"
	check "copies: means over repeats, the first rate, a cluster's bars in order" table "$out/copies.dat" <<-END
		rx process copy hypervisor_to_vmm 0 0 1
		rx process copy vmm_to_guest 0 1 2
		rx process copy total 0 2 2
		rx process zero-copy hypervisor_to_guest 1 0 0.25
		rx process zero-copy total 1 0.25 0.25
	END
	check "latency: repeats together, the share at the end of each bin, level where there is none" table "$out/latency.dat" <<-END
		rx process copy 4000 0
		rx process copy 4063 1
		rx process zero-copy 1000 0
		rx process zero-copy 1015 0.75
		rx process zero-copy 2000 0.75
		rx process zero-copy 2031 1
	END
	check "stages: in the order of time, unknown ones last" table "$out/stages.dat" <<-END
		rx process copy wire 0 0 1015
		rx process copy process 0 1015 1045
		rx process copy own_stage 0 1045 1050
		rx process copy total 0 1050 1050
		rx process zero-copy wire 1 0 1015
		rx process zero-copy process 1 1015 1045
		rx process zero-copy own_stage 1 1045 1050
		rx process zero-copy total 1 1050 1050
	END
	check "load: mean, least and most, by rate" table "$out/load.dat" <<-END
		rx process copy 1e+09 1.0015e+09 1.001e+09 1.002e+09 0 0 0
		rx process copy 2e+09 1.0015e+09 1.001e+09 1.002e+09 0.5 0.5 0.5
		rx process zero-copy 1e+09 1.0015e+09 1.001e+09 1.002e+09 0 0 0
		rx process zero-copy 2e+09 2.0015e+09 2.001e+09 2.002e+09 0 0 0
	END
	check "the second line names the other keys" about_is "$out/copies.dat" \
		'"study study, traffic_rate_bps = 1 Gbit/s, note = a, _b_, 2 repeats" -'
	check "the second line of the load leaves out its rate" about_is "$out/load.dat" \
		'"study study, note = a, _b_, 2 repeats" bit/s'
	check "each figure is there as PNG, SVG and PDF" all_pictures "$out" copies latency load stages
	check "copies say where, in words" svg_says "$out/copies.svg" "hypervisor → VMM" "VMM → guest" \
		"hypervisor → guest" "Copies per delivered packet" "receive, process delivery"
	check "latency has its axes" svg_says "$out/latency.svg" "Share of packets within" "Latency" "µs" zero-copy
	check "load has its units" svg_says "$out/load.svg" "Throughput (Gbit/s)" "Offered load (Gbit/s)" "Dropped packets (%)"
	check "stages have their legend" svg_says "$out/stages.svg" wire process own_stage "Mean time (ns)"
	check "each script draws its table again, alone and in silence" draws_alone "$out"
	check "a script draws another table under another name" reads_other_data
}

test_results()
{
	local out=$tmp/out-results
	mkdir -p "$tmp/a" "$tmp/b"
	result "$tmp/a/zero.json" zero-copy 0
	result "$tmp/b/zero.json" zero-copy 0
	result "$tmp/a/mine.json" my-own 5
	check "results of different policies are named by policy" \
		exits 0 stages.png "$tmp/driver" results "$out" "$root/plots" "$tmp/a/mine.json" "$tmp/a/zero.json"
	check "a policy of one's own comes after those known" table "$out/copies.dat" <<-END
		tx kernel zero-copy total 0 0 0
		tx kernel my-own guest_to_hypervisor 1 0 0.5
		tx kernel my-own total 1 0.5 0.5
	END
	check "single values draw a latency" table "$out/latency.dat" <<-END
		tx kernel zero-copy 500 0
		tx kernel zero-copy 500 1
		tx kernel my-own 500 0
		tx kernel my-own 500 1
	END
	check "results have no load figure" test ! -e "$out/load.dat"
	check "results that share a policy are named by file, in their order" \
		exits 0 stages.png "$tmp/driver" results "$out" "$root/plots" "$tmp/b/zero.json" "$tmp/a/zero.json"
	check "files of one name are told apart by folder" table "$out/copies.dat" <<-END
		tx kernel zero total 0 0 0
		tx kernel a/zero total 1 0 0
	END
	check "bars without any copy are drawn" all_pictures "$out" copies
}

silent_study() { ! "$tmp/driver" study "$1" "$root/plots" "$2" 2>&1 >/dev/null | grep .; }

test_lacking()
{
	local out=$tmp/out-lacking
	mkdir -p "$tmp/lacking"
	sed -e /stage_ns/d -e 1s/traffic_rate_bps/traffic_size/ "$tmp/study/results.csv" >"$tmp/lacking/results.csv"
	mkdir "$out"
	echo old >"$out/load.png"
	check "figures without data are left out" exits 0 copies.png \
		"$tmp/driver" study "$out" "$root/plots" "$tmp/lacking"
	check "without a word: nobody asked for them" silent_study "$out" "$tmp/lacking"
	check "what can be drawn is drawn" all_pictures "$out" copies
	check "an old picture of it does not stay" test ! -e "$out/load.png"
	check "no table is made for it" test ! -e "$out/load.dat" -a ! -e "$out/stages.dat" -a ! -e "$out/latency.dat"
}

test_errors()
{
	local out=$tmp/out-errors
	mkdir -p "$tmp/bad" "$tmp/none"
	check "a folder that is no study is a usage error" exits 2 results.csv \
		"$tmp/driver" study "$out" "$root/plots" "$tmp/none"
	echo "a,b,c" >"$tmp/bad/results.csv"
	check "a table of something else is a usage error" exits 2 "results.csv:1:" \
		"$tmp/driver" study "$out" "$root/plots" "$tmp/bad"
	{ head -n 3 "$tmp/study/results.csv"; echo 1,2,3; } >"$tmp/bad/results.csv"
	check "a short line is told by its number" exits 2 "results.csv:4: 3 fields" \
		"$tmp/driver" study "$out" "$root/plots" "$tmp/bad"
	head -n 1 "$tmp/study/results.csv" >"$tmp/bad/results.csv"
	check "a table without rows is a usage error" exits 2 "holds no results" \
		"$tmp/driver" study "$out" "$root/plots" "$tmp/bad"
	grep -e ^point -e ,vm1, "$tmp/study/results.csv" >"$tmp/bad/results.csv"
	check "nothing at all to plot is a usage error, with what is lacking" \
		exits 2 "nothing to plot: no delivered frames" \
		"$tmp/driver" study "$out" "$root/plots" "$tmp/bad"
	cp "$tmp/study/results.csv" "$tmp/bad"
	study_json "$tmp/bad" 1 '[[5, 4, 1]]'
	check "a bin upside down is a usage error" exits 2 point-0001.json \
		"$tmp/driver" study "$out" "$root/plots" "$tmp/bad"
	echo '{' >"$tmp/bad/point-0001.json"
	check "broken JSON is told by file and line" exits 2 "point-0001.json:" \
		"$tmp/driver" study "$out" "$root/plots" "$tmp/bad"
	check "missing gnuplot is a fault of the environment" exits 5 gnuplot \
		env PATH="$tmp/none" "$tmp/driver" study "$out" "$root/plots" "$tmp/study"
	check "missing scripts are a fault of the environment" exits 5 "plot script" \
		"$tmp/driver" study "$out" "$tmp/none" "$tmp/study"
	check "a folder that cannot be made is an output error" exits 6 "said" \
		"$tmp/driver" study "$tmp/said/x" "$root/plots" "$tmp/study"
}

check "the driver builds without a warning" build_driver
[ "$failures" = 0 ] || exit 1
test_study
test_results
test_lacking
test_errors
echo "1..$checks"
[ "$failures" = 0 ]
