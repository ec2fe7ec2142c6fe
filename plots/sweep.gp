# SPDX-License-Identifier: GPL-2.0-or-later
#
# sweep.gp - a metric at the points of a study: panels of curves, with intervals.
#
# Reads the table that `vnicsim plot` writes: what stands around the panels, the panels, the lines
# and their place in the legend, the marks of the x axis, and the points "panel line x y low high n".
# Intervals are drawn as arrows with flat heads. A copy of it under the figure's name begins with the names of table and pictures.

if (!exists("data")) { data = "sweep.dat" }
if (!exists("out")) { out = data[1:strlen(data) - 4] }
set encoding utf8
set datafile missing "?"

# Okabe and Ito's colours; no two lines share colour and dash, nor a mark, so they print in grey.
colours = "#888888 #0072b2 #d55e00 #009e73 #cc79a7 #56b4e9 #e69f00 #000000"
marks = "2 5 7 9 11 13 4 6 8 10 12 3 1 14 15 5"
set style line 1 dt (10, 3, 2, 3)
set style line 2 dt 1
set style line 3 dt (9, 4)
set style line 4 dt (4, 2)
set style line 5 dt (14, 3, 3, 3)
set style line 6 dt (12, 2, 2, 2, 2, 2)
set style line 7 dt (16, 4)
set style line 8 dt (6, 2, 2, 2)
set style line 9 dt (2, 2)
set style line 10 dt (7, 2)
set style line 11 dt (18, 3, 2, 3)
set style line 12 dt 1
set style line 13 dt (3, 4)
set style line 14 dt (10, 3)
set style line 15 dt 1
set style line 16 dt (5, 5)
do for [i = 1:16] {
	set style line i lc rgb word(colours, 1 + (i - 1) % 8) pt int(word(marks, i)) lw 2 ps 0.8
}
set style line 100 lc rgb "#dddddd" lw 0.7

# What stands around.
array around[4]
array size[8]
stats data index 0 using (around[1] = strcol(1), around[2] = strcol(2), around[3] = strcol(3), \
	around[4] = strcol(4), size[1] = $5, size[2] = $6, size[3] = $7, size[4] = $8, size[5] = $9, \
	size[6] = $10, size[7] = $11, size[8] = $12, 1) nooutput
log_x = size[1]
log_y = size[2]
columns = int(size[3])
panel_width = size[4]
panel_height = size[5]
width = size[6]
height = size[7]
legend_rows = int(size[8])

stats data index 1 using 1 nooutput
panels = int(STATS_max)
array panel_name[panels]
stats data index 1 using (panel_name[int($1)] = strcol(2), 1) nooutput
stats data index 2 using 1 nooutput
lines = int(STATS_max)
array line_name[lines]
array line_style[lines]
array line_row[lines]
array line_px[lines]
stats data index 2 using (line_name[int($1)] = strcol(5), line_style[int($1)] = int($2), \
	line_row[int($1)] = $3, line_px[int($1)] = $4, 1) nooutput

least_x = 1e300
most_x = -1e300
set xtics () out nomirror scale 0.6
stats data index 3 using (least_x = $1 < least_x ? $1 : least_x, most_x = $1 > most_x ? $1 : most_x, 1) nooutput
marks_n = int(STATS_records)
array mark_at[marks_n]
array mark[marks_n]
stats data index 3 using (mark_at[int($0) + 1] = $1, mark[int($0) + 1] = strcol(2), 1) nooutput
do for [i = 1:marks_n] { set xtics add (mark[i] mark_at[i]) }
least_y = 1e300
most_y = -1e300
stats data index 4 using (least_y = $5 < least_y ? $5 : least_y, most_y = $6 > most_y ? $6 : most_y, 1) nooutput

set border 3 lc rgb "#444444"
set grid xtics ytics ls 100
set ytics out nomirror scale 0.6
if (log_x) {
	set logscale x
	reach = (most_x / least_x) ** 0.04
	reach = reach > 1 ? reach : 1.1
	set xrange [least_x / reach:most_x * reach]
} else {
	reach = most_x > least_x ? 0.04 * (most_x - least_x) : 0.5
	set xrange [least_x - reach:most_x + reach]
}
if (log_y) {
	set logscale y
	set yrange [least_y / 1.25:most_y * 1.25]
	set format y "%g"
} else {
	set yrange [least_y < 0 ? 1.1 * least_y : 0:most_y > 0 ? 1.08 * most_y : 1]
	set format y "%g"
}

kinds = ""
if (strstrt(GPVAL_TERMINALS, "pngcairo")) { kinds = kinds." png" }
if (strstrt(GPVAL_TERMINALS, "svg")) { kinds = kinds." svg" }
if (strstrt(GPVAL_TERMINALS, "pdfcairo")) { kinds = kinds." pdf" }
rows = (panels + columns - 1) / columns

do for [kind in kinds] {
	if (kind eq 'png') { set terminal pngcairo noenhanced size 1.6*width, 1.6*height font 'DejaVu Sans,10' fontscale 1.2 linewidth 1.5 background rgb 'white' }
	if (kind eq 'svg') { set terminal svg noenhanced size width, height font 'DejaVu Sans,10' background rgb 'white' }
	if (kind eq 'pdf') { set terminal pdfcairo noenhanced size width/96.0, height/96.0 font 'DejaVu Sans,10' fontscale 0.7 linewidth 0.8 dashlength 2 }
	set output out.'.'.kind
	set multiplot
	unset key
	set label 1 around[1] at screen 16.0 / width, screen 1 - 20.0 / height left font ",13"
	set label 2 around[2] at screen 16.0 / width, screen 1 - 44.0 / height left font ",9" tc rgb "#555555"
	if (lines > 1) {
		do for [i = 1:lines] {
			at = line_px[i]
			up = 16.0 + 22 * (legend_rows - 1 - line_row[i])
			set arrow i from screen at / width, screen up / height to screen (at + 40) / width, screen up / height nohead ls line_style[i]
			set label 10 + i line_name[i] at screen (at + 46) / width, screen up / height left front
			set label 40 + i "" at screen (at + 20) / width, screen up / height point ls line_style[i] lw 1
		}
	}
	do for [i = 1:panels] {
		column_at = (i - 1) % columns
		top = 66.0 + panel_height * ((i - 1) / columns)
		set lmargin at screen (column_at * panel_width + 76.0) / width
		set rmargin at screen ((column_at + 1) * panel_width - 4.0) / width
		set tmargin at screen 1 - (top + 24) / height
		set bmargin at screen 1 - (top + panel_height - 44) / height
		set title panel_name[i] font ",10" offset 0, -0.6
		last_row = i + columns > panels
		if (last_row) { set xlabel around[3] } else { unset xlabel }
		if (column_at == 0) { set ylabel around[4] } else { unset ylabel }
		plot for [k = 1:lines] data index 4 using \
				(int($1) == i && int($2) == k ? $3 : NaN):4 with linespoints ls line_style[k], \
			for [k = 1:lines] data index 4 using \
				(int($1) == i && int($2) == k && $6 > $5 ? $3 : NaN):5:(0):($6 - $5) with vectors \
				heads size screen 3.0 / width, 90 ls line_style[k] dt 1 lw 1
		unset label
		unset arrow
	}
	unset multiplot
	set output
}
