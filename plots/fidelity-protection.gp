# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity-protection.gp - receiving at 40 Gbit/s by the number of host cores, under each way to
# protect memory from the device.
#
# Columns: strategy ("off/zero-copy", "strict/single-copy", "deferred/zero-copy",
# "strict/zero-copy": IOMMU mode and policy), cores, throughput in bit/s.
#   gnuplot -e "data='protection.dat'; out='protection'" fidelity-protection.gp

if (!exists("data")) { data = "protection.dat" }
if (!exists("out")) { out = "protection" }
load "fidelity-style.gp"

set title "Receiving 1514 B at 40G for 16 guests: what protection costs (simulated)"
set xlabel "host cores"
set ylabel "Gbit/s"
set logscale x 2
set xrange [0.9:18]
set xtics (1, 2, 4, 8, 16)
set yrange [0:46]
set key right bottom
do for [kind in kinds] {
	@open_picture
	plot data using 2:(strcol(1) eq "off/zero-copy" ? $3 / 1e9 : NaN) with linespoints ls 1 title "no IOMMU", \
		data using 2:(strcol(1) eq "strict/single-copy" ? $3 / 1e9 : NaN) with linespoints ls 3 title "copied into a pool that stays mapped", \
		data using 2:(strcol(1) eq "deferred/zero-copy" ? $3 / 1e9 : NaN) with linespoints ls 4 title "mapped a buffer, deferred invalidation", \
		data using 2:(strcol(1) eq "strict/zero-copy" ? $3 / 1e9 : NaN) with linespoints ls 2 title "mapped a buffer, strict"
	set output
}
