# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity-saw-tooth.gp - bandwidth of saturated DMA by size: the closed form and what is simulated.
#
# Columns: op (write, read, both), size in bytes, throughput in bit/s; gen3 x8, MPS 256, MRRS 512.
#   gnuplot -e "data='saw-tooth.dat'; out='saw-tooth'" fidelity-saw-tooth.gp

if (!exists("data")) { data = "saw-tooth.dat" }
if (!exists("out")) { out = "saw-tooth" }
load "fidelity-style.gp"

# Headers: 24 B of a write or request, 20 B of a completion (Neugebauer et al., SIGCOMM 2018).
link = 57.885
mps = 256.0
mrrs = 512.0
up(s) = 24 * ceil(s / mrrs)
write(s) = s + 24 * ceil(s / mps)
down(s) = s + 20 * ceil(s / mps)
larger(a, b) = a > b ? a : b
writes(s) = link * s / write(s)
reads(s) = link * s / larger(up(s), down(s))
boths(s) = link * s / larger(write(s) + up(s), down(s))

set title "DMA over PCI Express gen3 x8: closed form (lines) and simulated (points)"
set xlabel "bytes of a transaction"
set ylabel "Gbit/s"
set xrange [64:1540]
set yrange [25:58]
set xtics 256
set samples 3000
set key right bottom
do for [kind in kinds] {
	@open_picture
	plot reads(x) ls 1 notitle, writes(x) ls 2 notitle, boths(x) ls 3 notitle, \
		data using 2:(strcol(1) eq "read" ? $3 / 1e9 : NaN) with points ls 1 title "reads", \
		data using 2:(strcol(1) eq "write" ? $3 / 1e9 : NaN) with points ls 2 title "writes", \
		data using 2:(strcol(1) eq "both" ? $3 / 1e9 : NaN) with points ls 3 title "both at once, each"
	set output
}
