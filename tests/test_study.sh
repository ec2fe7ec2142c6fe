#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_study.sh - studies from the outside: points, repeats, intervals, pairs, search; folders that
# are resumed, shared and refused. B is the build folder. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cd "$tmp" || exit 1

cat >a.ini <<-'END'
	[scenario]
	seed = 9
	repeat = 3
	warmup = 50us
	[nic eth0]
	[guest vm1]
	[traffic bulk]
	to = vm1
	source = poisson
	rate = 1Gbit/s
	packets = 400
	[sweep]
	guest.policy = copy, single-copy, zero-copy
	bulk.size = 100B..1600B step 4x
	where = guest.policy != copy | bulk.size > 100B
	[expect]
	vm1.rx.packets = > 0
END
cat >search.ini <<-'END'
	[nic eth0]
	[guest vm1]
	[traffic bulk]
	to = vm1
	size = 300B
	rate = 1Gbit/s
	packets = 2000
	[sweep]
	guest.policy = copy, zero-copy
	[search]
	key = bulk.rate
	range = 1Gbit/s..10Gbit/s
	resolution = 50Mbit/s
	condition = guests.rx.drops = 0 & vm1.rx.latency_ns.p50 = < 1ms
END

sweep() { "$vnicsim" sweep "$@"; }
same() { diff "$1" "$2" >.diff || { head -n 10 .diff; return 1; }; }
tables=(results.csv wide.csv summary.csv summary.json)

# same_study A B: tables byte for byte, results but for the machine that made them.
same_study()
{
	local file
	for file in "${tables[@]}" study.json; do
		same "$1/$file" "$2/$file" || return 1
	done
	[ "$(cd "$1" && echo *)" = "$(cd "$2" && echo *)" ] || { ls "$1" "$2"; return 1; }
	for file in "$1"/point-*.json; do
		diff <(sed '/^  "machine"/,$d' "$file") <(sed '/^  "machine"/,$d' "$2/${file##*/}") || return 1
	done
}

# ---- points ----

test_points()
{
	check "--list prints the points that where leaves, and runs nothing" listed
	check "--points prints their numbers, one a line" numbered
	check "--only chooses" chosen
	check "brackets bind as they do in C" bracketed
	check "... and are counted" unbalanced
	check "a point that cannot be is refused" no_such_points
}

listed()
{
	exits 0 sweep a.ini --list && silent && [ ! -e out ] && prints "8 points x 3 = 24 runs" || return 1
	sed -n '/^$/q; s/^ *\([0-9]\) /\1 /p' "$out" | tr -s ' ' >got
	printf '%s\n' '1 copy 400B' '2 copy 1600B' '3 single-copy 100B' '4 single-copy 400B' \
		'5 single-copy 1600B' '6 zero-copy 100B' '7 zero-copy 400B' '8 zero-copy 1600B' | same - got
}

numbered()
{
	exits 0 sweep a.ini --points && [ ! -e out ] && seq 8 | same - "$out" &&
		exits 0 sweep a.ini --points --only 'bulk.size = 400B' && printf '%s\n' 1 4 7 | same - "$out" &&
		exits 0 sweep a.ini --points --only 'guest.policy=copy' --only 'bulk.size>400B' &&
		echo 2 | same - "$out"
}

chosen()
{
	exits 0 sweep a.ini --only 'bulk.size=400B & guest.policy!=copy' --out only &&
		[ "$(cd only && echo point-*)" = "$(echo point-0004{-r2,-r3,}.json point-0007{-r2,-r3,}.json)" ] &&
		[ "$(cut -d, -f1 only/results.csv | uniq | xargs)" = "point 4 7" ]
}

# is_points EXPRESSION NUMBER...
is_points()
{
	local only=$1
	shift
	exits 0 sweep a.ini --points --only "$only" && printf '%s\n' "$@" | same - "$out"
}
bracketed()
{
	is_points 'guest.policy=copy | guest.policy=zero-copy & bulk.size=400B' 1 2 7 &&
		is_points '(guest.policy=copy | guest.policy=zero-copy) & bulk.size=400B' 1 7 &&
		is_points '  ( bulk.size=400B )  &((guest.policy=copy)|guest.policy=zero-copy)' 1 7 &&
		is_points 'bulk.size<400B | bulk.size=400B & (guest.policy=copy & (bulk.size=100B | bulk.size>100B))' 1 3 6
}
unbalanced()
{
	fails 2 "--only: a bracket is opened and not closed" -- "$vnicsim" sweep a.ini --only '(bulk.size=400B' --out no &&
		fails 2 "a bracket is closed that none has opened" -- "$vnicsim" sweep a.ini --only 'bulk.size=400B)' --out no &&
		fails 2 "behind a bracket; write & or |" -- "$vnicsim" sweep a.ini --only '(bulk.size=400B) guest.policy=copy' --out no &&
		fails 2 "is no comparison" -- "$vnicsim" sweep a.ini --only '()' --out no &&
		fails 2 "brackets in each other" -- "$vnicsim" sweep a.ini --only "$(printf '(%.0s' {1..99})" --out no
}

no_such_points()
{
	fails 2 "--only" "true of none of 8 points" "--list" -- "$vnicsim" sweep a.ini --only guest.policy=copy\&bulk.size=100B --out no &&
		fails 2 "--only" 'did you mean "policy"?' -- "$vnicsim" sweep a.ini --only guest.polcy=copy --out no &&
		fails 2 "--point 9" "8 points" -- "$vnicsim" sweep a.ini --point 9 --out no &&
		fails 2 "--point 0" "1..20" -- "$vnicsim" sweep a.ini --point 0 --out no &&
		fails 2 "--point 3..2" "1..20" -- "$vnicsim" sweep a.ini --point 3..2 --out no &&
		fails 2 "one at a time" -- "$vnicsim" sweep a.ini --point 1 --collect --out no &&
		fails 2 "[sweep] where" "true of none of 9 points" "loosen" -- \
			"$vnicsim" sweep a.ini --set 'sweep.where=bulk.size>9000B' --out no && [ ! -e no ]
}

# ---- one study, many ways ----

test_ways()
{
	check "a study is run" exits 0 sweep -q a.ini --out one
	check "... whose folder names it, its build and its points" manifest
	check "two threads leave the same bytes" threads
	check "points run apart, backwards, and collected leave the same bytes" apart
	check "what is not there yet is named" lacking
	check "a study that is killed goes on where it was" killed
	check "... and again, by SIGINT" stopped
	check "a whole study is run no further, only read" read_only
	check "JSON of all runs is the same, read or run" json_alike
}

manifest()
{
	json_is_whole one/study.json && json_is one/study.json a.ini scenario && json_is one/study.json 3 repeat &&
		json one/study.json digest | grep -qxE '[0-9a-f]{64}' && json one/study.json build | grep -qxE '[0-9a-f]{64}' &&
		[ "$(grep -c '"number"' one/study.json)" = 8 ] && ! grep -q "$tmp" one/study.json
}

threads() { exits 0 sweep -q a.ini -j4 --out two && same_study one two; }

apart()
{
	local i
	for i in 8 6..7 5; do
		exits 0 sweep -q a.ini --point $i --out apart || return 1
	done
	[ ! -e apart/results.csv ] && exits 0 sweep a.ini --points --out apart && seq 4 | same - "$out" || return 1
	for i in 4 3 2 1; do
		exits 0 sweep -q a.ini --point $i --out apart || return 1
	done
	exits 0 sweep a.ini --points --out apart && [ ! -s "$out" ] &&
		exits 0 sweep -q a.ini --collect --out apart && same_study one apart
}

lacking()
{
	cp -r one holes && rm holes/point-0002-r3.json holes/point-0007.json || return 1
	fails 3 "holes: lacks 2 of 8 points: 2, 7;" "--point" -- "$vnicsim" sweep -q a.ini --collect --out holes &&
		exits 0 sweep -q a.ini --collect --out holes --only guest.policy=single-copy &&
		exits 0 sweep a.ini --points --out holes && printf '%s\n' 2 7 | same - "$out" &&
		fails 3 "lacks 8 of 8" -- "$vnicsim" sweep -q a.ini --collect --out nowhere && [ ! -e nowhere ]
}

# cut_short SIGNAL FOLDER: a sweep that gets the signal once three results are there.
cut_short()
{
	local pid i
	set -m
	"$vnicsim" sweep -q a.ini -j 2 --set bulk.packets=4000 --out "$2" >"$out" 2>"$err" &
	pid=$!
	set +m
	for ((i = 0; i < 500; i++)); do
		[ "$(find "$2" -name 'point-*.json' 2>/dev/null | wc -l)" -ge 3 ] && break
		sleep 0.01
	done
	kill -s "$1" "$pid" 2>/dev/null
	wait "$pid"
}

long() { [ -e long ] || sweep -q a.ini --set bulk.packets=4000 --out long; }

inodes() { find "$1" -name "point-*.json" -printf "%p %i %T@\n" | sort; }

# What was there stays as it was: the same inode, never written again.
resumed()
{
	inodes "$1" >before
	sweep -q a.ini --set bulk.packets=4000 --out "$1" || return 1
	[ "$(inodes "$1" | grep -cxF -f before)" = "$(wc -l <before)" ] && long && same_study long "$1" || return 1
	find "$1" -name '*.part-*' | same - /dev/null
}

killed() { cut_short KILL killed 2>/dev/null; touch "killed/point-0008.json.part-$(uname -n)-999999999"; resumed killed; }

stopped()
{
	cut_short INT stopped
	local got=$?
	[ $got = 0 ] || { [ $got = 130 ] && says "interrupted" "the same command goes on" && [ ! -e stopped/results.csv ]; } ||
		return 1
	! grep -l '"partial": true' stopped/point-* && resumed stopped
}

read_only()
{
	inodes one >before
	exits 0 sweep a.ini --out one && prints "means of 3 runs" "±" && same_study one two &&
		inodes one | same - before
}

json_alike()
{
	exits 0 sweep -q a.ini --json read.json --out one && exits 0 sweep -q a.ini --json run.json --out three &&
		json_is_whole read.json && [ "$(grep -c '"machine": {' read.json)" = 24 ] &&
		diff <(grep -vE '_second|seconds|slowdown|memory' read.json) <(grep -vE '_second|seconds|slowdown|memory' run.json)
}

# ---- folders ----

test_folders()
{
	check "a folder of another study is refused, and untouched" another
	check "... of another sweep, search, seed or expectation, too" others
	check "... or of another build" another_build
	check "... or of nobody" nobody
	check "... but for --fresh, which leaves what is not a study's" fresh
	check "other contents of a capture are another study" capture
	check "a result that is none is named" spoilt
	check "a folder that cannot be written is an output error" unwritable
	check "check does not write into a study's folder" check_keeps_off
}

another()
{
	cp -r one kept
	cp a.ini b.ini && fails 2 "kept: holds another study (a.ini, 8 points x 3)" "--out" "--fresh" -- \
		"$vnicsim" sweep b.ini --set bulk.packets=7 --out kept && same_study one kept
}

others()
{
	local set
	for set in 'sweep.guest.policy=copy' scenario.seed=10 scenario.repeat=2 'expect.vm1.rx.packets=> 1'; do
		fails 2 "kept: holds another study" -- "$vnicsim" sweep a.ini --set "$set" --out kept || return 1
	done
	fails 2 "kept: holds another study" -- "$vnicsim" sweep a.ini --set search.key=bulk.rate --out kept \
		--set search.range=1Gbit/s..2Gbit/s --set search.resolution=1Gbit/s \
		--set search.condition=vm1.rx.drops=0 || return 1
	same_study one kept
}

another_build()
{
	cp -r one built && sed -i 's/"build": ".*"/"build": "0"/' built/study.json &&
		fails 2 "built: holds this study as another build of vnicsim made it" -- "$vnicsim" sweep a.ini --out built &&
		fails 2 "another build" -- "$vnicsim" sweep a.ini --point 1 --out built &&
		sed -i 's/"version": ".*"/"version": "0.0"/' built/study.json &&
		fails 2 "built: holds a study of vnicsim 0.0" -- "$vnicsim" sweep a.ini --collect --out built
}

nobody()
{
	mkdir loose && cp one/point-0001.json loose &&
		fails 2 "loose: holds results, but no manifest" -- "$vnicsim" sweep a.ini --out loose &&
		[ "$(ls loose)" = point-0001.json ]
}

fresh()
{
	cp -r one mine && echo x >mine/notes.txt && cp a.ini fresh.ini &&
		exits 0 sweep -q fresh.ini --set sweep.where=bulk.size=100B --set scenario.repeat=1 --out mine --fresh || return 1
	[ "$(cd mine && echo *)" = "notes.txt point-0001.json point-0002.json point-0003.json results.csv study.json wide.csv" ] ||
		{ ls mine; return 1; }
}

capture()
{
	cp "$root/traces/web-kv-dns.pcap" t.pcap && printf '%s\n' '[nic eth0]' '[guest vm1]' '[traffic t]' 'to = vm1' 'trace = t.pcap' \
		>cap.ini && exits 0 sweep -q cap.ini --out cap && exits 0 sweep -q cap.ini --out cap && printf x >>t.pcap &&
		fails 2 "cap: holds another study" -- "$vnicsim" sweep -q cap.ini --out cap
}

spoilt()
{
	cp -r one spoilt && echo '{' >spoilt/point-0003.json &&
		fails 3 spoilt/point-0003.json -- "$vnicsim" sweep -q a.ini --out spoilt &&
		echo '{"schema": 1}' >spoilt/point-0003.json &&
		fails 3 spoilt/point-0003.json "remove it" -- "$vnicsim" sweep -q a.ini --out spoilt &&
		cp one/point-0004.json spoilt/point-0003.json &&
		fails 3 spoilt/point-0003.json "not the result of this run" -- "$vnicsim" sweep -q a.ini --out spoilt &&
		rm spoilt/point-0003.json && exits 0 sweep -q a.ini --out spoilt && same_study one spoilt
}

unwritable()
{
	fails 6 "a.ini/x" "cannot be written" -- "$vnicsim" sweep a.ini --out a.ini/x &&
		fails 6 "/proc/x" "cannot be written" -- "$vnicsim" sweep a.ini --point 1 --out /proc/x
}

check_keeps_off()
{
	mkdir checked && cp -r one checked/a && fails 2 "checked/a" "holds the study of a sweep" -- \
		"$vnicsim" check a.ini --out checked && same_study one checked/a
}

# ---- intervals and pairs ----

test_intervals()
{
	check "the summary has mean and interval of every metric" summary
	check "... worked out again from the runs" recomputed
	check "all policies see the same arrivals" common_numbers
	check "pairs are differences, seed by seed" pairs
	check "wrong pairs are refused before anything runs" wrong_pairs
}

summary()
{
	json_is_whole one/summary.json && [ "$(head -n 1 one/summary.csv)" = \
		"point,guest_policy,traffic_bulk_size_bytes,object,direction,metric,n,mean,half_width,low,high,unit" ] &&
		awk -F, 'NR > 1 && (NF != 12 || $7 < 1 || $9 == "" && $7 > 1) { print; bad = 1 } END { exit bad || NR < 1000 }' one/summary.csv
}

# Student's t of 2 degrees of freedom is 4.302653; a half width is rounded up to a thousandth.
recomputed()
{
	awk -F, '
		NR == FNR { k = $1 "," $6 "," $7 "," $8; n[k]++; s[k] += $9; q[k] += $9 * $9; next }
		FNR > 1 && $7 == 3 {
			k = $1 "," $4 "," $5 "," $6
			if (n[k] != 3) next
			m = s[k] / 3
			v = (q[k] - 3 * m * m) / 2
			h = v > 0 ? 4.302653 * sqrt(v / 3) : 0
			seen++
			if ((m - $8) ^ 2 > 1e-6 * (1 + m * m * 1e-6) || (h - $9) ^ 2 > 1e-5 + (h + m * 1e-5) ^ 2 * 1e-4) {
				print k, m, $8, h, $9; bad = 1
			}
		}
		END { exit bad || seen < 500 }' one/results.csv one/summary.csv
}

common_numbers()
{
	awk -F, '$8 ~ /^(packets|bytes)$/ && $6 == "vm1" && $7 == "rx" {
			k = $2 " " $5 " " $8
			if (k in v && v[k] != $9) { print; bad = 1 }
			v[k] = $9; n++
		}
		END { exit bad || n != 48 }' one/results.csv
}

pairs()
{
	exits 0 sweep a.ini --out one --paired guest.policy=single-copy &&
		prints "differences from guest.policy=single-copy, seed by seed" "paired.csv" || return 1
	[ "$(cut -d, -f1,2 one/paired.csv | uniq | tail -n +2 | xargs)" = "1,4 2,5 6,3 7,4 8,5" ] || return 1
	grep -q '^1,4,copy,400,vm1,rx,packets,3,0,0,0,0,packets$' one/paired.csv &&
		grep -q '^7,4,zero-copy,400,vm1,rx,host_copies_per_packet,3,-1,0,-1,-1,$' one/paired.csv &&
		grep -q '"paired"' one/summary.json && json_is_whole one/summary.json
}

wrong_pairs()
{
	fails 2 "--paired guest.policy" "KEY=BASE" -- "$vnicsim" sweep a.ini --paired guest.policy --out none &&
		fails 2 "--paired" "not swept" -- "$vnicsim" sweep a.ini --paired host.cores=1 --out none &&
		fails 2 "--paired" "no point" -- "$vnicsim" sweep a.ini --paired bulk.size=101B --out none && [ ! -e none ]
}

# ---- search ----

test_search()
{
	check "the highest rate without drops is found at each point" found
	check "... bracketed by two runs that are kept" brackets
	check "... as one thread or more find it" found_alike
	check "... and as running the two says" brackets_hold
	check "a condition that fails at the low end is said" low_end
	check "... and one that holds at the high end" high_end
	check "a search finds a time, a count and a size" kinds
	check "a resolution may be a share" share
	check "check judges what a search found" check_search
	check "wrong searches are refused" wrong_searches
}

found()
{
	exits 0 sweep search.ini --out s && prints holds fails Gbit/s || return 1
	awk -F, '$5 == "search" { v[$1 "," $7] = $8 }
		END {
			for (p = 1; p <= 2; p++) {
				h = v[p ",holds_bps"]; f = v[p ",fails_bps"]
				if (h < 1e9 || f > 10e9 || f <= h || f - h > 50e6 || h % 50e6 || v[p ",runs"] > 10) bad = 1
			}
			exit bad
		}' s/results.csv
}

# the rate that the file of a run was made with, and its drops
rate_of() { json "$1" config bulk.rate; }

brackets()
{
	local point
	for point in s/point-0001 s/point-0002; do
		json_is $point.json 0 metrics guests.rx.drops && json_is $point.json found search verdict || return 1
		[ "$(json $point-fails.json metrics guests.rx.drops)" -gt 0 ] &&
			[ "$(rate_of $point.json)" != "$(rate_of $point-fails.json)" ] || return 1
		json_is_whole $point.json && json_is_whole $point-fails.json || return 1
	done
}

found_alike() { exits 0 sweep -q search.ini -j 2 --out s2 && same s/results.csv s2/results.csv && same s/wide.csv s2/wide.csv; }

brackets_hold()
{
	exits 0 "$vnicsim" run -q search.ini --set guest.policy=copy --set "bulk.rate=$(rate_of s/point-0001.json)" --json r.json &&
		json_is r.json 0 metrics guests.rx.drops &&
		exits 0 "$vnicsim" run -q search.ini --set guest.policy=copy --set "bulk.rate=$(rate_of s/point-0001-fails.json)" --json r.json &&
		! json_is r.json 0 metrics guests.rx.drops
}

low_end()
{
	exits 0 sweep search.ini --set search.range=9.5Gbit/s..10Gbit/s --out low &&
		prints "point 1 (guest.policy=copy): guests.rx.drops = 0" "fails already at the low end of 9.5Gbit/s..10Gbit/s" &&
		json_is low/point-0001.json null metrics search.holds_bps &&
		json_is low/point-0001.json 9500000000 metrics search.fails_bps && json_is low/point-0001.json 1 metrics search.runs &&
		[ ! -e low/point-0001-fails.json ]
}

high_end()
{
	exits 0 sweep search.ini --set search.range=1Mbit/s..2Mbit/s --set search.resolution=1Mbit/s --out high &&
		prints "holds even at the high end of 1Mbit/s..2Mbit/s" &&
		json_is high/point-0001.json 2000000 metrics search.holds_bps &&
		json_is high/point-0001.json null metrics search.fails_bps && [ ! -e high/point-0001-fails.json ]
}

# find NAME METRIC KEY RANGE RESOLUTION CONDITION
find_one()
{
	exits 0 sweep -q search.ini --set sweep.guest.policy=zero-copy --set "search.key=$3" --set "search.range=$4" \
		--set "search.resolution=$5" --set "search.condition=$6" --out "$1" && json "$1/point-0001.json" metrics "search.$2"
}

kinds()
{
	# Thresholds that are known.
	[ "$(find_one time holds_ns bulk.start '0..100us' 1us 'vm1.rx.packets >= 0')" = 100000 ] &&
		[ "$(find_one count holds bulk.packets '1..1000' 1 'vm1.rx.packets <= 777')" = 777 ] &&
		[ "$(json count/point-0001.json metrics search.fails)" = 778 ] &&
		[ "$(find_one size holds_bytes bulk.size '60B..1514B' 1B 'vm1.rx.bytes = <= 2000000')" = 1000 ]
}

share()
{
	[ "$(find_one share holds bulk.packets '1..100000' 1% 'vm1.rx.packets <= 777')" -le 777 ] &&
		[ "$(json share/point-0001.json metrics search.fails)" -le 785 ]
}

check_search()
{
	exits 0 "$vnicsim" check search.ini --set "expect.search.holds_bps=> 1Gbit/s" &&
		[ "$(grep -c '^PASS .*search.holds_bps' "$out")" = 2 ] &&
		exits 1 "$vnicsim" check search.ini --set "expect.search.holds_bps=> 9.9Gbit/s"
}

# wrong WORD... -- KEY=VALUE...
wrong()
{
	local words=() sets=()
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	for set in "$@"; do sets+=(--set "search.$set"); done
	fails 2 "[search]" "${words[@]}" -- "$vnicsim" sweep search.ini "${sets[@]}" --out wrong
}

wrong_searches()
{
	wrong key 'did you mean "rate"?' -- key=bulk.rte && wrong key "no quantity" -- key=bulk.source &&
		wrong key "sweep it, not both" -- key=guest.policy || wrong key "no quantity" -- key=guest.policy || return 1
	wrong range "LOW..HIGH" -- range=1Gbit/s && wrong range "upwards" -- range=2Gbit/s..1Gbit/s &&
		wrong range "no unit" -- range=1..2 && wrong resolution "no unit" -- resolution=1 &&
		wrong resolution "above 0" -- resolution=0 && wrong condition METRIC -- condition=guests.rx.drops &&
		wrong "guests.rx.dropz" "did you mean" -- 'condition=guests.rx.dropz = 0' || return 1
	grep -v resolution search.ini >lacks.ini
	fails 2 "[search]" "needs resolution" -- "$vnicsim" sweep lacks.ini --out wrong && [ ! -e wrong ]
}

# ---- the terminal ----

test_terminal()
{
	check "without a terminal there are no control characters" plain
	if ! command -v script >/dev/null; then
		skip "progress, time left and failures live on a terminal" "script is missing"
		return
	fi
	check "on a terminal there are progress, time left and failures as they come" terminal
}

plain()
{
	"$vnicsim" sweep a.ini -j 2 --out plain >"$out" 2>"$err" || return 1
	! grep -qP '[\x00-\x08\x0b-\x1f]' "$out" && silent
}

# Some seconds of it, as what is left is told after the first.
terminal()
{
	script -qec "'$vnicsim' sweep a.ini -j 2 --set scenario.repeat=12 --set bulk.packets=100000 --set 'expect.vm1.rx.packets=< 10' --out term" \
		/dev/null </dev/null >seen
	tr '\r' '\n' <seen | sed 's/\x1b\[K//g' >lines
	head -n 20 lines # for whoever has to find out why
	grep -qE '^[0-9]+ of 96 runs  [0-9]+%  [0-9.]+[kM] packets/s  [0-9]+ failed(  [0-9]+ s left)?$' lines && grep -q ' s left$' lines &&
		grep -qE '^FAIL \[guest.policy=copy bulk.size=400B repeat=1\] vm1.rx.packets <10 [0-9]+$' lines
}

test_points
test_ways
test_folders
test_intervals
test_search
test_terminal
finish
