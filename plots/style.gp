# SPDX-License-Identifier: GPL-2.0-or-later
#
# style.gp - what the figures have in common: words, colours, dashes, terminals.
#
# Loaded by the scripts beside it. A script may be given another table and another name for its
# pictures:  gnuplot -e "data='other.dat'; out='other'" copies.gp
#
# Colours are those of Okabe and Ito, told apart with any kind of colour vision. No two policies
# share a dash and no two neighbours of a bar a brightness or pattern, so figures print in grey.

set encoding utf8
set datafile missing "?"
set style line 100 lc rgb "#dddddd" lw 0.7

# A word's place in a list, from 1; one more than the list has if it is not there.
place(list, w) = (strstrt(" ".list." ", " ".w." ") > 0) ? \
	words((" ".list." ")[1:strstrt(" ".list." ", " ".w." ")]) + 1 : words(list) + 1
has(list, w) = strstrt(" ".list." ", " ".w." ") > 0
# The list with the word at its end, unless it is there.
with_word(list, w) = has(list, w) ? list : (strlen(list) ? list." ".w : w)

# "rx/kernel" as a person says it.
direction_word(d) = d eq "rx" ? "receive" : d eq "tx" ? "send" : d eq "local" ? "between guests" : d
delivery_word(v) = v eq "any" ? "" : ", ".v." delivery"
panel_title(p) = direction_word(p[1:strstrt(p, "/") - 1]).delivery_word(p[strstrt(p, "/") + 1:*])

# Policies: colour, dash and mark each; a user's own come after the four
# known here, and stand in for them where there is none of these.
known_policies = "null copy single-copy zero-copy"
policy_colours = "#888888 #0072b2 #d55e00 #009e73 #cc79a7 #56b4e9 #e69f00 #000000"
policy_count = words(policy_colours)
array policy_mark[8] = [2, 5, 7, 9, 11, 13, 4, 6]
set style line 1 dt (10, 3, 2, 3)
set style line 2 dt 1
set style line 3 dt (9, 4)
set style line 4 dt (4, 2)
set style line 5 dt (14, 3, 3, 3)
set style line 6 dt (12, 2, 2, 2, 2, 2)
set style line 7 dt (16, 4)
set style line 8 dt (6, 2, 2, 2)
do for [i = 1:8] {
	set style line i lc rgb word(policy_colours, i) pt policy_mark[i] lw 2 ps 0.8
}
own_policies = ""
known_shown = 0
own_style(k) = known_shown ? 5 + (k - 1) % (policy_count - 4) : 1 + (k - 1) % policy_count
policy_style(p) = has(known_policies, p) ? place(known_policies, p) : own_style(place(own_policies, p))

# The text under the title and, where there is one, the unit of the load.
about = ""
load_unit = ""
stats data index 0 using (about = strcol(1), load_unit = strcol(2), 1) nooutput

# Panels "direction/delivery" and policies, in the order of the table.
panels = ""
policies = ""
stats data index 1 using (panels = with_word(panels, strcol(1)."/".strcol(2)), \
	policies = with_word(policies, strcol(3)), 1) nooutput
do for [p in policies] {
	if (has(known_policies, p)) { known_shown = 1 } else { own_policies = with_word(own_policies, p) }
}

# Width in pixels of a word of a legend, and of the legend of policies.
word_px(w) = 6.5 * strlen(w)
policies_px = 0
do for [p in policies] { policies_px = policies_px + 62 + word_px(p) }

# Opens picture out.KIND of this size in CSS pixels; the macro skips what this gnuplot cannot draw.
kinds = ""
if (strstrt(GPVAL_TERMINALS, "pngcairo")) { kinds = kinds." png" }
if (strstrt(GPVAL_TERMINALS, "svg")) { kinds = kinds." svg" }
if (strstrt(GPVAL_TERMINALS, "pdfcairo")) { kinds = kinds." pdf" }
open_picture = "\
if (kind eq 'png') { set terminal pngcairo noenhanced size 1.6*width, 1.6*height font 'DejaVu Sans,10' fontscale 1.2 linewidth 1.5 background rgb 'white' } ;\
if (kind eq 'svg') { set terminal svg noenhanced size width, height font 'DejaVu Sans,10' background rgb 'white' } ;\
if (kind eq 'pdf') { set terminal pdfcairo noenhanced size width/96.0, height/96.0 font 'DejaVu Sans,10' fontscale 0.7 linewidth 0.8 dashlength 2 } ;\
set output out.'.'.kind"
