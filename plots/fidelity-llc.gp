# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity-llc.gp - a device writes 64 B and reads them back, by the window it does so in: what the
# last-level cache's two ways for devices hold.
#
# Columns: window in bytes, mean latency in ns. The line is the published form (Neugebauer et al.,
# SIGCOMM 2018, section 6.3).
#   gnuplot -e "data='llc.dat'; out='llc'" fidelity-llc.gp

if (!exists("data")) { data = "llc.dat" }
if (!exists("out")) { out = "llc" }
load "fidelity-style.gp"

room = 25e6 * 2 / 20
published(w) = w <= room ? 549 : 549 + 74 * (1 - room / w)

set title "DMA write, then read of it: published form (line) and simulated (points)"
set xlabel "window, bytes"
set ylabel "ns"
set logscale x 2
set xrange [12 * 1024:80 * 1048576]
set yrange [450:750]
set xtics ("16K" 16384, "64K" 65536, "256K" 262144, "1M" 1048576, "4M" 4194304, "16M" 16777216, "64M" 67108864)
set samples 2000
do for [kind in kinds] {
	@open_picture
	plot published(x) ls 1 title "published", \
		published(x) * 1.15 ls 6 lw 1 dt (4, 4) title "within 15%", \
		published(x) * 0.85 ls 6 lw 1 dt (4, 4) notitle, \
		data using 1:2 with points ls 2 ps 1 title "simulated"
	set output
}
