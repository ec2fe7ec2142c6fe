# SPDX-License-Identifier: GPL-2.0-or-later
# when-does-zero-copy-pay.gp: where zero copy overtakes copying, by frame size, protection and cores.
#
#   vnicsim sweep scenarios/studies/when-does-zero-copy-pay.ini --out out/when-does-zero-copy-pay
#   cd out/when-does-zero-copy-pay && gnuplot ../../plots/when-does-zero-copy-pay.gp
#
# Reads wide.csv here; writes when-does-zero-copy-pay.png, .svg, .pdf and the plotted numbers as
# when-does-zero-copy-pay.dat: cores, mode, frame bytes, Gbit/s of copy, single-copy and zero-copy.
csv = "wide.csv"
dat = "when-does-zero-copy-pay.dat"
pick = "awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }" \
     . " { m = $c[\"iommu_mode\"]; if ($c[\"iommu_page_size\"] != \"4KiB\") m = \"superpages\";" \
     . "   k = $c[\"host_cores\"] \" \" m \" \" $c[\"traffic_load_size_bytes\"];" \
     . "   if (!(k in seen)) { seen[k] = 1; order[++n] = k }" \
     . "   v[k, $c[\"guest_policy\"]] = $c[\"guests.rx.throughput_bps\"] / 1e9 }" \
     . " END { for (i = 1; i <= n; i++) { k = order[i];" \
     . "   print k, v[k, \"copy\"], v[k, \"single-copy\"], v[k, \"zero-copy\"] } }' "
system(pick.csv." > ".dat)

modes = "off superpages static deferred strict"
names = "'no IOMMU' 'static, 2 MiB pages' 'static, 4 KiB pages' 'deferred' 'strict'"
colours = "#4d4d4d #1b7837 #5aae61 #e08214 #b2182b"
points = "7 9 5 13 11"
of(cores, mode) = sprintf("< awk '$1 == %s && $2 == \"%s\"' %s", cores, mode, dat)

do for [term in "png svg pdf"] {
	if (term eq "png") {
		set terminal pngcairo size 1400,900 font "Sans,12"
	} else {
		if (term eq "svg") { set terminal svg size 1400,900 font "Sans,12" } \
		else { set terminal pdfcairo size 14,9 font "Sans,12" }
	}
	set output "when-does-zero-copy-pay.".term
	set multiplot layout 2,3 margins 0.06,0.985,0.08,0.90 spacing 0.05,0.09 \
		title "When does zero-copy receive pay?  Poll mode, one guest a core, frames to a process" \
		font ",15"
	set logscale x 2
	set xrange [50:80000]
	set xtics ("64" 64, "256" 256, "1K" 1024, "4K" 4096, "16K" 16384, "64K" 65536)
	set grid xtics ytics lc rgb "#dddddd"
	set style data linespoints
	set logscale y 10
	do for [cores in "1 4 16"] {
		set title cores.(cores == 1 ? " core" : " cores") offset 0,-0.5
		set yrange [0.3:500]
		set ytics ("0.5" 0.5, "1" 1, "2" 2, "5" 5, "10" 10, "20" 20, "50" 50, "100" 100, "200" 200, "400" 400)
		if (cores == 1) { set ylabel "delivered, Gbit/s" } else { unset ylabel }
		if (cores == 16) { set key bottom right font ",10" samplen 3 spacing 1.1 } else { unset key }
		plot of(cores, "off") using 3:4 with lines dt 3 lw 3 lc rgb "#000000" title "copy, no IOMMU", \
		     of(cores, "off") using 3:5 with lines dt 2 lw 3 lc rgb "#2166ac" title "single-copy, no IOMMU", \
		     for [i=1:words(modes)] of(cores, word(modes, i)) using 3:6 \
			lw 2 ps 0.9 pt int(word(points, i)) lc rgb word(colours, i) title "zero-copy, ".word(names, i)
	}
	unset title
	set xlabel "frame, bytes"
	do for [cores in "1 4 16"] {
		set yrange [0.02:12]
		set ytics ("1/32" 0.03125, "1/16" 0.0625, "1/8" 0.125, "1/4" 0.25, "1/2" 0.5, "1" 1, "2" 2, "4" 4, "8" 8)
		if (cores == 1) { set ylabel "zero-copy : single-copy" } else { unset ylabel }
		set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead lw 1.5 lc rgb "#2166ac" dt 2
		if (cores == 1) {
			set label 1 "zero-copy is faster" at graph 0.03, graph 0.93 tc rgb "#666666" font ",10"
			set label 2 "copying is faster" at graph 0.97, graph 0.07 right tc rgb "#666666" font ",10"
		} else { unset label 1; unset label 2 }
		unset key
		plot for [i=1:words(modes)] of(cores, word(modes, i)) using 3:($6/$5) \
			lw 2 ps 0.9 pt int(word(points, i)) lc rgb word(colours, i)
	}
	unset multiplot
	unset xlabel
	unset arrow 1
	unset label 1
	unset label 2
	set output
}
