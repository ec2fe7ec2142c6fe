# SPDX-License-Identifier: GPL-2.0-or-later
#
# latency.gp - distribution of latency by policy: a panel for each direction and delivery.
#
# Reads latency.dat: dataset 1 has rows "direction delivery policy latency_ns share", rising within
# a curve. Needs style.gp beside it.

if (!exists("data")) { data = "latency.dat" }
if (!exists("out")) { out = "latency" }
load "style.gp"

# The axis leaves out what less than one frame in two thousand does, at either end.
least = 0
most = 0
stats data index 1 using (\
	($5 >= 0.0005 && (least == 0 || $4 < least)) ? (least = $4) : 0, \
	($5 <= 0.9995 && $4 > most) ? (most = $4) : 0, 1) nooutput
if (most <= least) { most = 2 * least }
low = 0.93 * least
high = 1.08 * most

# Marks at round times, as many as fit.
time_word(ns) = ns < 1e3 ? sprintf("%g ns", ns) : ns < 1e6 ? sprintf("%g µs", ns / 1e3) : \
	ns < 1e9 ? sprintf("%g ms", ns / 1e6) : sprintf("%g s", ns / 1e9)
marks = high / low < 2.5 ? "1 1.2 1.4 1.6 1.8 2 2.5 3 3.5 4 4.5 5 6 7 8 9" : \
	high / low < 12 ? "1 1.5 2 3 4 5 7" : high / low < 200 ? "1 2 5" : "1"
set logscale x
set xrange [low:high]
set xtics out nomirror ()
do for [e = 0:11] {
	do for [m in marks] {
		if (m * 10.0**e >= low && m * 10.0**e <= high) { set xtics add (time_word(m * 10.0**e) m * 10.0**e) }
	}
}

columns = words(panels) < 3 ? words(panels) : 2
lines = (words(panels) + columns - 1) / columns
width = columns == 1 ? 640.0 : 470.0 * columns
height = 98.0 + 288 * lines
panel_width = (width - 20.0) / columns / width
panel_height = 288.0 / height

set border 3 lc rgb "#444444"
set grid xtics ytics ls 100
set yrange [0:1.005]
set ytics out nomirror ("0 %%" 0, "25 %%" 0.25, "50 %%" 0.5, "75 %%" 0.75, "90 %%" 0.9, "99 %%" 0.99)

do for [kind in kinds] {
	@open_picture
	set multiplot
	unset key
	set label 1 "Latency of delivered packets, by policy" \
		at screen 16.0 / width, screen 1 - 20.0 / height left font ",13"
	set label 2 about at screen 16.0 / width, screen 1 - 44.0 / height left font ",9" tc rgb "#555555"
	# The legend, in one line at the bottom.
	at = 0.5 * (width - policies_px)
	do for [i = 1:words(policies)] {
		p = word(policies, i)
		set arrow i from screen at / width, screen 20.0 / height to screen (at + 40) / width, screen 20.0 / height nohead ls policy_style(p)
		set label 10 + i p at screen (at + 46) / width, screen 20.0 / height left
		at = at + 62 + word_px(p)
	}
	do for [i = 1:words(panels)] {
		panel = word(panels, i)
		column_at = (i - 1) % columns
		line_at = (i - 1) / columns
		set lmargin at screen column_at * panel_width + 72.0 / width
		set rmargin at screen (column_at + 1) * panel_width - 6.0 / width
		set tmargin at screen 1 - 92.0 / height - line_at * panel_height
		set bmargin at screen 1 - 92.0 / height - (line_at + 1) * panel_height + 94.0 / height
		set title panel_title(panel) font ",11" offset 0, -0.3
		set xlabel "Latency (logarithmic)" offset 0, 0.3
		set ylabel (column_at == 0 ? "Share of packets within" : "")
		plot for [p in policies] data index 1 using \
			(strcol(1)."/".strcol(2) eq panel && strcol(3) eq p ? $4 : NaN):5 \
			with lines ls policy_style(p) notitle
		unset label
		unset arrow
	}
	unset multiplot
	set output
}
