#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_run.sh - run, sweep, check, list and plot on right input: what is printed and what is written.
#
# The scenarios are made here and small. Results are read with the few lines of awk in tap.sh. B is
# the build folder. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cd "$tmp" || exit 1

# Two guests, of which one gets frames; two NICs, of which one is used.
cat >two.ini <<-'END'
	[scenario]
	seed = 5
	[nic eth0]
	link = 10Gbit/s
	[nic eth1]
	[guest]
	nic = eth0
	policy = single-copy
	[guest vm1..vm2]
	[traffic bulk]
	to = vm1
	size = 1000B
	rate = 1Gbit/s
	packets = 200
END
# One guest, more frames than it can take, drawn at random: drops, and a seed that matters.
cat >flood.ini <<-'END'
	[nic eth0]
	[guest vm1]
	policy = copy
	[traffic bulk]
	to = vm1
	source = poisson
	size = 60B
	rate = 5Gbit/s
	packets = 3000
END
cat >sweep.ini <<-'END'
	[scenario]
	seed = 9
	repeat = 2
	[nic eth0]
	[guest vm1]
	[traffic bulk]
	to = vm1
	source = poisson
	rate = 1Gbit/s
	packets = 300
	[sweep]
	guest.policy = copy, zero-copy
	bulk.size = 100B, 1500B
	[expect]
	vm*.rx.drops = 0
	[expect guest.policy=copy]
	vm1.rx.host_copies_per_packet = 2
	[expect guest.policy=zero-copy]
	vm1.rx.host_copies_per_packet = 0
END

metric_is() { json_is "$1" "$2" metrics "$3"; }
config_is() { json_is "$1" "$2" config "$3"; }

# members FILE: names of the outermost object, one a line.
members() { sed -n 's/^  "\([^"]*\)": .*/\1/p' "$1"; }

# object FILE NAME: the lines of an outermost object, as "name value".
object()
{
	awk -v head="  \"$2\": {" '
		$0 == head { inside = 1; next }
		inside && /^  }/ { exit }
		inside { sub(/,$/, ""); gsub(/[":]/, ""); print $1, $2 }' "$1"
}

# same A B: the same bytes; else what differs.
same() { diff "$1" "$2" >"$tmp/.diff" || { head -n 10 "$tmp/.diff"; return 1; }; }
# What a run's result says, without what depends on the machine.
without_machine() { sed '/^  "machine": {/,$d' "$1"; }

test_result_file()
{
	check "run writes the result that --json names" exits 0 "$vnicsim" run two.ini --json two.json
	check "... as valid JSON" json_is_whole two.json
	check "... with the objects of the format, in order" result_members
	check "... its schema is 1" json_is two.json 1 schema
	check "... the program" json_is two.json vnicsim program
	check "... the version is the program's" json_is two.json "$("$vnicsim" --version | cut -d ' ' -f 2)" version
	check "... the scenario without its folder" json_is two.json two.ini scenario
	check "... its seed" json_is two.json 5 seed
	check "... is whole" json_is two.json false partial
	check "... the configuration with defaults" config_is two.json 100ms scenario.drain
	check "... with defaults of a kind" config_is two.json single-copy vm2.policy
	check "... with what the file says" config_is two.json 200 bulk.packets
	check "... where a guest's keys are all in the list" config_in_list
	check "... the machine's part" machine_members
	check "the frames are there" metric_is two.json 200 vm1.rx.delivered
	check "... and their bytes" metric_is two.json 200000 vm1.rx.bytes
	check "... and their copies" metric_is two.json 200 vm1.rx.copies.hypervisor_to_guest
	check "guests are summed" metric_is two.json 200 guests.rx.delivered
	check "a guest that nothing touched has 0" metric_is two.json 0 vm2.rx.delivered
	check "a NIC that nothing touched has 0" metric_is two.json 0 eth1.rx.packets
	check "a guest that nothing touched has every metric of the list" all_metrics
	check "0/0 is null" metric_is two.json null vm2.rx.copies_per_packet
	check "a latency of nothing is null" metric_is two.json null vm2.rx.latency_ns.p99
	check "counts are whole" whole_counts two.json
	check "times and ratios have at most 3 decimals" few_decimals two.json
	check "a digest is 16 hexadecimal digits" digest_form
	check "the same run again has the same bytes" again two.ini
	check "the histogram counts the frames" histogram_counts
	check "packets = delivered + drops + resident under overload" conserved
	check "a replayed capture stands in inputs" inputs_of_capture
}

result_members()
{
	members two.json >got
	printf '%s\n' schema program version scenario seed partial inputs config metrics expect \
		histograms explain machine | same - got
}

machine_members()
{
	object two.json machine | cut -d ' ' -f 1 >got
	printf '%s\n' events events_per_second simulated_packets_per_second wall_seconds cpu_seconds \
		slowdown peak_memory_bytes | same - got
}

# Each "vm1.KEY" of the configuration is in `list keys` under [guest].
config_in_list()
{
	"$vnicsim" list keys | awk '/^\[/ { on = /^\[guest/ } on && /^  / { print $1 }' | sort >known
	object two.json config | sed -n 's/^vm1\.\([a-z0-9_]*\) .*/\1/p' | sort >used
	[ -s used ] && ! comm -13 known used | grep .
}

# Names of `list metrics` for a guest, patterns spelled out, against what vm2 has.
all_metrics()
{
	"$vnicsim" list metrics | awk '
		/^[^ ]/ { on = /^GUEST\.rx/ }
		!on || !/^  / || $1 ~ /\*.*\*/ { next } # of two words: what is not 0 alone
		$1 !~ /\*/ { print $1; next }
		{
			n = split(substr($0, index($0, ": ") + 2), word, " ")
			for (i = 1; i <= n; i++) {
				name = $1
				sub(/\*/, word[i], name)
				print name
			}
		}' | sort >listed
	object two.json metrics | sed -n 's/^vm2\.tx\.\([^ ]*\) .*/\1/p' | sort >written
	[ "$(wc -l <listed)" -gt 30 ] && ! comm -3 listed written | grep .
}

# By the unit of a study's table: whatever is no time, rate, ratio or mean is a whole number.
whole_counts()
{
	exits 0 "$vnicsim" sweep -q two.ini --out whole || return 1
	awk -F, '$NF ~ /^(packets|bytes|copies|transfers|segments|exits|interrupts|kicks|pages)$/ &&
		$(NF - 2) !~ /mean/ {
			n++
			if ($(NF - 1) !~ /^[0-9]+$/) { print; bad = 1 }
		}
		END { exit bad || n < 100 }' whole/results.csv
}

few_decimals()
{
	! object "$1" metrics | grep -E '\.[0-9]{4,}$|[eE][-+]?[0-9]+$' | grep -v digest
}

digest_form() { json two.json metrics vm1.rx.digest | grep -qxE '[0-9a-f]{16}'; }

again()
{
	exits 0 "$vnicsim" run -q "$1" --json a.json && exits 0 "$vnicsim" run -q "$1" --json b.json || return 1
	without_machine a.json >a
	without_machine b.json >b
	[ -s a ] && same a b
}

histogram_counts()
{
	json_is two.json ns histograms vm1.rx.latency_ns unit &&
		json_is two.json 200 histograms vm1.rx.latency_ns count &&
		[ "$(awk '/"vm1.rx.latency_ns": {/ { on = 1 }
			on && /^ +\[[0-9.]+, [0-9.]+, [0-9]+\]/ { gsub(/[][,]/, ""); sum += $3 }
			on && /^    }/ { print sum; exit }' two.json)" = 200 ]
}

conserved()
{
	exits 0 "$vnicsim" run -q flood.ini --json flood.json || return 1
	object flood.json metrics | awk '
		{ v[$1] = $2 }
		/^vm1\.rx\.drops\./ { reasons += $2 }
		END {
			print v["vm1.rx.packets"], v["vm1.rx.delivered"], v["vm1.rx.drops"], reasons
			sum = v["vm1.rx.delivered"] + v["vm1.rx.drops"] + v["vm1.rx.resident"]
			exit !(v["vm1.rx.packets"] == 3000 && sum == 3000 && v["vm1.rx.drops"] > 0 &&
				v["vm1.rx.drops"] == reasons)
		}'
}

inputs_of_capture()
{
	local sum
	sed "s|@|$root/traces|" >trace.ini <<-'END'
		[nic eth0]
		[guest vm1]
		[traffic web]
		trace = @/web-kv-dns.pcap
		to = vm1
	END
	sum=$(sha256sum "$root/traces/web-kv-dns.pcap" | cut -d ' ' -f 1)
	exits 0 "$vnicsim" run trace.ini --json trace.json &&
		grep -qF '"name": "web-kv-dns.pcap"' trace.json &&
		grep -qF "\"sha256\": \"$sum\"" trace.json && grep -qE '"frames": 4366\b' trace.json &&
		metric_is trace.json 4366 vm1.rx.packets
}

test_options()
{
	check "--set of a guest's key" set_is vm1.policy copy vm1.policy=copy
	check "--set with blanks" set_is vm1.policy copy "vm1.policy = copy"
	check "--set of all guests" set_is vm2.policy copy guest.policy=copy
	check "--set of a single group" set_is iommu.mode strict iommu.mode=strict
	check "the later --set wins" set_is vm1.policy zero-copy vm1.policy=copy --set vm1.policy=zero-copy
	check "--set leaves the others alone" set_is vm2.policy single-copy vm1.policy=copy
	check "--seed sets the seed" seed_is 7
	check "... and another one draws other times" seeds_differ
	check "--set of an expectation is judged" \
		fails_check 1 'FAIL two.ini vm1.rx.delivered 1 200' two.ini --set expect.vm1.rx.delivered=1
	check "--quiet prints nothing" quiet run two.ini
	check "... nor does a sweep" quiet sweep sweep.ini --out quiet
	check "--json - has the JSON alone on stdout" json_stdout
	check "... and the table on stderr" says "vm1" "rx" "200"
	check "... which --quiet leaves out" json_quiet
	check "run writes no file unless asked" no_file
	check "--out has the result and both tables" out_folder
	check "--json replaces an older result" replaced
}

set_is()
{
	exits 0 "$vnicsim" run -q two.ini --json set.json --set "${@:3}" && config_is set.json "$2" "$1"
}

seed_is()
{
	exits 0 "$vnicsim" run -q two.ini --json seed.json --seed "$1" &&
		json_is seed.json "$1" seed && config_is seed.json "$1" scenario.seed
}

seeds_differ()
{
	"$vnicsim" run -q flood.ini --seed 1 --json a.json
	"$vnicsim" run -q flood.ini --seed 2 --json b.json
	[ "$(json a.json metrics vm1.rx.latency_ns.mean)" != "$(json b.json metrics vm1.rx.latency_ns.mean)" ]
}

quiet() { exits 0 "$vnicsim" "$@" --quiet && silent && [ ! -s "$out" ]; }
json_stdout() { exits 0 "$vnicsim" run two.ini --json - && json_is_whole "$out" && metric_is "$out" 200 vm1.rx.packets; }
json_quiet() { exits 0 "$vnicsim" run -q two.ini --json - && json_is_whole "$out" && silent; }

no_file()
{
	mkdir alone
	cp two.ini alone
	(cd alone && "$vnicsim" run two.ini >/dev/null && ls -A) >left
	[ "$(cat left)" = two.ini ]
}

out_folder()
{
	exits 0 "$vnicsim" run -q two.ini --out deep/folder || return 1
	[ "$(cd deep/folder && echo *)" = "results.csv two.json wide.csv" ] && json_is_whole deep/folder/two.json
}

replaced()
{
	yes old | head -n 100000 >old.json
	exits 0 "$vnicsim" run -q two.ini --json old.json && json_is_whole old.json
}

test_sweep()
{
	check "sweep runs every point" exits 0 "$vnicsim" sweep sweep.ini --out study
	check "... prints a row for each, and the keys" prints "guest.policy" "bulk.size" "zero-copy" "1500B"
	check "... one result a point and repeat" point_files
	check "... that says which it is" point_says
	check "the tidy table has its header" head_is study/results.csv \
		point,repeat,seed,guest_policy,traffic_bulk_size_bytes,object,direction,metric,value,unit
	check "... and numbers only, on every line of it" tidy_numbers
	check "the wide table has a row a point and repeat" wide_rows
	check "both tables say the same" tables_agree
	check "... and what the result files say" table_and_json
	check "the last key varies fastest" points_order
	check "a swept time stands in nanoseconds, in a column that says so" time_column
	check "repeats differ in their seed, points do not" repeat_seeds
	check "two threads write the same bytes" threads_agree
	check "without --out the folder is out/ and the scenario's name" default_folder
	check "another study is refused, or takes the place of the one that is there" other_study
	check "the base point of a swept file is run by run" base_of_sweep
}

point_files()
{
	ls study >left
	printf '%s\n' point-000{1..4}{-r2,}.json results.csv study.json summary.{csv,json} wide.csv |
		LC_ALL=C sort | same - left || return 1
	local file
	for file in study/*.json; do
		json_is_whole "$file" || return 1
	done
}

point_says()
{
	json_is study/point-0003-r2.json 3 point number && json_is study/point-0003-r2.json 2 point repeat &&
		config_is study/point-0003-r2.json zero-copy vm1.policy
}

head_is() { [ "$(head -n 1 "$1")" = "$2" ] || { head -n 1 "$1"; return 1; }; }

tidy_numbers()
{
	awk -F, 'NR > 1 && (NF != 10 || $9 !~ /^[0-9]+(\.[0-9]+)?$/ || $5 !~ /^(100|1500)$/) { print; bad = 1 }
		END { exit bad || NR < 500 }' study/results.csv
}

wide_rows()
{
	awk -F, 'NR == 1 { n = NF } NF != n { bad = 1 } END { exit bad || NR != 9 || n < 100 }' study/wide.csv
}

tables_agree()
{
	awk -F, '
		NR == FNR && FNR > 1 {
			tidy[$1 "," $2 "," $6 "." ($7 == "" ? "" : $7 ".") $8] = $9
			n++
		}
		NR == FNR { next }
		FNR == 1 { for (i = 1; i <= NF; i++) name[i] = $i; next }
		{
			for (i = 6; i <= NF; i++) {
				want = $1 "," $2 "," name[i]
				if ($i == "")
					continue
				if (!(want in tidy) || tidy[want] != $i) { print want, $i, tidy[want]; bad = 1 }
				found++
			}
		}
		END { exit bad || n != found || !n }' study/results.csv study/wide.csv
}

table_and_json()
{
	object study/point-0002.json metrics | grep -vE ' null$|digest|bound_by' | sort >a
	awk -F, '$1 == 2 && $2 == 1 { print $6 "." ($7 == "" ? "" : $7 ".") $8, $9 }' study/results.csv | sort >b
	[ -s a ] && same a b
}

points_order()
{
	awk -F, '$2 == 1 && !seen[$1]++ { print $1, $4, $5 }' study/results.csv >a
	printf '%s\n' '1 copy 100' '2 copy 1500' '3 zero-copy 100' '4 zero-copy 1500' | same - a
}

time_column()
{
	exits 0 "$vnicsim" sweep -q two.ini --set "sweep.bulk.start=1us, 2500ps" --out times &&
		cut -d , -f 4 times/results.csv | uniq >got && printf '%s
' traffic_bulk_start_ns 1000 2.5 | same - got
}

repeat_seeds()
{
	awk -F, 'NR > 1 { print $2, $3 }' study/results.csv | sort -u >a
	[ "$(wc -l <a)" = 2 ] && grep -qx '1 9' a
}

threads_agree()
{
	exits 0 "$vnicsim" sweep -q sweep.ini -j 2 --out threads && same study/results.csv threads/results.csv &&
		same study/wide.csv threads/wide.csv
}

default_folder()
{
	exits 0 "$vnicsim" sweep -q sweep.ini && same study/results.csv out/sweep/results.csv
}

other_study()
{
	fails 2 "threads: holds another study (sweep.ini, 4 points x 2)" "--out" "--fresh" -- \
		"$vnicsim" sweep -q two.ini --out threads || return 1
	[ -e threads/point-0004.json ] && exits 0 "$vnicsim" sweep -q two.ini --out threads --fresh &&
		[ ! -e threads/point-0004.json ] && [ ! -e threads/summary.csv ] &&
		[ ! -e threads/point-0001-r2.json ]
}

base_of_sweep()
{
	exits 0 "$vnicsim" run sweep.ini --json base.json && prints "base point" &&
		config_is base.json single-copy vm1.policy && ! grep -q '"point":' base.json
}

test_check()
{
	check "check passes where all holds" exits 0 "$vnicsim" check sweep.ini
	check "... with a line for each point and expectation" lines_of_check
	check "... in the order of the points, then the sum" last_line "16 passed, 0 failed, 0 skipped"
	check "a condition of [expect] holds at its points only" conditions
	check "check --quiet prints the sum alone" check_quiet
	check "an expectation that fails is exit 1" \
		fails_check 1 'FAIL two.ini vm1.rx.delivered 199 200' two.ini --set expect.vm1.rx.delivered=199
	check "... a run says so in its table, and is done" run_says_failed
	check "a pattern is judged for each object" pattern_lines
	check "a latency of no packet fails whatever is asked" \
		fails_check 1 'FAIL two.ini vm2.rx.latency_ns.p99 <1s null' two.ini --set 'expect.vm2.rx.latency_ns.p99=< 1s'
	check "a ratio of nothing fails too" \
		fails_check 1 'FAIL two.ini vm2.rx.copies_per_packet 0 null' two.ini --set expect.vm2.rx.copies_per_packet=0
	check "a file without expectations is skipped, with the reason" \
		fails_check 0 'SKIP two.ini expect - - (' two.ini
	check "several files are judged in order" two_files
	check "the verdicts stand in the result" verdict_in_json
	check "check --json has all the verdicts" check_json
	for want in 200 '= 200' '< 201' '<= 200' '> 199' '>= 200' '!= 199' '199..200' '190 ~ 6%'; do
		check "an expectation '$want' passes" exits 0 "$vnicsim" check two.ini --set "expect.vm1.rx.delivered=$want"
	done
	for want in 199 '= 201' '< 200' '<= 199' '> 200' '>= 201' '!= 200' '201..300' '190 ~ 5%'; do
		check "an expectation '$want' fails" exits 1 "$vnicsim" check two.ini --set "expect.vm1.rx.delivered=$want"
	done
	check "a time is compared in its unit" exits 0 "$vnicsim" check two.ini \
		--set 'expect.vm1.rx.latency_ns.max=100ns..1ms'
	check "a rate is compared in its unit" exits 0 "$vnicsim" check two.ini \
		--set 'expect.vm1.rx.throughput_bps=1Gbit/s ~ 1%'
}

lines_of_check()
{
	grep -cE '^PASS sweep\.ini \[guest\.policy=(copy|zero-copy) bulk\.size=[0-9]+B repeat=[12]\] [a-z0-9.*_]+ [^ ]+ [^ ]+$' \
		"$out" >a
	[ "$(cat a)" = 16 ] || { cat "$out"; return 1; }
}

last_line() { [ "$(tail -n 1 "$out")" = "$1" ] || { tail -n 1 "$out"; return 1; }; }

conditions()
{
	[ "$(grep -c 'policy=copy .*host_copies_per_packet 2 2$' "$out")" = 4 ] &&
		[ "$(grep -c 'policy=zero-copy .*host_copies_per_packet 0 0$' "$out")" = 4 ] &&
		[ "$(grep -c host_copies "$out")" = 8 ]
}

check_quiet()
{
	exits 0 "$vnicsim" check -q sweep.ini && silent && [ "$(wc -l <"$out")" = 1 ] &&
		last_line "16 passed, 0 failed, 0 skipped"
}

# fails_check CODE LINE ARGUMENT...: the code, and a line that begins so.
fails_check()
{
	exits "$1" "$vnicsim" check "${@:3}" || return 1
	awk -v want="$2" 'index($0, want) == 1 { found = 1 } END { exit !found }' "$out" || { cat "$out"; return 1; }
}

run_says_failed()
{
	exits 0 "$vnicsim" run two.ini --set expect.vm1.rx.delivered=199 &&
		prints "0 passed, 1 failed" "want 199, got 200"
}

pattern_lines()
{
	exits 0 "$vnicsim" check two.ini --set 'expect.vm*.rx.drops=0' &&
		prints "PASS two.ini vm1.rx.drops 0 0" "PASS two.ini vm2.rx.drops 0 0" "2 passed"
}

two_files()
{
	exits 0 "$vnicsim" check two.ini sweep.ini --set 'expect.vm1.rx.packets=> 0' &&
		[ "$(sed -n 1p "$out")" = "PASS two.ini vm1.rx.packets >0 200" ] && grep -q '^PASS sweep.ini ' "$out"
}

verdict_in_json()
{
	exits 0 "$vnicsim" run -q two.ini --set expect.vm1.rx.delivered=199 --json v.json || return 1
	tr -d ' \n' <v.json | grep -qF \
		'"expect":[{"metric":"vm1.rx.delivered","want":"199","got":"200","verdict":"FAIL"}]'
}

check_json()
{
	exits 1 "$vnicsim" check sweep.ini --set expect.vm1.rx.delivered=1 --json c.json && json_is_whole c.json &&
		[ "$(grep -c '"verdict": "PASS"' c.json)" = 16 ] && [ "$(grep -c '"verdict": "FAIL"' c.json)" = 8 ]
}

test_list()
{
	check "list policies has the policies" exits 0 "$vnicsim" list policies
	check "... with their help" prints "copy " "single-copy " "zero-copy "
	check "... and each can be named in a scenario" each_policy
	check "list keys has the groups" listed keys "[scenario]" "[host]" "[iommu]" "[nic NAME]" "[guest NAME]" "[traffic NAME]"
	check "... and each key is of the form of a key" key_forms
	check "list metrics has the objects" listed metrics "GUEST.rx|tx|local" "copies_per_packet" "latency_ns.p99"
	check "list systems ends well" exits 0 "$vnicsim" list systems
	check "lists have no blanks at the end of a line" no_trailing policies keys metrics systems
}

listed() { exits 0 "$vnicsim" list "$1" && silent && prints "${@:2}"; }

each_policy()
{
	local policy
	for policy in $("$vnicsim" list policies | awk '{ print $1 }'); do
		exits 0 "$vnicsim" run -q two.ini --set "guest.policy=$policy" || return 1
	done
	[ -n "${policy:-}" ]
}

key_forms()
{
	"$vnicsim" list keys | awk '/^  / && $1 !~ /^[a-z][a-z0-9_]*$/ { print; bad = 1 } END { exit bad }'
}

no_trailing()
{
	local topic
	for topic in "$@"; do
		! "$vnicsim" list "$topic" | grep -nE '[[:blank:]]$' || return 1
	done
}

# 16 guests have 32 directions.
long_table()
{
	sed 's/vm1\.\.vm2/vm1..vm16/; s/^to = vm1/to = vm1..vm16/' two.ini >many.ini
	printf '[traffic up]\nfrom = vm1..vm16\npackets = 160\nrate = 1Gbit/s\n[traffic across]\nfrom = vm1\nto = vm2\npackets = 9\nrate = 1Gbit/s\n' >>many.ini
	exits 0 "$vnicsim" run many.ini || return 1
	[ "$(sed -n '/^frames/,/^$/p' "$out" | grep -cE '^  guests  (rx|tx|local) ')" = 3 ] || { cat "$out"; return 1; }
	prints "more; --json has them all"
}

whole_capture()
{
	exits 0 "$vnicsim" run "$root/scenarios/demo.ini" --set web.loop=1 && ! grep -q '^captures' "$out"
}

test_table()
{
	check "the table of a run fits 80 columns" narrow two.ini
	check "... without blanks at the end of a line" trailing
	check "... its columns stand below their heads" aligned
	check "... says scenario and seed first" [ "$(head -n 1 "$out")" = "two.ini, seed 5" ]
	check "... what was delivered, with separators" rounded
	check "the table of drops fits 80 columns" narrow flood.ini
	check "... without blanks at the end of a line" trailing
	check "... its columns stand below their heads" aligned
	check "... and names the drops' reason" prints "$(drop_reason)"
	check "a long table keeps the total of all guests" long_table
	check "what is not replayed of a capture is told" exits 0 "$vnicsim" run "$root/scenarios/demo.ini" \
		--set web.loop=1 --set "web.filter=tcp port 80"
	check "... below the frames" prints captures "filtered out" "  web          0         3,372"
	check "... and nothing of one that is, as it is" whole_capture
	check "the table of a sweep has no blanks at the end of a line" sweep_table
}

narrow()
{
	exits 0 "$vnicsim" run "$1" && silent || return 1
	awk 'length > 80 { print length ": " $0; bad = 1 } END { exit bad }' "$out"
}

trailing() { ! grep -nE '[[:blank:]]$' "$out"; }

# In the first table every field of a row ends where its head ends.
aligned()
{
	awk '
		function ends(line, end,   i, n) {
			for (i = 1; i <= length(line); i++)
				if (substr(line, i, 1) != " " && substr(line, i + 1, 1) ~ /^ ?$/)
					end[++n] = i
			return n
		}
		/^frames/ { on = 1; next }
		on && !heads { heads = ends($0, head); next }
		on && $0 == "" { exit }
		on {
			n = ends($0, cell)
			rows++
			for (i = 0; i < heads; i++)
				if (cell[n - i] != head[heads - i]) { print; bad = 1 }
		}
		END { exit bad || !rows || heads < 5 }' "$out"
}

rounded()
{
	exits 0 "$vnicsim" run two.ini --set bulk.packets=12345 && prints "12,345"
}

drop_reason() { object flood.json metrics | sed -n 's/^vm1\.rx\.drops\.\([a-z_]*\) [1-9].*/\1/p' | head -n 1; }

sweep_table()
{
	exits 0 "$vnicsim" sweep sweep.ini --out study || return 1
	trailing
}

test_plot()
{
	if ! command -v gnuplot >/dev/null; then
		skip "a study is plotted" "gnuplot is missing"
		return
	fi
	check "a study is plotted into its folder" exits 0 "$vnicsim" plot study
	check "... as PNG, SVG and PDF, with data and script beside them" plot_files study/plots
	check "results are plotted where --out says" exits 0 "$vnicsim" plot two.json flood.json --out figures
	check "... as PNG, SVG and PDF, with data and script beside them" plot_files figures
}

plot_files()
{
	local kind
	for kind in png svg pdf dat gp; do
		[ -s "$1/copies.$kind" ] || { ls "$1"; return 1; }
	done
}

test_result_file
test_options
test_sweep
test_check
test_list
test_table
test_plot
finish
