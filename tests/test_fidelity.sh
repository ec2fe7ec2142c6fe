#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_fidelity.sh - the verb `fidelity` on small files: what holds, misses, is excused or refused.
#
# The machine is idle and the link's rate, the copies and the policies are known, so each row is held
# against what must come out. Prints TAP.
# shellcheck source=tests/tap.sh disable=SC2016
. "$(dirname "$0")/tap.sh"

cd "$tmp" || exit 1

# file NAME < ROWS: a machine with four points, then these rows.
file()
{
	{
		cat <<'INI'
[scenario]
seed = 1
[nic eth0]
[guest vm1]
[traffic t]
to = vm1
size = 1500B
rate = 1Gbit/s
packets = 200
[sweep]
guest.policy = copy, single-copy
t.rate = 1Gbit/s, 5Gbit/s
[fidelity]
source = arithmetic
kind = exact
metric = vm1.rx.throughput_bps
INI
		cat -
	} >"$1"
}

# row NAME LINE...
row() { printf '[fidelity %s]\ntitle = a row\n' "$1"; shift; printf '%s\n' "$@"; }

slow='at = guest.policy=copy & t.rate=1Gbit/s'
good() { row good "$slow" 'want = 1Gbit/s ~ 0.1%'; }
copies=('metric = vm1.rx.host_copies_per_packet' "$slow"
	'base_at = guest.policy=single-copy t.rate=1Gbit/s')

fidelity() { local code=$1; shift; exits "$code" "$vnicsim" fidelity "$@"; }

# line ROW WORD...: the row's line in the table has these words, in this order.
line()
{
	local got
	got=$(grep -E "^ *$1 " "$out") || { echo "no line of $1"; cat "$out"; return 1; }
	local rest=$got word
	for word in "${@:2}"; do
		[[ $rest == *"$word"* ]] || { echo "no $word in: $got"; return 1; }
		rest=${rest#*"$word"}
	done
}

last() { [ "$(tail -n 1 "$out")" = "$1" ] || { tail -n 1 "$out"; return 1; }; }

a_row_that_holds()
{
	good | file a.ini
	fidelity 0 a.ini && line good arithmetic exact '1 Gbit/s' '1 Gbit/s' '0%' '0.1%' ok &&
		last '1 of 1 exact rows, 0 of 0 published rows within tolerance'
}

an_exact_row_that_misses()
{
	row bad "$slow" 'want = 1.1Gbit/s ~ 5%' 'note = no excuse' | file a.ini
	fidelity 1 a.ini && line bad '1.1 Gbit/s' '1 Gbit/s' '-9.09%' '5%' MISS &&
		prints 'bad misses: no excuse' &&
		last '0 of 1 exact rows, 0 of 0 published rows within tolerance'
}

a_published_row_needs_a_note()
{
	row bad "$slow" 'want = 1.1Gbit/s ~ 5%' 'kind = published' | file a.ini
	fidelity 1 a.ini && prints 'bad misses: no note says why' || return 1
	row bad "$slow" 'want = 1.1Gbit/s ~ 5%' 'kind = published' 'note = the lab was warm' | file a.ini
	fidelity 0 a.ini && line bad MISS && prints 'bad misses: the lab was warm' &&
		last '0 of 0 exact rows, 0 of 1 published rows within tolerance'
}

a_calibration_is_not_counted()
{
	{ good; row cal "$slow" 'want = 1Gbit/s ~ 1%' 'role = calibration' 'calibrated = k on it'; } |
		file a.ini
	fidelity 0 a.ini --out o && line cal calibration &&
		last '1 of 1 exact rows, 0 of 0 published rows within tolerance' &&
		grep -q '^- k on it; this row is `cal`' o/fidelity.md || return 1
	row cal "$slow" 'want = 2Gbit/s ~ 1%' 'role = calibration' | file a.ini
	fidelity 1 a.ini
}

comparisons()
{
	{
		row ratio "${copies[@]}" 'as = ratio' 'want = 2'
		row gain "${copies[@]}" 'as = gain' 'want = 100 ~ 1%'
		row loss "${copies[@]}" 'as = loss' 'want = -100%'
		row difference "${copies[@]}" 'as = difference' 'want = 1'
		row of "$slow" 'metric = vm1.rx.delivered_bytes' 'of = vm1.rx.delivered' \
			'as = ratio' 'want = 1500'
		row lean "${copies[@]}" 'as = ratio' 'want = > 1.5' 'kind = shape'
	} | file a.ini
	fidelity 0 a.ini && line ratio ' 2 ' ' 2 ' ok && line gain '100%' ok && line loss '-100%' ok &&
		line of 1500 1500 ok && line lean '> 1.5' 2 ok && prints '1 of 1 shapes hold' || return 1
	sed 's/want = 2$/want = 2.1 ~ 1%/' a.ini >b.ini
	fidelity 1 b.ini && line ratio MISS
}

without_a_point_the_base_is_meant()
{
	row base 'metric = vm1.rx.host_copies_per_packet' 'want = 2' | file a.ini
	fidelity 0 a.ini --set guest.policy=copy && line base ok &&
		fidelity 1 a.ini --set guest.policy=zero-copy
}

noise_reads_as_nothing()
{
	row tiny 'at = guest.policy=copy & t.rate=1000001kbit/s' \
		'base_at = guest.policy=copy & t.rate=1Gbit/s' 'as = loss' 'want = < 1%' | file a.ini
	sed 's/, 5Gbit/, 1000001kbit/' a.ini >n.ini
	fidelity 0 n.ini && line tiny '< 1%' ' 0%' ok
}

no_table_without_rows()
{
	row bad 'want = fast' | file a.ini
	exits 2 "$vnicsim" fidelity a.ini && [ ! -s "$out" ]
}

# Arrivals are random: the mean of the repeats, and room for three standard errors of it.
repeats_have_an_error()
{
	{ good; row mean 'metric = vm1.rx.latency_ns.mean' 'want = 1us ~ 99%'; } | file a.ini
	sed -e 's/^packets.*/&\nsource = poisson/' -e 's/^seed.*/&\nrepeat = 4/' a.ini >r.ini
	fidelity 1 r.ini --json r.json && json_is_whole r.json || return 1
	line good '(3 s.e.)' && grep -q '"repeats": 4' r.json && grep -q '"standard_error": [1-9]' r.json
}

the_files_are_whole_and_the_same()
{
	{ good; row miss "$slow" 'want = 3' 'kind = published' 'note = n'; } | file a.ini
	fidelity 0 a.ini --out o1 -j 1 && fidelity 0 a.ini --out o2 -j 4 && diff -r o1 o2 &&
		json_is_whole o1/fidelity.json && grep -q '"verdict": "MISS"' o1/fidelity.json &&
		grep -q '^| `miss` .*\*\*MISS\*\* |$' o1/fidelity.md &&
		[ "$(awk -F, '{ print NF }' o1/fidelity.csv | sort -u)" = 11 ]
}

mistakes()
{
	row bad 'at = guest.policy=zero-copy' 'want = 1' | file a.ini
	fails 2 'a.ini:19: [fidelity bad] at' 'no point of the sweep' -- "$vnicsim" fidelity a.ini || return 1
	row bad 'at = guest.policy=copy' 'want = 1' | file a.ini
	fails 2 'a.ini:19: [fidelity bad] at' '2 points' -- "$vnicsim" fidelity a.ini || return 1
	good | file a.ini && good | file b.ini
	fails 2 'b.ini:17: [fidelity good]' 'a has a row of this name' -- "$vnicsim" fidelity a.ini b.ini || return 1
	file a.ini </dev/null
	fails 2 'no [fidelity ROW]' -- "$vnicsim" fidelity a.ini || return 1
	row bad 'want = fast' | file a.ini
	for verb in run check sweep fidelity; do
		fails 2 'a.ini:19: [fidelity bad] want' 'no number' -- "$vnicsim" "$verb" a.ini || return 1
	done
	fails 2 'fidelity takes scenario files' -- "$vnicsim" fidelity &&
		fails 2 'none.ini' -- "$vnicsim" fidelity none.ini
}

other_verbs_do_not_mind()
{
	good | file a.ini
	sed '/^\[fidelity/,$d' a.ini >plain.ini
	exits 0 "$vnicsim" run a.ini --quiet --json - && sed '/"machine"/,$d' "$out" >with &&
		exits 0 "$vnicsim" run plain.ini --quiet --json - && sed '/"machine"/,$d' "$out" |
		sed 's/"plain.ini"/"a.ini"/' | diff with -
}

# The rows of the project: those of files without repeats, which are quick, come out as docs/fidelity.md
# has them; all are in it.
quick_rows()
{
	cd "$root" || return 1
	local quick
	mapfile -t quick < <(grep -LE '^repeat *=' scenarios/studies/fidelity/*.ini)
	"$vnicsim" fidelity "${quick[@]}" -j 0 --quiet --out "$tmp/quick" || return 1
	grep '^| `' "$tmp/quick/fidelity.md" >"$tmp/rows"
	[ "$(wc -l <"$tmp/rows")" -ge 20 ]
}
lines_of_rows_in() { ! grep -vxF -f "$1" "$tmp/rows" || { echo "make fidelity writes it again"; return 1; }; }
a_changed_number_is_seen()
{
	sed '/^| `/s/[0-9]/9/g' "$root/docs/fidelity.md" >"$tmp/wrong.md"
	! lines_of_rows_in "$tmp/wrong.md" >"$tmp/said"
}
each_row_is_in_it()
{
	local row missing=0
	while read -r row; do
		grep -qF "| \`$row\` |" "$root/docs/fidelity.md" || { echo "no row $row"; missing=1; }
	done < <(sed -n 's/^\[fidelity \([^]]*\)\].*/\1/p' "$root"/scenarios/studies/fidelity/*.ini)
	return $missing
}

check "a row that holds is ok" a_row_that_holds
check "an exact row that misses fails, whatever its note" an_exact_row_that_misses
check "a published row may miss if a note says why" a_published_row_needs_a_note
check "a calibration is shown and not counted" a_calibration_is_not_counted
check "ratio, gain, loss, difference, of" comparisons
check "without a point the base is meant" without_a_point_the_base_is_meant
check "a difference below 0.005% reads 0%" noise_reads_as_nothing
check "a file that is refused prints no empty table" no_table_without_rows
check "repeats are averaged, their error widens the tolerance" repeats_have_an_error
check "JSON, markdown and CSV are whole, on any number of threads" the_files_are_whole_and_the_same
check "mistakes are refused at their line" mistakes
check "results of other verbs do not change with rows" other_verbs_do_not_mind
check "the project's quick rows hold, or say why not" quick_rows
check "docs/fidelity.md has them as they come out" lines_of_rows_in "$root/docs/fidelity.md"
check "a changed number is seen" a_changed_number_is_seen
check "docs/fidelity.md has each row there is" each_row_is_in_it
finish
