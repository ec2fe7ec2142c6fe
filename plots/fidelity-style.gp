# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity-style.gp - what the figures of docs/fidelity.md have in common; loaded by the scripts
# beside it. Data are tab-separated columns with a head line. Lines are theory or what is published,
# marks with a white heart are published points, filled marks are simulated.

set encoding utf8
set datafile separator "\t"
set datafile missing "?"
array colour[6] = ["#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#777777"]
set style line 100 lc rgb "#dddddd" lw 0.7
do for [i = 1:6] {
	set style line i lc rgb colour[i] lw 2 pt 7 ps 0.7
	set style line 10 + i lc rgb colour[i] lw 2 pt 6 ps 1.4
}
set border 3 lc rgb "#444444"
set tics nomirror out scale 0.5
set grid ls 100
set key left top reverse Left samplen 2 spacing 1.2
set title font ",12" offset 0, 0.3

width = 760
height = 430
kinds = ""
if (strstrt(GPVAL_TERMINALS, "pngcairo")) { kinds = kinds." png" }
if (strstrt(GPVAL_TERMINALS, "svg")) { kinds = kinds." svg" }
open_picture = "\
if (kind eq 'png') { set terminal pngcairo noenhanced size 1.6*width, 1.6*height font 'DejaVu Sans,10' fontscale 1.2 linewidth 1.5 background rgb 'white' } ;\
if (kind eq 'svg') { set terminal svg noenhanced size width, height font 'DejaVu Sans,10' background rgb 'white' } ;\
set output out.'.'.kind"
