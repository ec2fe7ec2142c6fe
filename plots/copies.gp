# SPDX-License-Identifier: GPL-2.0-or-later
#
# copies.gp - CPU copies per delivered packet, by policy and by the place where they are made.
#
# Reads copies.dat: dataset 1 has rows "direction delivery policy part place from to", one for each
# piece of a stacked bar and one, part `total`, for its top. Needs style.gp beside it.

if (!exists("data")) { data = "copies.dat" }
if (!exists("out")) { out = "copies" }
load "style.gp"

known_sites = "hypervisor_to_vmm vmm_to_guest hypervisor_to_guest guest_to_guest guest_to_vmm vmm_to_hypervisor guest_to_hypervisor guest_kernel_to_process process_to_guest_kernel"
site_colours = "#56b4e9 #0072b2 #0072b2 #000000 #e69f00 #d55e00 #d55e00 #009e73 #f0e442 #999999"
array site_pattern[10] = [3, 3, 1, 3, 3, 3, 1, 3, 3, 4]
end_word(e) = e eq "hypervisor" ? "hypervisor" : e eq "vmm" ? "VMM" : \
	e eq "guest_kernel" ? "guest kernel" : e
site_word(s) = strstrt(s, "_to_") ? \
	end_word(s[1:strstrt(s, "_to_") - 1])." → ".end_word(s[strstrt(s, "_to_") + 4:*]) : s

# The parts there are, the bars, and the middle of each cluster.
sites = ""
bars = ""
bar_names = ""
most = 0
stats data index 1 using (strcol(4) eq "total" ? \
	(bars = bars." ".strcol(5), bar_names = bar_names." ".strcol(3), most = $7 > most ? $7 : most, 1) : \
	(sites = with_word(sites, strcol(4)), 1)) nooutput
last = word(bars, words(bars)) + 0
# The legend in the order of known_sites, with others after them.
legend_sites = ""
do for [s in known_sites] { if (has(sites, s)) { legend_sites = with_word(legend_sites, s) } }
do for [s in sites] { legend_sites = with_word(legend_sites, s) }

# At least as wide as a cluster's name, which is 170 pixels.
bar_px = 170.0 * words(panels) / (last + 2)
bar_px = bar_px > 46 ? bar_px : 46
width = 300 + bar_px * (last + 2)
height = 430.0
legend = 205.0 / width

set border 3 lc rgb "#444444"
set grid ytics ls 100
set xrange [-0.8:last + 0.8]
set yrange [0:most > 0 ? 1.15 * most : 1]
set ytics out nomirror 1
set mytics (most <= 4 ? 2 : 1)
set ylabel "Copies per delivered packet"
set xtics out nomirror rotate by 30 right scale 0
set xtics ()
do for [i = 1:words(bars)] { set xtics add (word(bar_names, i) word(bars, i) + 0) }
set key at screen 1 - legend, 0.81 left top Left reverse vertical samplen 1.6 spacing 1.35 width -4
set lmargin at screen 70.0 / width
set rmargin at screen 1 - legend - 14.0 / width
set tmargin at screen 0.82
set bmargin at screen 0.245
set label 1 "CPU copies per delivered packet, by policy and place of the copy" \
	at screen 16.0 / width, 0.955 left font ",13"
set label 2 about at screen 16.0 / width, 0.895 left font ",9" tc rgb "#555555"

# A cluster's name under its bars.
n = 10
do for [p in panels] {
	sum_place = 0
	count = 0
	stats data index 1 using (strcol(4) eq "total" && strcol(1)."/".strcol(2) eq p ? \
		(sum_place = sum_place + $5, count = count + 1, 1) : 1) nooutput
	n = n + 1
	set label n panel_title(p) at first sum_place / count, screen 0.07 center font ",11"
}

do for [kind in kinds] {
	@open_picture
	plot for [s in legend_sites] data index 1 using \
		(strcol(4) eq s ? $5 : NaN):6:($5 - 0.38):($5 + 0.38):6:7 with boxxyerror \
		fs pattern site_pattern[place(known_sites, s)] border rgb "#222222" \
		lc rgb word(site_colours, place(known_sites, s)) lw 1 title site_word(s), \
		data index 1 using (strcol(4) eq "total" ? $5 : NaN):7:(sprintf("%.4g", $7)) \
		with labels offset 0, 0.7 font ",9" notitle
	set output
}
