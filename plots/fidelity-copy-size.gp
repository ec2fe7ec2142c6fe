# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity-copy-size.gp - packets a second without a copy over those with one, by size: a poll-mode
# vhost that sends for its guests.
#
# Columns: send policy, frame's bytes without FCS, packets a second. Published points: DPDK
# b0a985d1f340, "vhost: add dequeue zero copy".
#   gnuplot -e "data='copy-size.dat'; out='copy-size'" fidelity-copy-size.gp

if (!exists("data")) { data = "copy-size.dat" }
if (!exists("out")) { out = "copy-size" }
load "fidelity-style.gp"

# Rows of single-copy come before those of zero-copy, sizes in the same order.
array copy[400]
array size[400]
n = 0
stats data using (strcol(1) eq "single-copy" ? (n = n + 1, size[n] = $2, copy[n] = $3, 1) : NaN) nooutput
k = 0
gain(v) = (k = k + 1, 100.0 * (v / copy[k] - 1))

$published << EOD
60	-15
508	0
1496	50
EOD
set title "Dequeue without a copy against with one: published (rings) and simulated (points)"
set xlabel "bytes of a frame, without FCS"
set ylabel "packets a second, gained %"
set logscale x 2
set xrange [50:1700]
set xtics (60, 124, 252, 508, 1020, 1496)
set yrange [-40:80]
set xzeroaxis lt 1 lc rgb "#444444"
do for [kind in kinds] {
	@open_picture
	k = 0
	plot data using (strcol(1) eq "zero-copy" ? $2 : NaN):(strcol(1) eq "zero-copy" ? gain($3) : NaN) with linespoints ls 1 title "simulated", \
		$published using 1:2 with points ls 12 title "published: at most, about, about"
	set output
}
