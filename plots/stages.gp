# SPDX-License-Identifier: GPL-2.0-or-later
#
# stages.gp - where a packet's time goes, by policy: a panel for each direction and delivery, a bar
# for each policy, stages from left to right in the order in which a packet passes them.
#
# Reads stages.dat: dataset 1 has rows "direction delivery policy part place from_ns to_ns", one for
# each piece of a bar and one, part `total`, for its end. Needs style.gp beside it.

if (!exists("data")) { data = "stages.dat" }
if (!exists("out")) { out = "stages" }
load "style.gp"

# Waiting for something is hatched in the colour of what is waited for.
known_stages = "send_wait guest wire_wait wire nic host_wait host vmm_wait vmm guest_wait guest_kernel process_wait process"
stage_colours = "#e69f00 #e69f00 #0072b2 #0072b2 #56b4e9 #d55e00 #d55e00 #000000 #555555 #009e73 #009e73 #cc79a7 #cc79a7 #999999"
stage_words = "wait_to_send guest_sends wait_for_wire wire NIC_and_bus wait_for_host host wait_for_VMM VMM wait_for_guest guest_kernel wait_for_process process"
spaced(w) = strstrt(w, "_") ? w[1:strstrt(w, "_") - 1]." ".spaced(w[strstrt(w, "_") + 1:*]) : w
stage_word(s) = has(known_stages, s) ? spaced(word(stage_words, place(known_stages, s))) : s
stage_pattern(s) = strlen(s) > 5 && s[strlen(s) - 4:*] eq "_wait" ? 4 : 3

stages = ""
most = 0
tallest = 1
stats data index 1 using (strcol(4) eq "total" ? (most = $7 > most ? $7 : most, 1) : \
	(stages = with_word(stages, strcol(4)), 1), tallest = $5 + 1 > tallest ? $5 + 1 : tallest, 1) nooutput
# The legend in the order of known_stages, with others after them.
legend_stages = ""
do for [s in known_stages] { if (has(stages, s)) { legend_stages = with_word(legend_stages, s) } }
do for [s in stages] { legend_stages = with_word(legend_stages, s) }

# One unit for the axis: that of its longest bar.
scale = most < 2e3 ? 1.0 : most < 2e6 ? 1e3 : 1e6
unit = most < 2e3 ? "ns" : most < 2e6 ? "µs" : "ms"

columns = words(panels) < 2 ? 1 : 2
lines = (words(panels) + columns - 1) / columns
name_space = 92.0
do for [p in policies] { name_space = word_px(p) + 24 > name_space ? word_px(p) + 24 : name_space }
panel_px = 94.0 + 34 * tallest
width = columns == 1 ? 760.0 : 1000.0
entry_px = 138.0
legend_columns = int((width - 20) / entry_px)
legend_lines = (words(legend_stages) + legend_columns - 1) / legend_columns
legend_px = 22.0 * legend_lines + 16
height = 72 + panel_px * lines + legend_px
panel_width = (width - 20.0) / columns / width

set border 3 lc rgb "#444444"
set grid xtics ls 100
set xrange [0:1.16 * most / scale]
set xtics out nomirror

do for [kind in kinds] {
	@open_picture
	set multiplot
	unset key
	set label 1 "Where the time of a packet goes, by policy: mean time in each stage" \
		at screen 16.0 / width, screen 1 - 20.0 / height left font ",13"
	set label 2 about at screen 16.0 / width, screen 1 - 44.0 / height left font ",9" tc rgb "#555555"
	# The legend at the bottom, line by line.
	do for [i = 1:words(legend_stages)] {
		s = word(legend_stages, i)
		at = 20.0 + entry_px * ((i - 1) % legend_columns)
		from_bottom = legend_px - 20 - 22.0 * ((i - 1) / legend_columns)
		set object i rectangle from screen at / width, screen (from_bottom - 6) / height \
			to screen (at + 22) / width, screen (from_bottom + 6) / height \
			fc rgb word(stage_colours, place(known_stages, s)) fs pattern stage_pattern(s) border rgb "#222222" lw 1
		set label 10 + i stage_word(s) at screen (at + 28) / width, screen from_bottom / height left
	}
	do for [i = 1:words(panels)] {
		panel = word(panels, i)
		column_at = (i - 1) % columns
		line_at = (i - 1) / columns
		set lmargin at screen column_at * panel_width + name_space / width
		set rmargin at screen (column_at + 1) * panel_width - 4.0 / width
		set tmargin at screen 1 - (88 + line_at * panel_px) / height
		set bmargin at screen 1 - (88 + (line_at + 1) * panel_px - 84) / height
		set title panel_title(panel) font ",11" offset 0, -0.3
		set xlabel "Mean time (".unit.")" offset 0, 0.4
		set ytics out nomirror scale 0 ()
		bars = ""
		panel_stages = ""
		# A range would keep rows from stats.
		set yrange [*:*]
		stats data index 1 using (strcol(1)."/".strcol(2) ne panel ? 1 : strcol(4) eq "total" ? \
			(bars = bars." ".strcol(3)."|".strcol(5), 1) : \
			(panel_stages = with_word(panel_stages, strcol(4)), 1)) nooutput
		do for [b in bars] { set ytics add (b[1:strstrt(b, "|") - 1] b[strstrt(b, "|") + 1:*] + 0) }
		set yrange [tallest - 0.4:-0.6]
		plot for [s in panel_stages] data index 1 using \
			(strcol(1)."/".strcol(2) eq panel && strcol(4) eq s ? $6 / scale : NaN):5:($6 / scale):($7 / scale):($5 - 0.36):($5 + 0.36) \
			with boxxyerror fs pattern stage_pattern(s) border rgb "#222222" \
			lc rgb word(stage_colours, place(known_stages, s)) lw 1, \
			data index 1 using (strcol(1)."/".strcol(2) eq panel && strcol(4) eq "total" ? \
			$7 / scale : NaN):5:(sprintf("%.4g", $7 / scale)) \
			with labels left offset 0.6, 0 font ",9"
		unset label
		unset object
	}
	unset multiplot
	set output
}
