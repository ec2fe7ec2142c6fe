# SPDX-License-Identifier: GPL-2.0-or-later
#
# load.gp - throughput and drops against offered load, by policy: a column of two panels for each
# direction and delivery.
#
# Reads load.dat: dataset 1 has rows "direction delivery policy offered bps bps_least bps_most drops
# drops_least drops_most", drops being the share of packets. Needs style.gp beside it.

if (!exists("data")) { data = "load.dat" }
if (!exists("out")) { out = "load" }
load "style.gp"

most_load = 0
most_bps = 0
most_drops = 0
stats data index 1 using (most_load = $4 > most_load ? $4 : most_load, \
	most_bps = $7 > most_bps ? $7 : most_bps, most_drops = $10 > most_drops ? $10 : most_drops, 1) nooutput
most_drops = most_drops > 0 ? most_drops : 0.01

# One unit for each axis: that of its largest value.
prefix(v) = v < 2e3 ? "" : v < 2e6 ? "k" : v < 2e9 ? "M" : v < 2e12 ? "G" : "T"
scale(v) = v < 2e3 ? 1.0 : v < 2e6 ? 1e3 : v < 2e9 ? 1e6 : v < 2e12 ? 1e9 : 1e12
x_scale = scale(most_load)
y_scale = scale(most_bps)

columns = words(panels) < 2 ? 1 : 2
lines = (words(panels) + columns - 1) / columns
pair_px = 474.0
width = columns == 1 ? 640.0 : 940.0
height = 100.0 + pair_px * lines
panel_width = (width - 20.0) / columns / width

set border 3 lc rgb "#444444"
set grid xtics ytics ls 100
set xrange [0:1.04 * most_load / x_scale]
set xtics out nomirror
set ytics out nomirror
is_curve(panel, p) = strcol(1)."/".strcol(2) eq panel && strcol(3) eq p

do for [kind in kinds] {
	@open_picture
	set multiplot
	unset key
	set label 1 "Throughput and drops against offered load, by policy" \
		at screen 16.0 / width, screen 1 - 20.0 / height left font ",13"
	set label 2 about at screen 16.0 / width, screen 1 - 44.0 / height left font ",9" tc rgb "#555555"
	# The legend, in one line at the bottom.
	at = 0.5 * (width - policies_px)
	do for [i = 1:words(policies)] {
		p = word(policies, i)
		set arrow i from screen at / width, screen 20.0 / height to screen (at + 40) / width, screen 20.0 / height nohead ls policy_style(p)
		set label 10 + i p at screen (at + 46) / width, screen 20.0 / height left front
		set label 30 + i "" at screen (at + 20) / width, screen 20.0 / height point ls policy_style(p) lw 1
		at = at + 62 + word_px(p)
	}
	do for [i = 1:words(panels)] {
		panel = word(panels, i)
		column_at = (i - 1) % columns
		top = 88 + pair_px * ((i - 1) / columns)
		set lmargin at screen column_at * panel_width + 76.0 / width
		set rmargin at screen (column_at + 1) * panel_width - 8.0 / width

		set tmargin at screen 1 - top / height
		set bmargin at screen 1 - (top + 210) / height
		set title panel_title(panel) font ",11" offset 0, -0.3
		set format x ""
		unset xlabel
		set yrange [0:1.08 * most_bps / y_scale]
		set ylabel "Throughput (".prefix(most_bps)."bit/s)"
		plot for [p in policies] data index 1 using \
			(is_curve(panel, p) ? $4 / x_scale : NaN):($5 / y_scale) with linespoints ls policy_style(p), \
			for [p in policies] data index 1 using \
			(is_curve(panel, p) ? $4 / x_scale : NaN):($6 / y_scale):(0):(($7 - $6) / y_scale) \
			with vectors nohead ls policy_style(p) dt 1 lw 1
		unset label
		unset arrow

		unset title
		set tmargin at screen 1 - (top + 232) / height
		set bmargin at screen 1 - (top + 380) / height
		set format x "%g"
		set xlabel "Offered load (".prefix(most_load).load_unit.")" offset 0, 0.2
		set yrange [0:108 * most_drops]
		set ylabel "Dropped packets (%)"
		plot for [p in policies] data index 1 using \
			(is_curve(panel, p) ? $4 / x_scale : NaN):(100 * $8) with linespoints ls policy_style(p), \
			for [p in policies] data index 1 using \
			(is_curve(panel, p) ? $4 / x_scale : NaN):(100 * $9):(0):(100 * ($10 - $9)) \
			with vectors nohead ls policy_style(p) dt 1 lw 1
	}
	unset multiplot
	set output
}
