#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_compare.sh - the verb compare: what counts as equal, near and different, and bad files.
#
# Two results are written by the simulator; what differs in the others is edited into one of them.
# B is the build folder. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cd "$tmp" || exit 1

cat >one.ini <<-'END'
	[nic eth0]
	[guest vm1]
	policy = single-copy
	[traffic bulk]
	to = vm1
	size = 1000B
	rate = 1Gbit/s
	packets = 200
	[sweep]
	bulk.size = 100B, 1000B
END

# edited FILE NAME VALUE: a.json with another value of one metric; without it, if there is no VALUE.
edited()
{
	awk -v name="    \"$2\": " -v value="${3-}" '
		index($0, name) != 1 { print; next }
		{ found = 1 }
		value != "" { print name value "," }
		END { exit !found }' a.json >"$1"
}

# gives CODE EQUAL WITHIN DIFFER ARGUMENT...: exit code and last line of a comparison.
gives()
{
	local code=$1 sum="$2 metrics equal, $3 within tolerance, $4 differ"
	shift 4
	exits "$code" "$vnicsim" compare "$@" || return 1
	[[ $(tail -n 1 "$out") == "$sum"* ]] || { echo "wanted $sum"; tail -n 1 "$out"; return 1; }
}

# row WORD...: a line of the table that consists of these words.
row()
{
	awk '{ $1 = $1; print }' "$out" | grep -xF -- "$*" >"$tmp/.row" || { echo "no row: $*"; cat "$out"; return 1; }
}

# The line that a metric stands on, the head being 1.
place() { grep -nF -- "$1 " "$out" | head -n 1 | cut -d : -f 1; }

make_results()
{
	exits 0 "$vnicsim" run one.ini --quiet --json a.json &&
		exits 0 "$vnicsim" run one.ini --quiet --json again.json &&
		exits 0 "$vnicsim" run one.ini --quiet --json copy.json --set vm1.policy=copy
}
check "results to compare" make_results
all=$(awk '/^  "metrics"/ { on = 1; next } /^  }/ { on = 0 } on' a.json | wc -l)
latency=$(json a.json metrics vm1.rx.latency_ns.mean)

times() { awk -v x="$latency" -v f="$1" 'BEGIN { printf "%.3f", x * f }'; }

test_equal()
{
	check "the same run again is equal" gives 0 "$all" 0 0 a.json again.json
	check "... and nothing is listed" [ "$(wc -l <"$out")" = 1 ]
	sed 's/"wall_seconds": .*/"wall_seconds": 99,/' a.json >slow.json
	check "a slower machine" grep -q '"wall_seconds": 99,' slow.json
	check "... does not count" gives 0 "$all" 0 0 a.json slow.json
}

test_counts()
{
	edited count.json vm1.rx.kicks_suppressed 201
	edited base.json vm1.rx.kicks_suppressed 200
	check "a count that is another by 1 differs" gives 1 $((all - 1)) 0 1 base.json count.json
	check "... by how much is said" row vm1.rx.kicks_suppressed 200 201 +1 differs
	check "... whatever the tolerance" gives 1 $((all - 1)) 0 1 base.json count.json --tolerance 50%
	edited digest.json vm1.rx.digest '"0000000000000000"'
	check "a text that is another differs" gives 1 $((all - 1)) 0 1 a.json digest.json --tolerance 50%
	check "--quiet prints nothing" exits 1 "$vnicsim" compare base.json count.json --quiet
	check "... to stdout" [ ! -s "$out" ]
	check "... nor to stderr" silent
}

test_times()
{
	edited near.json vm1.rx.latency_ns.mean "$(times 1.04)"
	edited far.json vm1.rx.latency_ns.mean "$(times 1.06)"
	check "a time must be the same" gives 1 $((all - 1)) 0 1 a.json near.json
	check "... or within the tolerance" gives 0 $((all - 1)) 1 0 a.json near.json --tolerance 5%
	check "... which ends where it says" gives 1 $((all - 1)) 0 1 a.json far.json --tolerance 5%
	check "... and is printed" row vm1.rx.latency_ns.mean "$latency" "$(times 1.06)" +6.00% differs
	edited null.json vm1.rx.latency_ns.mean null
	check "null is near no number" gives 1 $((all - 1)) 0 1 a.json null.json --tolerance 50%
	edited zero.json vm1.rx.copies_per_packet 0
	edited little.json vm1.rx.copies_per_packet 0.001
	edited double.json vm1.rx.copies_per_packet 0.002
	check "something is not near nothing" gives 1 $((all - 1)) 0 1 zero.json little.json --tolerance 50%
	check "the last digit is near" gives 0 $((all - 1)) 1 0 little.json double.json --tolerance 1%
	check "... but not the same" gives 1 $((all - 1)) 0 1 little.json double.json
}

test_missing()
{
	edited missing.json vm1.rx.drops
	check "a metric that is gone differs" gives 1 $((all - 1)) 0 1 a.json missing.json
	check "... and is named" row vm1.rx.drops 0 - only in A
	check "... and counted" prints "(1 only in A, 0 only in B)"
	check "so does one that is new" gives 1 $((all - 1)) 0 1 missing.json a.json
	check "... and is named" row vm1.rx.drops - 0 only in B
}

test_copies()
{
	check "another policy differs" exits 1 "$vnicsim" compare a.json copy.json --json diff.json
	check "... its new copies are named by site" row vm1.rx.copies.vmm_to_guest 0 200 +200 NEW
	check "... before all else" [ "$(place vm1.rx.copies.vmm_to_guest)" -lt "$(place vm1.rx.copies)" ]
	check "... copies that went are no new ones" row vm1.rx.copies.hypervisor_to_guest 200 0 -200 differs
	check "... the setting is told apart" row vm1.policy single-copy copy
	check "--json is JSON" json_is_whole diff.json
	check "... names both" json_is diff.json copy.json b
	check "... names the copies" grep -q '"metric": "vm1.rx.copies.vmm_to_guest"' diff.json
	edited more.json vm1.rx.fallbacks.too_small 7
	check "new fallbacks are named by reason" exits 1 "$vnicsim" compare a.json more.json
	check "... as such" row vm1.rx.fallbacks.too_small 0 7 +7 NEW
	edited most.json vm1.rx.fallbacks.too_small 9
	check "more of them" exits 1 "$vnicsim" compare more.json most.json
	check "... as such" row vm1.rx.fallbacks.too_small 7 9 +2 MORE
}

test_bad()
{
	sed 's/"schema": 1/"schema": 7/' a.json >schema.json
	head -c 1000 a.json >cut.json
	echo '{"schema": 1}' >other.json
	edited list.json vm1.rx.drops '[1]'
	check "another schema" fails 3 schema.json "schema 7" -- "$vnicsim" compare a.json schema.json
	check "half a file" fails 3 cut.json "no JSON" line -- "$vnicsim" compare cut.json a.json
	check "JSON of another kind" fails 3 other.json "no result file" -- "$vnicsim" compare a.json other.json
	check "a metric that is a list" fails 3 list.json vm1.rx.drops -- "$vnicsim" compare a.json list.json
	check "no such file" fails 2 nowhere.json -- "$vnicsim" compare a.json nowhere.json
	check "one file" fails 2 two -- "$vnicsim" compare a.json
	check "three files" fails 2 two -- "$vnicsim" compare a.json a.json a.json
	check "a file and a folder" fails 2 "not one of each" -- "$vnicsim" compare . a.json
	check "a folder and a file" fails 2 "not one of each" -- "$vnicsim" compare a.json .
	check "a tolerance without unit" fails 2 --tolerance 5% -- "$vnicsim" compare a.json a.json --tolerance 5
	check "a negative tolerance" fails 2 --tolerance negative -- "$vnicsim" compare a.json a.json --tolerance=-5%
	check "a place where nothing can be written" fails 6 nowhere -- "$vnicsim" compare a.json a.json --json nowhere/x.json
}

make_studies()
{
	exits 0 "$vnicsim" sweep one.ini --quiet --out left &&
		exits 0 "$vnicsim" sweep one.ini --quiet --out right
}

test_folders()
{
	mkdir empty
	check "studies to compare" make_studies
	check "the same study again is equal" gives 0 $((2 * all)) 0 0 left right
	sed 's/"vm1.rx.delivered": 200,/"vm1.rx.delivered": 199,/' left/point-0002.json >right/point-0002.json
	check "a point that differs" gives 1 $((2 * all - 1)) 0 1 left right --json points.json
	check "... is named" prints point-0002.json
	check "... and no other" [ "$(grep -c '^point-' "$out")" = 1 ]
	check "... and all are in the JSON" [ "$(grep -c '"point": ' points.json)" = 2 ]
	rm right/point-0001.json
	check "a point that is gone" gives 1 $((all - 1)) 0 1 left right
	check "... is told" prints "only in A" "1 points without partner"
	check "a folder without results" fails 2 empty "point-" -- "$vnicsim" compare left empty
	cp other.json right/point-0002.json
	check "a bad file in a folder" fails 3 right/point-0002.json -- "$vnicsim" compare left right
}

test_equal
test_counts
test_times
test_missing
test_copies
test_bad
test_folders
finish
