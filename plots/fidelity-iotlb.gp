# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity-iotlb.gp - DMA reads of 64 B by the window they go to: the wall behind which the IOTLB's
# translations no longer reach.
#
# Columns: IOMMU mode, page size in bytes, window in bytes, mean latency in ns. Published points:
# Neugebauer et al., SIGCOMM 2018, figure 9.
#   gnuplot -e "data='iotlb.dat'; out='iotlb'" fidelity-iotlb.gp

if (!exists("data")) { data = "iotlb.dat" }
if (!exists("out")) { out = "iotlb" }
load "fidelity-style.gp"

$published << EOD
16384	491
262144	490
524288	515
1048576	646
2097152	713
4194304	747
67108864	777
EOD
set title "DMA read of 64 B behind an IOMMU: published (rings) and simulated (points)"
set xlabel "window, bytes"
set ylabel "ns"
set logscale x 2
set xrange [12 * 1024:80 * 1048576]
set yrange [400:850]
set xtics ("16K" 16384, "64K" 65536, "256K" 262144, "1M" 1048576, "4M" 4194304, "16M" 16777216, "64M" 67108864)
do for [kind in kinds] {
	@open_picture
	plot $published using 1:2 with points ls 12 title "published, 4 KiB pages", \
		488 with lines ls 6 lw 1 dt (4, 4) title "published, no IOMMU", \
		data using 3:(strcol(1) eq "static" && $2 == 4096 ? $4 : NaN) with points ls 2 title "simulated, 4 KiB pages", \
		data using 3:(strcol(1) eq "static" && $2 > 4096 ? $4 : NaN) with points ls 3 title "2 MiB pages", \
		data using 3:(strcol(1) eq "off" ? $4 : NaN) with points ls 1 ps 0.5 title "no IOMMU"
	set output
}
