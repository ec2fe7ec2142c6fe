#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_plot_study.sh - figures for any study: what is chosen, what [plot] names, means and intervals,
# what is refused. Studies are written here, so that their numbers can be told by hand. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
command -v gnuplot >/dev/null || { echo "1..0 # SKIP gnuplot is missing"; exit 77; }

# study FOLDER: two keys and a third that moves with the second, three repeats.
study()
{
	mkdir -p "$1"
	{
		echo point,repeat,seed,guest_policy,traffic_bulk_size_bytes,nic_mtu_bytes,object,direction,metric,value,unit
		local point=0 policy size repeat
		for policy in copy zero-copy; do
			for size in 64 512 4096 9000; do
				point=$((point + 1))
				for repeat in 1 2 3; do
					row="$point,$repeat,$repeat,$policy,$size,$((size > 1500 ? 9000 : 1500)),guests,rx"
					echo "$row,delivered,100,packets"
					echo "$row,throughput_bps,$((size * 1000000 + repeat * 1000000)),bit/s"
					echo "$row,latency_ns.p99,,ns"
				done
			done
		done
	} >"$1/results.csv"
}

plot() { "$vnicsim" plot "$@"; }
dat() { echo "$tmp/$1/plots/study-rx_throughput_bps.dat"; }
has() { grep -qF -- "$2" "$1" || { echo "no: $2"; head -n 40 "$1"; return 1; }; }

# The keys of [plot] without the rest of a scenario.
cat >"$tmp/s.ini" <<'END'
[plot]
y = guests.rx.throughput_bps
END
ini=$tmp/s.ini

study "$tmp/a"
check "a study is drawn" exits 0 plot "$tmp/a" --scenario "$ini"
check "x is the key with the most numbers" has "$(dat a)" '"traffic_bulk_size_bytes" "Throughput, receive (Gbit/s)"'
check "policies are lines, in their own styles" has "$(dat a)" '2 4 0 '
# shellcheck disable=SC2016 # eval expands it
check "a key that x tells makes no panel" eval '! grep -q mtu "$(dat a)"'
check "factors make x logarithmic" grep -Eq '" 1 0 1 640 360 ' "$(dat a)"
# Repeats 1, 2, 3: mean 2, standard deviation 1, 4.303 / sqrt(3) = 2.4843 MHz.
check "a point is a mean with its 95% interval" grep -Eq '^1 1 64 0.066 0.06351[0-9]* 0.06848[0-9]* 3$' "$(dat a)"
check "the figure says so" has "$(dat a)" 'means with 95% confidence intervals'
for kind in png svg pdf; do
	check "there is a $kind" test -s "$tmp/a/plots/study-rx_throughput_bps.$kind"
done
alone() {
	local dir=$tmp/alone
	mkdir "$dir"
	cp "$tmp"/a/plots/study-rx_throughput_bps.{dat,gp} "$dir"
	(cd "$dir" && gnuplot study-rx_throughput_bps.gp) && cmp "$dir/study-rx_throughput_bps.svg" "$tmp/a/plots/study-rx_throughput_bps.svg"
}
check "data and script alone draw it again" alone
again() {
	cp "$(dat a)" "$tmp/first.dat"
	plot "$tmp/a" --scenario "$ini" >/dev/null && cmp "$tmp/first.dat" "$(dat a)"
}
check "the same study gives the same table" again

check "x, lines and panels can be named" exits 0 plot "$tmp/a" --scenario "$ini" --set plot.x=guest_policy \
	--set plot.lines=traffic_bulk_size_bytes --set plot.panels=nic_mtu_bytes --set "plot.title=A title"
check "a key without numbers makes an axis of words" has "$(dat a)" '1 "copy"'
check "panels are named" has "$(dat a)" '2 "nic_mtu_bytes 9000"'
check "the title stands there" has "$(dat a)" '"A title"'

# Whether a figure has text upon text is for the eye; that a legend of 12 has rows is not.
many() {
	study "$tmp/many"
	awk -F, -v OFS=, 'NR == 1 { print; next } { for (i = 1; i <= 6; i++) { k = $4; $1 += 0; p = $1; $1 = (i - 1) * 8 + p;
		$4 = k "-variant-number-" i; print; $4 = k; $1 = p } }' "$tmp/many/results.csv" | sort -s -t, -k1,1n >"$tmp/sorted"
	{ grep ^point "$tmp/sorted"; grep -v ^point "$tmp/sorted"; } >"$tmp/many/results.csv"
	exits 0 plot "$tmp/many" --scenario "$ini" && [ "$(grep -c -- '-variant-number-' "$(dat many)")" = 12 ] &&
		grep -Eq '^12 [0-9]+ [1-9]' "$(dat many)"
}
check "12 lines get a legend of several rows" many

check "an unknown key is named, with the nearest" fails 2 '[plot] x' guest_polic guest_policy -- \
	plot "$tmp/a" --scenario "$ini" --set plot.x=guest_polic
check "an unknown metric is named, with the nearest" fails 2 guests.rx.throughput_bp 'did you mean' -- \
	plot "$tmp/a" --scenario "$ini" --set plot.y=guests.rx.throughput_bp
quiet_choice() { exits 0 plot "$tmp/a" && [ ! -s "$err" ] && [ ! -e "$tmp/a/plots/study-rx_latency_ns_p99.dat" ]; }
check "a metric without numbers is not chosen, and nothing said" quiet_choice
check "a metric without numbers that is asked for is refused" fails 2 guests.rx.latency_ns.p99 'no number' -- \
	plot "$tmp/a" --scenario "$ini" --set plot.y=guests.rx.latency_ns.p99
check "points that would lie on each other are refused" fails 2 traffic_bulk_size_bytes varies -- \
	plot "$tmp/a" --scenario "$ini" --set plot.x=guest_policy --set plot.lines=none --set plot.panels=none
check "words have no logarithm" fails 2 '[plot] log' -- \
	plot "$tmp/a" --scenario "$ini" --set plot.x=guest_policy --set plot.log=x
check "an axis is x or y" fails 2 log '"z"' -- plot "$tmp/a" --scenario "$ini" --set plot.log=z
check "--set wants a scenario" fails 2 --scenario -- plot "$tmp/a" --set plot.log=x
mkdir "$tmp/none"
head -n 1 "$tmp/a/results.csv" >"$tmp/none/results.csv"
check "an empty study is refused" fails 2 'holds no results' -- plot "$tmp/none" --scenario "$ini"

cat >"$tmp/real.ini" <<'END'
[nic eth0]
link = 10Gbit/s
[guest vm1]
[traffic bulk]
to = vm1
size = 1500B
rate = 1Gbit/s
packets = 50
[sweep]
bulk.size = 64B..1024B step x2
guest.policy = copy, zero-copy
[plot]
x = bulk.size
y = guests.rx.latency_ns.mean, vm1.rx.copies
END
real() {
	exits 0 "$vnicsim" sweep "$tmp/real.ini" --out "$tmp/real" --quiet &&
		exits 0 plot "$tmp/real" --scenario "$tmp/real.ini" &&
		has "$tmp/real/plots/study-rx_latency_ns_mean.dat" '"1KiB"' &&
		test -s "$tmp/real/plots/study-vm1_rx_copies.png"
}
check "keys as [sweep] writes them, metrics of any object" real
# [plot] comes with `extends`, as a whole or not at all.
cat >"$tmp/like.ini" <<'END'
[scenario]
extends = real.ini
[sweep]
bulk.size = 64B, 128B
guest.policy = copy, zero-copy
END
{ cat "$tmp/like.ini"; printf '[plot]\ny = vm1.rx.copies\n'; } >"$tmp/own.ini"
inherited() {
	exits 0 "$vnicsim" sweep "$tmp/like.ini" --out "$tmp/like" --quiet && exits 0 plot "$tmp/like" --scenario "$tmp/like.ini" &&
		[ "$(cd "$tmp/like/plots" && echo study-*.dat)" = "study-rx_latency_ns_mean.dat study-vm1_rx_copies.dat" ]
}
replaced() {
	exits 0 "$vnicsim" sweep "$tmp/own.ini" --out "$tmp/own" --quiet && exits 0 plot "$tmp/own" --scenario "$tmp/own.ini" --set plot.lines=bulk.size &&
		[ "$(cd "$tmp/own/plots" && echo study-*.dat)" = study-vm1_rx_copies.dat ] &&
		has "$tmp/own/plots/study-vm1_rx_copies.dat" '"guest.policy" "vm1.rx.copies (copies)"'
}
check "[plot] is inherited" inherited
check "... unless a file has its own, of which it then is alone" replaced
same_run() {
	"$vnicsim" run "$tmp/real.ini" --json "$tmp/with.json" --quiet
	sed '/^\[plot\]/,$d' "$tmp/real.ini" >"$tmp/without/real.ini"
	"$vnicsim" run "$tmp/without/real.ini" --json "$tmp/without.json" --quiet
	sed -i '/"machine": {/,$d' "$tmp/with.json" "$tmp/without.json"
	cmp "$tmp/with.json" "$tmp/without.json"
}
mkdir "$tmp/without"
check "[plot] is not of the run" same_run
finish
