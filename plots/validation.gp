# SPDX-License-Identifier: GPL-2.0-or-later
#
# validation.gp - predicted against measured, a mark a row and policy: packets that a busy
# datapath moves a second of CPU time, and the median latency with one thread driving all sides.
#
# Reads validation.tsv, which `vnicsim validate --out DIR` writes, and makes validation.png, .svg and
# .pdf beside it. The line is equality; the band is what a prediction may be off by.

if (!exists("data")) { data = "validation.tsv" }
if (!exists("out")) { out = "validation" }
set encoding utf8
set datafile separator "\t"
set datafile missing "?"

cpu = "packets a CPU second"
latency_rx = "guests.rx.latency_ns.p50"
latency_tx = "guests.tx.latency_ns.p50"
in_cpu(what) = what eq cpu
in_latency(m, mode) = (m eq latency_rx || m eq latency_tx) && mode eq "in one thread"
policies = "copy single-copy zero-copy"
colours = "#0072b2 #d55e00 #009e73"
array mark[3] = [5, 7, 9]

stats data using (in_cpu(strcol(9)) ? $5 : NaN) name "P" nooutput
stats data using (in_cpu(strcol(9)) ? $6 : NaN) name "M" nooutput
stats data using (in_latency(strcol(1), strcol(2)) ? $5 / 1000 : NaN) name "LP" nooutput
stats data using (in_latency(strcol(1), strcol(2)) ? $6 / 1000 : NaN) name "LM" nooutput
min(a, b) = a < b ? a : b
max(a, b) = a > b ? a : b

set border 3 lc rgb "#444444"
set grid xtics ytics lc rgb "#dddddd" lw 0.7
set tics out nomirror
set logscale xy
# Marks at 1, 2 and 5 of each decade: a decade alone leaves an axis with one.
marks = ""
do for [k = -3:9] { do for [m in "1 2 5"] { marks = marks.(strlen(marks) ? ", " : "").sprintf("%se%d", m, k) } }
eval "set xtics (".marks.")"
eval "set ytics (".marks.")"
set key top left Left reverse samplen 1 spacing 1.2
set style fill solid 0.25 noborder

do for [kind in "png svg pdf"] {
	if (kind eq "png") { set terminal pngcairo size 940,480 font "sans,10" }
	if (kind eq "svg") { set terminal svg size 940,480 dynamic font "sans,10" }
	if (kind eq "pdf") { set terminal pdfcairo size 9.4in,4.8in font "sans,10" }
	set output out.".".kind
	set multiplot layout 1,2 margins 0.085,0.985,0.13,0.90 spacing 0.11

	lo = 0.5 * min(P_min, M_min)
	hi = 1.6 * max(P_max, M_max)
	set xrange [lo:hi]
	set yrange [lo:hi]
	set title "Packets a second of the datapath's CPU time"
	set xlabel "measured"
	set ylabel "predicted"
	set format xy "%.0s %c"
	plot [lo:hi] '+' using 1:($1 * 0.8):($1 * 1.2) with filledcurves lc rgb "#bbbbbb" title "within 20%", \
		x with lines lc rgb "#444444" lw 1 title "equal", \
		for [i = 1:3] data using (in_cpu(strcol(9)) && strcol(3) eq word(policies, i) ? $6 : NaN):5:7:8 \
			with xerrorbars pt mark[i] ps 0.9 lc rgb word(colours, i) title word(policies, i)

	if (LP_records > 0) {
		lo = 0.5 * min(LP_min, LM_min)
		hi = 1.6 * max(LP_max, LM_max)
		set xrange [lo:hi]
		set yrange [lo:hi]
		set title "Median latency, one thread, one packet at a time"
		set format xy "%g us"
		plot [lo:hi] '+' using 1:($1 / 1.5):($1 * 1.5) with filledcurves lc rgb "#bbbbbb" title "within a factor of 1.5", \
			x with lines lc rgb "#444444" lw 1 title "equal", \
			for [i = 1:3] data using (in_latency(strcol(1), strcol(2)) && strcol(3) eq word(policies, i) ? $6 / 1000 : NaN):($5 / 1000):($7 / 1000):($8 / 1000) \
				with xerrorbars pt mark[i] ps 0.9 lc rgb word(colours, i) title word(policies, i)
	}
	unset multiplot
	unset output
}
