# SPDX-License-Identifier: GPL-2.0-or-later
#
# systems.gp - what a frame costs under each design: a panel a cost, a bar a design, grouped by way.
#
# Reads systems.dat: tab-separated rows "way design host-copies guest-copies DMA exits VMM-entries
# interrupts", in the order in which they are drawn. Stands alone:
#   gnuplot -e "data='systems.dat'; out='systems'" systems.gp

if (!exists("data")) { data = "systems.dat" }
if (!exists("out")) { out = "systems" }
set encoding utf8
set datafile separator "\t"

# Rows from the top; a new way leaves a gap of two rows, for its name.
rows = 0
y = 0.0
before = ""
array at[200]
array way_at[10]
array way_name[10]
ways = 0
stats data using (rows = rows + 1, \
	strcol(1) ne before ? (ways = ways + 1, y = y + (ways > 1 ? 2.2 : 1.2), way_at[ways] = y - 1, way_name[ways] = strcol(1)) : (y = y + 1), \
	before = strcol(1), at[rows] = y, 1) nooutput

width = 1180.0
height = 90.0 + 17.0 * y
names = 170.0 / width
panel = (1.0 - names - 12.0 / width) / 5
array title[5] = ["copies (light: in guests)", "DMA", "exits", "VMM entries", "guest interrupts"]
array colour[5] = ["#0072b2", "#009e73", "#e69f00", "#d55e00", "#777777"]
show(v) = sprintf("%.4g", v)

kinds = ""
if (strstrt(GPVAL_TERMINALS, "pngcairo")) { kinds = kinds." png" }
if (strstrt(GPVAL_TERMINALS, "svg")) { kinds = kinds." svg" }
if (strstrt(GPVAL_TERMINALS, "pdfcairo")) { kinds = kinds." pdf" }
do for [kind in kinds] {
	if (kind eq "png") { set terminal pngcairo noenhanced size 1.4 * width, 1.4 * height font "DejaVu Sans,9" fontscale 1.25 linewidth 1.4 background rgb "white" }
	if (kind eq "svg") { set terminal svg noenhanced size width, height font "DejaVu Sans,10" background rgb "white" }
	if (kind eq "pdf") { set terminal pdfcairo noenhanced size width / 96, height / 96 font "DejaVu Sans,9" fontscale 0.75 }
	set output out.".".kind
	set multiplot
	set border 1 lc rgb "#444444"
	set xrange [0:4.7]
	set yrange [y + 0.9:-0.4]
	set xtics 0, 1, 4 out nomirror scale 0.5
	set grid xtics lc rgb "#dddddd"
	set tmargin at screen 1 - 52.0 / height
	set bmargin at screen 30.0 / height
	set style fill solid 0.85 border lc rgb "#333333"
	unset key
	unset ytics
	do for [p = 1:5] {
		set lmargin at screen names + (p - 1) * panel + 6.0 / width
		set rmargin at screen names + p * panel - 10.0 / width
		unset label
		set label 1 title[p] at graph 0, screen 1 - 40.0 / height left font ",10"
		if (p == 1) {
			set label 2 "What a frame costs, by design: constant traffic, guest idle before each frame" at screen 12.0 / width, screen 1 - 18.0 / height left font ",12"
			do for [w = 1:ways] { set label 10 + w way_name[w] at screen 12.0 / width, first way_at[w] left font ",10" tc rgb "#000000" }
		}
		c = p + 3
		if (p == 1) {
			plot data using (column(3)):(at[$0 + 1]):(0):(column(3)):(at[$0 + 1] - 0.36):(at[$0 + 1] + 0.36) with boxxyerror lc rgb colour[1], \
				data using (column(3)):(at[$0 + 1]):(column(3)):(column(3) + column(4)):(at[$0 + 1] - 0.36):(at[$0 + 1] + 0.36) with boxxyerror lc rgb "#9fd0ee", \
				data using (column(3) + column(4)):(at[$0 + 1]):(show(column(3) + column(4))) with labels left offset 0.5, 0 font ",8", \
				data using (0):(at[$0 + 1]):2 with labels right offset -0.8, 0 font ",9"
		} else {
			plot data using (column(c)):(at[$0 + 1]):(0):(column(c)):(at[$0 + 1] - 0.36):(at[$0 + 1] + 0.36) with boxxyerror lc rgb colour[p], \
				data using (column(c)):(at[$0 + 1]):(show(column(c))) with labels left offset 0.5, 0 font ",8"
		}
	}
	unset multiplot
	set output
}
