#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_report.sh - the page of results: whole, escaped, self-contained, and true to the results.
#
# Its structure is checked by a small reader of tags; where chromium is at hand (it need not be), a
# page is laid out at the width of a telephone, too. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cat >"$tmp/a <b> & \"c\".ini" <<'END'
# Is 1 < 2 & is "this" <script>alert(1)</script> escaped?
#
# Expected: it is.
[nic eth0]
link = 10Gbit/s

[guest vm1]
delivery = process

[traffic bulk]
to = vm1
size = 1500B
rate = 1Gbit/s
packets = 200

[expect]
vm1.rx.drops = 0

[sweep]
guest.policy = copy, zero-copy
bulk.size = 100B, 1500B

[plot]
x = bulk.size
y = guests.rx.throughput_bps
END
ini=$tmp/'a <b> & "c".ini'

# Every element that is opened is closed, in order; ids are unique; headings do not skip a level;
# each table has a caption and heads; each figure's svg a label.
is_whole()
{
	awk '
		function die(why) { print why; bad = 1; exit 1 }
		{ text = text $0 "\n" }
		END {
			if (bad) exit 1
			if (text !~ /^<!DOCTYPE html>/) die("no doctype")
			gsub(/<style>[^<]*<\/style>/, "", text)
			void_tags = " meta br hr img link input "
			while (match(text, /<[^>]*>/)) {
				tag = substr(text, RSTART + 1, RLENGTH - 2)
				text = substr(text, RSTART + RLENGTH)
				if (tag ~ /^!/) continue
				if (match(tag, /[ \t\n]id=["\047][^"\047]*/)) {
					id = substr(tag, RSTART + 5, RLENGTH - 5)
					if (id in ids) die("id twice: " id)
					ids[id] = 1
				}
				name = tag
				sub(/[ \t\n\/].*/, "", name)
				if (tag ~ /^\//) {
					name = substr(tag, 2)
					sub(/[ \t\n].*/, "", name)
					if (stack[depth] != name) die("</" name "> closes <" stack[depth] ">")
					depth--
					continue
				}
				if (name ~ /^h[1-6]$/) {
					level = substr(name, 2) + 0
					if (level > last + 1) die("heading skips to h" level)
					last = level
				}
				if (name == "script") die("a script")
				if (name == "th" && tag !~ /scope=/) die("a head without scope")
				tables += name == "table"
				captions += name == "caption"
				figures += name == "figure"
				labels += name == "svg" && tag ~ /role="img"/ && tag ~ /aria-label="[^"]/
				if (tag ~ /\/$/ || index(void_tags, " " name " ")) continue
				stack[++depth] = name
			}
			if (depth) die("<" stack[depth] "> is not closed")
			if (tables != captions) die("a table without caption")
			if (figures != labels) die("a figure without a label")
		}' "$1"
}

# Nothing that a browser would fetch.
is_self_contained()
{
	! grep -nEi '(src|href)=["'"'"'](https?:|//|/|file:|[a-z0-9_./-]+\.(css|js|png|svg))|@import|url\((https?|//)' "$1"
}

has() { grep -qF -- "$2" "$1" || { echo "no: $2"; return 1; }; }
has_not() { ! grep -F -- "$2" "$1"; }

sweep() { exits 0 "$vnicsim" sweep "$ini" --out "$tmp/study" --quiet; }
check "a study is run" sweep
check "its page is made" exits 0 "$vnicsim" report "$tmp/study" --scenario "$ini" --out "$tmp/study.html"
check "where it says" prints "$tmp/study.html"
page=$tmp/study.html
check "the page is whole" is_whole "$page"
check "the page needs nothing else" is_self_contained "$page"
check "the question is escaped" has "$page" 'Is 1 &lt; 2 &amp; is &quot;this&quot; &lt;script&gt;alert(1)'
check "no script comes through" has_not "$page" '<script'
check "the scenario's text stands there" has "$page" 'link = 10Gbit/s'
check "so do settings in effect" has "$page" '<th scope="row">vm1.mrg_rxbuf</th>'
check "swept keys are columns" has "$page" '<th scope="col">bulk.size</th>'
check "expectations are counted" has "$page" '4 passed, 0 failed, 0 skipped'
check "copies stand by site" has "$page" 'hypervisor → vmm'
check "the bottleneck is named" has "$page" 'id="bottleneck"'
check "waterfalls stand there" has "$page" 'guest_wait'
check "the command is quoted for a shell" has "$page" 'sweep &apos;'
if command -v gnuplot >/dev/null; then
	check "figures stand in the page" has "$page" 'Throughput, receive, by bulk.size'
else
	skip "figures stand in the page" "gnuplot is missing"
fi

# What the study's folder knows needs no --scenario; one of an older program knows nothing.
remembered() {
	exits 0 "$vnicsim" report "$tmp/study" --out "$tmp/own.html" -q && silent &&
		diff "$page" "$tmp/own.html" >"$tmp/differs"
	[ "$(grep -c '^[<>]' "$tmp/differs")" = 2 ] && ! grep '^[<>]' "$tmp/differs" | grep -v 'vnicsim sweep'
}
check "without --scenario the page is the same but for the file's path" remembered
with_sets() {
	exits 0 "$vnicsim" sweep "$ini" --out "$tmp/set" --quiet --set bulk.packets=50 --seed 9 && exits 0 "$vnicsim" report "$tmp/set" &&
		has "$tmp/set/report.html" "--set &apos;bulk.packets=50&apos;" && has "$tmp/set/report.html" "--set &apos;scenario.seed=9&apos;"
}
check "the command has what was set" with_sets
older() {
	cp -r "$tmp/study" "$tmp/older" && sed -i '/^  "source": {/,/^  }$/d' "$tmp/older/study.json" &&
		sed -i ':a;N;$!ba;s/\],\n}/]\n}/' "$tmp/older/study.json" && ! grep -q source "$tmp/older/study.json" && json_is_whole "$tmp/older/study.json" &&
		exits 0 "$vnicsim" report "$tmp/older" && is_whole "$tmp/older/report.html" && has_not "$tmp/older/report.html" 'class="lead"' &&
		exits 0 "$vnicsim" sweep "$ini" --out "$tmp/older" --quiet
}
check "a folder that an older program made is read, and goes on" older
other_words() {
	sed 's/^# Expected: it is.$/# Expected: another comment./; s/^x = bulk.size/x = guest.policy/' "$ini" >"$tmp/words/a <b> & \"c\".ini"
	exits 0 "$vnicsim" sweep "$tmp/words/a <b> & \"c\".ini" --out "$tmp/study" --quiet
}
mkdir "$tmp/words"
check "another comment and other figures are the same study" other_words
again() {
	"$vnicsim" report "$tmp/study" --scenario "$ini" --out "$tmp/again.html" -q 2>/dev/null
	cmp "$page" "$tmp/again.html"
}
check "the same results give the same page" again

# Repeats 1 to 3 of two points with Poisson arrivals, and a search.
cat >"$tmp/repeats.ini" <<'END'
# Which rate is too much?
[scenario]
repeat = 3
[nic eth0]
link = 10Gbit/s
[guest vm1]
[traffic bulk]
to = vm1
source = poisson
size = 300B
rate = 1Gbit/s
packets = 500
[sweep]
guest.policy = copy, zero-copy
[search]
key = bulk.rate
range = 1Gbit/s..10Gbit/s
resolution = 500Mbit/s
condition = guests.rx.drops = 0
END
# The mean that the terminal shows, with the unit behind "±", stands in the page, too.
same_means() {
	exits 0 "$vnicsim" sweep "$tmp/repeats.ini" --out "$tmp/repeats" && exits 0 "$vnicsim" report "$tmp/repeats" --out "$tmp/repeats.html" || return 1
	local cell n=0
	while read -r cell; do
		has "$tmp/repeats.html" "<td class=\"n\">${cell%±*} <span class=\"pm\">±${cell#*±}</span></td>" || return 1
		n=$((n + 1))
	done < <(sed 's/ ±/±/g' "$tmp/repeats.txt" | grep -oE '[0-9.]+[a-zA-Z/]+±[0-9.]+[a-zA-Z/]+')
	[ $n -ge 4 ] || { cat "$tmp/repeats.txt"; return 1; }
}
"$vnicsim" sweep "$tmp/repeats.ini" --out "$tmp/first" >"$tmp/repeats.txt" 2>&1
check "means have half of their intervals, as on the terminal" same_means
check "the page says so" has "$tmp/repeats.html" 'Means of 3 repeats, ± half of the 95% interval'
check "it is whole" is_whole "$tmp/repeats.html"
check "what a search found is in the table" has "$tmp/repeats.html" '<th scope="col" class="n">holds</th><th scope="col" class="n">fails</th>'
check "... and in a figure" has "$tmp/repeats.html" 'Threshold found by the search'
check "sites of copies are not counted twice" has_not "$tmp/repeats.html" '→ vmm.policy'

exits 0 "$vnicsim" run "$ini" --set guest.policy=zero-copy --set bulk.size=300B --json "$tmp/one.json" --quiet
one() { exits 0 "$vnicsim" report "$tmp/one.json" --scenario "$ini"; }
check "a result's page stands beside it" one
check "it is whole" is_whole "$tmp/one.html"
check "its command has what the file lacks" has "$tmp/one.html" "--set &apos;vm1.policy=zero-copy&apos;"
check "and the other" has "$tmp/one.html" "--set &apos;bulk.size=300B&apos;"
command_gives_the_same() {
	"$vnicsim" run "$ini" --set vm1.policy=zero-copy --set bulk.size=300B --json "$tmp/two.json" -q
	[ "$(json "$tmp/one.json" metrics vm1.rx.digest)" = "$(json "$tmp/two.json" metrics vm1.rx.digest)" ]
}
check "which gives the same" command_gives_the_same
check "two results are compared" exits 0 "$vnicsim" report "$tmp/one.json" "$tmp/two.json" --out "$tmp/both.html"
check "the page of two is whole" is_whole "$tmp/both.html"
check "without a scenario there is no question" has_not "$tmp/both.html" 'class="lead"'
check "a page goes to stdout" exits 0 "$vnicsim" report "$tmp/one.json" --out -
check "whole" is_whole "$out"

no_gnuplot() {
	mkdir -p "$tmp/bin"
	PATH=$tmp/bin exits 0 "$vnicsim" report "$tmp/one.json" --out "$tmp/plain.html" && says "no figures"
}
check "without gnuplot there is a page without figures" no_gnuplot
check "which is whole" is_whole "$tmp/plain.html"

check "nothing to report: usage" fails 2 "report takes" -- "$vnicsim" report
check "a missing result is named" fails 2 "no such file" gone.json -- "$vnicsim" report "$tmp/gone.json"
mkdir "$tmp/empty"
check "an empty folder is no study" fails 2 "point-*.json" -- "$vnicsim" report "$tmp/empty"
echo '{"schema": 1}' >"$tmp/poor.json"
check "a file without metrics is no result" fails 2 poor.json "no result" -- "$vnicsim" report "$tmp/poor.json"
echo '{' >"$tmp/broken.json"
check "broken JSON is named by line" fails 2 "broken.json:" -- "$vnicsim" report "$tmp/broken.json"
cp "$ini" "$tmp/other.ini"
check "another scenario is refused" fails 2 other.ini "run from" -- \
	"$vnicsim" report "$tmp/one.json" --scenario "$tmp/other.ini" --out "$tmp/x.html"
check "a page that cannot be written is exit 6" fails 6 nowhere -- \
	"$vnicsim" report "$tmp/one.json" --out "$tmp/nowhere/x/page.html"
finish
