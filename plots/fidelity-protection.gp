# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity-protection.gp - sending at 40 Gbit/s by the number of cores that send, under each way to
# protect memory from the device.
#
# Columns: strategy ("static/static", "strict/bounce", "deferred/per-buffer", "strict/per-buffer":
# IOMMU mode and how buffers are mapped), cores, throughput in bit/s.
#   gnuplot -e "data='protection.dat'; out='protection'" fidelity-protection.gp

if (!exists("data")) { data = "protection.dat" }
if (!exists("out")) { out = "protection" }
load "fidelity-style.gp"

set title "Sending 1514 B at 40G, a guest a core: what protection costs (simulated)"
set xlabel "cores that send"
set ylabel "Gbit/s"
set logscale x 2
set xrange [0.9:18]
set xtics (1, 2, 4, 8, 16)
set yrange [0:46]
set key right bottom
do for [kind in kinds] {
	@open_picture
	plot data using 2:(strcol(1) eq "static/static" ? $3 / 1e9 : NaN) with linespoints ls 1 title "mapped once (static)", \
		data using 2:(strcol(1) eq "strict/bounce" ? $3 / 1e9 : NaN) with linespoints ls 3 title "copied into a pool that stays mapped", \
		data using 2:(strcol(1) eq "deferred/per-buffer" ? $3 / 1e9 : NaN) with linespoints ls 4 title "mapped per buffer, deferred invalidation", \
		data using 2:(strcol(1) eq "strict/per-buffer" ? $3 / 1e9 : NaN) with linespoints ls 2 title "mapped per buffer, strict"
	set output
}
