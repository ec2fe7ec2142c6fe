#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_bad_input.sh - whatever is wrong with what the user gave, one line says where and what to do.
#
# Each case is a small scenario or capture made here. Judged are the exit code, the one line on
# stderr (place, group, key, remedy), and that no result stands under its name unless it is whole.
# B is the build folder. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

capture=$root/traces/web-kv-dns.pcap
cd "$tmp" || exit 1

# scenario FILE < LINES: a machine that is right, then these lines. They begin at line 7.
scenario()
{
	cat - >"$1.lines"
	{
		printf '%s\n' '[scenario]' 'seed = 1' '[nic eth0]' '[guest vm1]' \
			'mac = 52:54:00:00:00:01' '[traffic t]'
		cat "$1.lines"
	} >"$1"
}

# refused CODE LINE WORD... -- < LINES: run says all the words behind "bad.ini:LINE: ", and writes
# no result.
refused()
{
	local code=$1 line=$2 words=()
	shift 2
	while [ $# -gt 0 ]; do
		words+=("$1")
		shift
	done
	scenario bad.ini
	rm -f bad.json
	fails "$code" "vnicsim: bad.ini:$line: " "${words[@]}" -- \
		"$vnicsim" run bad.ini --json bad.json || return 1
	[ ! -e bad.json ] || { echo "wrote a result"; return 1; }
	[ "$(wc -l <"$err")" = 1 ] || { echo "more than one line"; cat "$err"; return 1; }
}

replay() { printf '%s\n' "trace = $1" 'match = mac'; }
constant() { printf '%s\n' 'to = vm1' 'rate = 1Gbit/s' 'packets = 100' "$@"; }

# bytes HEX...
bytes() { printf '%b' "$(printf '\\x%s' "$@")"; }

# One frame of 60 bytes from 52:54:00:00:00:02 to the address given, link type as given.
one_frame()
{
	bytes 4d 3c b2 a1 02 00 04 00 00 00 00 00 00 00 00 00 00 00 04 00 "$1" 00 00 00
	bytes 01 00 00 00 00 00 00 00 3c 00 00 00 3c 00 00 00
	bytes 52 54 00 00 00 "$2" 52 54 00 00 00 02 88 b5
	printf '%46s' '' | tr ' ' '\0'
}

make_captures()
{
	: >empty.pcap
	head -c 10 "$capture" >header.pcap
	head -c 24 "$capture" >no_frames.pcap
	head -c -5 "$capture" >cut.pcap
	yes 'not a capture' | head -c 4096 >garbage.pcap
	gzip -c "$capture" >packed.pcap
	one_frame 01 01 >one.pcap
	one_frame 01 09 >stranger.pcap
	one_frame 71 01 >cooked.pcap # 113, what `-i any` gives
	{
		head -c 24 "$capture"
		bytes ff ff ff 7f 00 00 00 00 ff ff ff ff ff ff ff ff
	} >damaged.pcap
}

test_captures()
{
	local at="[traffic t] trace: "

	make_captures
	scenario good.ini < <(replay one.pcap)
	check "a capture made here can be replayed" exits 0 "$vnicsim" run good.ini
	check "a missing capture is an input error" \
		refused 3 7 "$at" "missing.pcap" "No such file" < <(replay missing.pcap)
	mkfifo pipe
	replay pipe | scenario piped.ini
	check "a pipe is no capture, and is not waited for" \
		fails 3 "pipe" "regular file" -- timeout 20 "$vnicsim" run piped.ini
	check "a folder is no capture" refused 3 7 "$at" "regular file" < <(replay .)
	check "an empty capture is an input error" \
		refused 3 7 "$at" "empty.pcap" "capture it again" < <(replay empty.pcap)
	check "a capture cut in its header is an input error" \
		refused 3 7 "$at" "header.pcap" "truncated" < <(replay header.pcap)
	check "a capture without frames is an input error" \
		refused 3 7 "$at" "no_frames.pcap" "no frames" < <(replay no_frames.pcap)
	check "a capture cut in its last record is an error, not a shorter capture" \
		refused 3 7 "$at" "cut.pcap" "frame 4366" "incomplete" < <(replay cut.pcap)
	check "a damaged record is an input error" \
		refused 3 7 "$at" "damaged.pcap" "frame 1" < <(replay damaged.pcap)
	check "garbage is an input error" \
		refused 3 7 "$at" "garbage.pcap" "pcap or pcapng" < <(replay garbage.pcap)
	check "a packed capture is told how to unpack" \
		refused 3 7 "$at" "packed.pcap" "gunzip" < <(replay packed.pcap)
	check "a capture of another link type is an input error" \
		refused 3 7 "$at" "cooked.pcap" "LINUX_SLL" "Ethernet" < <(replay cooked.pcap)
	check "a capture with no frame of a guest is an input error" \
		refused 3 7 "$at" "stranger.pcap" "no guest" "set the guests' addresses" \
		< <(replay stranger.pcap)
	check "a filter that leaves nothing is an input error" \
		refused 3 7 "$at" "'tcp port 9'" "widen it" \
		< <(replay one.pcap; echo 'filter = tcp port 9')
	check "a wrong filter is a scenario error at the filter's line" \
		refused 2 9 "[traffic t] filter: " "pcap-filter(7)" \
		< <(replay one.pcap; echo 'filter = tcp prt 9')
	check "a capture needs an end" \
		refused 2 6 "[traffic t]" "set to, from or match" < <(echo 'trace = one.pcap')
	scenario none.ini < <(printf '%s
' 'to = vm1' 'source = poisson' 'pps = 1' 'duration = 1ps')
	check "a run without any frame is an input error" \
		fails 3 "none.ini" "no frame was offered" "duration" -- "$vnicsim" run none.ini
	check "match needs a capture" \
		refused 2 7 "[traffic t] match: " "capture" \
		< <(printf '%s\n' 'match = mac' 'rate = 1Gbit/s' 'packets = 1')
}

test_scenarios()
{
	local at="[traffic t]"

	check "an unknown key gets the nearest name" \
		refused 2 10 "$at siez" "did you mean \"size\"" < <(constant 'siez = 64B')
	check "an unknown group gets the nearest name" \
		refused 2 10 "[gest vm2]" "did you mean \"guest\"" < <(constant '[gest vm2]')
	check "an unknown metric gets the nearest name" \
		refused 2 11 "[expect] vm1.rx.dops" "did you mean \"drops\"" \
		< <(constant '[expect]' 'vm1.rx.dops = 0')
	check "a metric of an unknown object gets the nearest name" \
		refused 2 11 "[expect] vm2.rx.drops" "did you mean \"vm1\"" \
		< <(constant '[expect]' 'vm2.rx.drops = 0')
	check "a pattern that matches nothing is an error" \
		refused 2 11 "[expect] web*.rx.drops" < <(constant '[expect]' 'web*.rx.drops = 0')
	check "an expectation that is no number is an error" \
		refused 2 11 "[expect] vm1.rx.drops" < <(constant '[expect]' 'vm1.rx.drops = few')
	check "a run past 200 days is a scenario error" \
		refused 2 6 "$at would last more than 200 days" "shorten it" \
		< <(printf '%s\n' 'to = vm1' 'pps = 1' 'packets = 1e12')
	check "... of a capture, too" \
		refused 2 7 "$at trace: would last more than 200 days" < <(replay one.pcap; printf '%s\n' 'loop = 1e9' 'timing = pps:1')
	check "a swept key without values is an error at its line" \
		refused 2 11 "[sweep] guest.policy" "no value" < <(constant '[sweep]' 'guest.policy =')
	check "a range without a step is told of it" \
		refused 2 11 "[sweep] t.size" "has no step" < <(constant '[sweep]' 't.size = 60B..1514B')
	check "a key twice names the first one's line" \
		refused 2 10 "$at packets" "line 9" < <(constant 'packets = 7')
	check "a group twice names the first one's line" \
		refused 2 10 "[guest vm1]" "line 4" < <(constant '[guest vm1]')
	check "a name of two kinds is taken" \
		refused 2 10 "[guest eth0]" "taken by [nic eth0]" < <(constant '[guest eth0]')
	check "machine memory that rings and buffers do not fit is refused" \
		refused 2 11 "[host] memory" "too little" "or shorter rings" \
		< <(constant '[host]' 'memory = 2MiB')
	check "a reserved name is refused" refused 2 10 "[guest host]" < <(constant '[guest host]')
	check "an undeclared NIC gets the nearest name" \
		refused 2 11 "[guest vm2] nic" "eth1" "did you mean \"eth0\"" \
		< <(constant '[guest vm2]' 'nic = eth1')
	check "an undeclared receiver gets the nearest name" \
		refused 2 7 "$at to" "vm9" "vm1" < <(printf '%s\n' 'to = vm9' 'rate = 1Gbit/s' 'packets = 1')
	check "a number without its unit is told the units" \
		refused 2 8 "$at rate" "no unit" "Gbit/s" \
		< <(printf '%s\n' 'to = vm1' 'rate = 1' 'packets = 1')
	check "a wrong unit is told the right ones" \
		refused 2 8 "$at rate" "Gbit/s" \
		< <(printf '%s\n' 'to = vm1' 'rate = 1GiB' 'packets = 1')
	check "a time is no size" refused 2 10 "$at size" "B" < <(constant 'size = 64us')
	check "a value below its range is told the range" \
		refused 2 11 "[host] cores" "1" "256" < <(constant '[host]' 'cores = 0')
	check "a value above its range is told the range" \
		refused 2 11 "[host] cores" "1" "256" < <(constant '[host]' 'cores = 1000')
	check "a number beyond 64 bits is refused" \
		refused 2 10 "$at start" < <(constant 'start = 99999999999999999999s')
	check "a frame below the smallest is told the range" \
		refused 2 10 "$at size" "60B" < <(constant 'size = 10B')
	check "a queue that is no power of two is told so" \
		refused 2 11 "[guest] queue_size" "power of two" < <(constant '[guest]' 'queue_size = 3')
	check "an unknown choice gets the nearest one" \
		refused 2 11 "[guest] policy" "zerocopy" "did you mean \"zero-copy\"" \
		< <(constant '[guest]' 'policy = zerocopy')
	check "a wrong address shows a right one" \
		refused 2 11 "[guest vm2] mac" "52:54:00" < <(constant '[guest vm2]' 'mac = 1:2:3')
	check "a source without an end is refused" \
		refused 2 6 "$at" "packets" "duration" < <(printf '%s\n' 'to = vm1' 'rate = 1Gbit/s')
	check "a key before any group is refused" one_line_file 'seed = 1' 2 "bad.ini:1: "
	check "a line that is no key is told its number" \
		refused 2 10 "what is this" < <(constant 'what is this')
	check "a comparison in the key is told the right spelling" \
		refused 2 11 "vm1.rx.drops" "= <" < <(constant '[expect]' 'vm1.rx.drops <= 0')
	check "a swept key that does not exist gets the nearest one" \
		refused 2 11 "[sweep] guest.polcy" "policy" \
		< <(constant '[sweep]' 'guest.polcy = copy, zero-copy')
	check "a swept value out of range names its point's line" \
		refused 2 11 "[sweep]" "cores" < <(constant '[sweep]' 'host.cores = 1, 0')
	check "max_time passed is exit 4" \
		fails 4 "--set: [scenario] max_time: 1ns passed" "allow more time" -- \
		"$vnicsim" run good.ini --set scenario.max_time=1ns
	check "a file of text only is refused" one_line_file 'hello' 2 "bad.ini:1: "
	check "an empty file is refused" one_line_file '' 2 "bad.ini: " "group"
	check "a file of control characters is refused" one_line_file $'\e[2J\a' 2 "bad.ini:1: "
}

# one_line_file TEXT CODE WORD...
one_line_file()
{
	printf '%s' "$1" >bad.ini
	fails "$2" "${@:3}" -- "$vnicsim" run bad.ini
}

# scenario, but of DMA benches; the lines begin at line 4.
benches()
{
	{ printf '%s\n' '[scenario]' 'seed = 1' '[dma d]'; cat -; } >bad.ini
}

test_benches()
{
	benches < <(echo 'memory_node = 1')
	check "a node that is not there is told at the key that names it" \
		fails 2 "bad.ini:4: [dma d] memory_node: " "[host] nodes" -- "$vnicsim" run bad.ini
	benches </dev/null
	check "max_time counts DMA operations, not frames" \
		fails 4 "max_time: 1ns passed with 256 DMA operations under way" -- \
		"$vnicsim" run bad.ini --set scenario.max_time=1ns
	check "what can be measured is named once" \
		fails 2 "known: guests, host, iommu, d, dmas, run" -- \
		"$vnicsim" run bad.ini --set expect.x=1
}

test_paths()
{
	constant | scenario syn.ini
	check "a missing scenario is named" \
		fails 2 "absent.ini" "No such file" -- "$vnicsim" run absent.ini
	check "a folder is no scenario" fails 2 "folder" -- "$vnicsim" run .
	if [ "$(id -u)" = 0 ]; then
		skip "an unreadable scenario is named" "root reads every file"
	else
		cp syn.ini locked.ini
		chmod 0 locked.ini
		check "an unreadable scenario is named" \
			fails 2 "locked.ini" "Permission denied" -- "$vnicsim" run locked.ini
	fi
	printf '%s
' '[scenario]' 'extends = absent.ini' >bad.ini
	check "an extended scenario that is missing is named" \
		fails 2 "bad.ini:2: [scenario] extends: " "absent.ini" -- "$vnicsim" run bad.ini
}

test_usage()
{
	check "no verb is a usage error" fails 2 "vnicsim run" -- "$vnicsim"
	check "a scenario where the verb should be" fails 2 "a verb comes first: vnicsim run syn.ini" \
		-- "$vnicsim" syn.ini
	check "an option where the verb should be" fails 2 "a verb comes first" -- "$vnicsim" --quiet
	check "help of an unknown verb" fails 2 "did you mean \"check\"" -- "$vnicsim" help chek
	check "scenario and packet the wrong way round" fails 2 "takes the scenario first" \
		-- "$vnicsim" packet 17 syn.ini
	check "an unknown verb gets the nearest one" \
		fails 2 "no verb \"chek\"" "did you mean \"check\"" -- "$vnicsim" chek syn.ini
	check "an unknown option points to the help" \
		fails 2 "--jsn" "vnicsim run --help" -- "$vnicsim" run --jsn x syn.ini
	check "an option without its value is a usage error" fails 2 "--json" -- "$vnicsim" run syn.ini --json
	check "run takes one file" fails 2 "one scenario" -- "$vnicsim" run syn.ini syn.ini
	check "run takes a file" fails 2 "one scenario" -- "$vnicsim" run
	check "check takes files" fails 2 "scenario files" -- "$vnicsim" check
	check "list takes a topic" fails 2 "policies keys metrics systems" -- "$vnicsim" list
	check "an unknown topic gets the nearest one" \
		fails 2 "did you mean \"metrics\"" -- "$vnicsim" list metric
	check "--set without a value shows a right one" \
		fails 2 "GROUP.KEY=VALUE" -- "$vnicsim" run syn.ini --set vm1.policy
	check "--set of an unknown key gets the nearest one" \
		fails 2 "--set" "did you mean \"policy\"" -- "$vnicsim" run syn.ini --set vm1.polcy=copy
	check "--set of an unknown object gets the nearest one" \
		fails 2 "--set" "vm1" -- "$vnicsim" run syn.ini --set vm7.policy=copy
	check "a seed is a number" fails 2 "abc" -- "$vnicsim" run syn.ini --seed abc
	check "-j is a number of threads" fails 2 "-j" -- "$vnicsim" sweep syn.ini -j 1000 --out out
	check "a result to plot must be there" fails 2 "absent.json" -- "$vnicsim" plot absent.json
	check "--version says the program and exits 0" version_line
	check "--help exits 0 and lists the verbs" help_of "" run sweep check plot list
	for verb in run sweep check plot list; do
		check "$verb --help exits 0 and has an example" help_of "$verb" "vnicsim $verb " --help
	done
}

version_line()
{
	exits 0 "$vnicsim" --version && silent && [ "$(wc -l <"$out")" = 1 ] &&
		grep -qE '^vnicsim [0-9]+\.[0-9]+' "$out"
}

help_of()
{
	exits 0 "$vnicsim" ${1:+"$1"} --help && silent && prints "${@:2}"
}

no_results() { [ -z "$(find . -newer mark ! -name . -name "$1*")" ] || { find . -newer mark; return 1; }; }

# Writes to a file system of 64 KiB that only this command sees; lists what it left there.
on_tiny_disk()
{
	# shellcheck disable=SC2016
	unshare -m sh -c 'mkdir -p tiny && mount -t tmpfs -o size=64k tiny tiny || exit 99
		head -c "$1" /dev/zero >tiny/filler; shift
		"$@"; code=$?
		(cd tiny && find . -type f ! -name filler) >left
		exit $code' sh "$@"
}

test_output()
{
	local disk_full="No space left"

	check "an output folder below a file is an output error" \
		fails 6 "syn.ini/x" "cannot be written" -- "$vnicsim" run syn.ini --out syn.ini/x
	check "... of a sweep too" \
		fails 6 "syn.ini/x" "cannot be written" -- "$vnicsim" sweep syn.ini --out syn.ini/x
	check "an output folder that cannot be made is an output error" \
		fails 6 "/proc/x" "cannot be written" -- "$vnicsim" run syn.ini --out /proc/x
	check "a result below a missing folder is an output error" \
		fails 6 "absent/x.json" "cannot be written" -- "$vnicsim" run syn.ini --json absent/x.json
	check "a result that is a folder is an output error" \
		fails 6 "cannot be written" -- "$vnicsim" run syn.ini --json .
	check "a result that cannot be made is an output error" \
		fails 6 "/proc/x.json" "cannot be written" -- "$vnicsim" run -q syn.ini --json /proc/x.json
	check "what cannot be written is found out before the run" \
		fails 6 "absent/x.json" -- timeout 20 "$vnicsim" run syn.ini --set t.packets=1e12 --json absent/x.json
	check "a full device is an output error" \
		fails 6 "/dev/full" "$disk_full" -- "$vnicsim" run -q syn.ini --json /dev/full
	check "a full standard output is an output error" to_full run syn.ini
	check "... of JSON too" to_full run -q syn.ini --json -
	check "... of a list too" to_full list keys
	check "... of the help too" to_full run --help
	check "... and it is said once" said_once check syn.ini --set expect.vm1.rx.drops=0 --set expect.vm1.rx.packets=1
	check "an endless file is no result" \
		fails 2 "/dev/zero" "too large" -- "$vnicsim" compare /dev/zero /dev/zero
	check "... and no baseline" \
		fails 2 "/dev/full" "too large" -- "$vnicsim" check syn.ini --baseline /dev/full --update
	if ! unshare -m true 2>/dev/null; then
		skip "a full disk leaves no result under its name" "needs root for a file system of its own"
		skip "a full disk leaves no table of a sweep" "needs root for a file system of its own"
		skip "a read-only folder is an output error" "needs root for a file system of its own"
		return
	fi
	check "a disk with room takes the result" exits 0 on_tiny_disk 0 "$vnicsim" run -q syn.ini --json tiny/r.json
	check "... and nothing else" [ "$(cat left)" = ./r.json ]
	check "a full disk is an output error" \
		fails 6 "tiny/r.json" "$disk_full" -- on_tiny_disk 61440 "$vnicsim" run -q syn.ini --json tiny/r.json
	check "... and leaves neither a result nor a part of one" [ ! -s left ]
	printf '%s\n' '[sweep]' 'vm1.policy = copy, zero-copy' | cat syn.ini - >swept.ini
	check "a disk that fills up in a sweep is an output error" \
		fails 6 "$disk_full" -- on_tiny_disk 32768 "$vnicsim" sweep -q swept.ini --out tiny/study
	check "... and every file there is whole" all_whole
	check "a read-only folder is an output error" \
		fails 6 "cannot be written" -- unshare -m sh -c \
		"mkdir -p fixed && mount -t tmpfs -o ro fixed fixed && exec '$vnicsim' run -q syn.ini --out fixed/r"
}

to_full()
{
	"$vnicsim" "$@" >/dev/full 2>"$err"
	local got=$?
	[ $got = 6 ] || { echo "exit $got"; return 1; }
	says "standard output" "No space left"
}

said_once()
{
	to_full "$@" || return 1
	[ "$(grep -c "standard output" "$err")" = 1 ] || { cat "$err"; return 1; }
}

# Of a sweep cut short, manifest and points may stand; tables and parts of files may not.
all_whole() { ! grep -vE '/(study|point-[0-9]{4})\.json$' left; }

# interrupt COMMAND...: SIGINT after it has begun; its code in $?.
interrupt()
{
	local pid
	# A background job of a script ignores SIGINT unless job control is on.
	set -m
	"$@" >"$out" 2>"$err" &
	pid=$!
	set +m
	sleep 0.5
	kill -INT "$pid" || echo "ended before its time"
	wait "$pid"
}

test_interrupt()
{
	check "SIGINT ends a run with 130" interrupted run syn.ini --set t.packets=1e11 --json cut.json
	check "... whose result is valid JSON" json_is_whole cut.json
	check "... and says that it is partial" json_is cut.json true partial
	check "... and holds what was delivered" some cut.json metrics vm1.rx.delivered
	check "... and the table says it" prints PARTIAL
	check "SIGINT ends a sweep with 130" \
		interrupted sweep syn.ini --set t.packets=1e11 --set "sweep.vm1.policy=copy, zero-copy" --out cut
	check "... and every file of it is whole" whole_folder cut
	check "SIGINT ends a sweep of two threads with 130" \
		interrupted sweep syn.ini -j 2 --set t.packets=1e11 --set "sweep.vm1.policy=copy, zero-copy" --out cut2
	check "SIGINT ends a check with 130" \
		interrupted check syn.ini syn.ini --set t.packets=1e11 --set expect.vm1.rx.drops=0 --junit cut.xml
	check "... and what was not judged is no pass" prints "FAIL syn.ini run" "interrupted"
	check "... in the report for the CI server, either" grep -q '<failure .*interrupted' cut.xml
	check "SIGINT ends a fidelity report with 130" \
		interrupted fidelity "$root"/scenarios/studies/fidelity/*.ini --out cut3
	check "... and rows that are not all leave no report" [ ! -e cut3/fidelity.json ]
}

interrupted()
{
	interrupt timeout --foreground 60 "$vnicsim" "$@"
	local got=$?
	[ $got = 130 ] || { echo "exit $got"; cat "$err"; return 1; }
	says "interrupted"
}

some()
{
	local got
	got=$(json "$@") && [ "$got" -gt 0 ]
}

whole_folder()
{
	local file
	for file in "$1"/*.json; do
		[ -e "$file" ] || continue
		json_is_whole "$file" || return 1
	done
	! find "$1" -name '*.part-*' | grep .
}

test_several()
{
	constant '[expect]' 'vm1.rx.drops = 0' | scenario right.ini
	constant '[expect]' 'vm1.rx.delivered = 1' | scenario wrong.ini
	constant 'siez = 1' | scenario broken.ini
	replay cut.pcap | scenario input.ini
	check "a failed expectation is exit 1, every file judged" several 1 wrong.ini right.ini
	check "of 1 and 2 the higher, every file judged" several 2 broken.ini wrong.ini right.ini
	check "of 1, 2 and 3 the highest, every file judged" \
		several 3 input.ini broken.ini wrong.ini right.ini
	check "... in another order too" several 3 right.ini wrong.ini broken.ini input.ini
	check "a missing file does not stop the others" several 2 absent.ini right.ini
}

# several CODE FILE...: the code, and a line for each file.
several()
{
	local file
	exits "$1" "$vnicsim" check "${@:2}" || return 1
	for file in "${@:2}"; do
		grep -qE "^(PASS|FAIL|SKIP) $file " "$out" || { echo "no line of $file"; cat "$out"; return 1; }
	done
	grep -qx 'PASS right.ini vm1.rx.drops 0 0' "$out" || { cat "$out"; return 1; }
	tail -n 1 "$out" | grep -qE '^1 passed, [0-9]+ failed, 0 skipped$' || { tail -n 1 "$out"; return 1; }
}

test_streams()
{
	check "no control character on a stderr that is no terminal" plain_streams
	check "none from a scenario that holds some" plain_error
	check "a swept file runs its base point and says so" base_point
}

plain_streams()
{
	exits 0 "$vnicsim" run syn.ini --set t.packets=2e5 && silent && no_control "$out"
}

no_control()
{
	! tr -d '\n' <"$1" | LC_ALL=C grep -q '[[:cntrl:]]' || { cat -v "$1" | head -n 5; return 1; }
}

plain_error()
{
	scenario bad.ini < <(constant $'si\e[31mze = 64B')
	exits 2 "$vnicsim" run bad.ini && no_control "$err"
}

base_point()
{
	printf '%s\n' '[sweep]' 'vm1.policy = copy, zero-copy' 't.packets = 5, 6' | cat syn.ini - >swept.ini
	exits 0 "$vnicsim" run swept.ini --json swept.json && prints "base point" "4 points" &&
		json_is swept.json 100 metrics vm1.rx.packets &&
		json_is swept.json single-copy config vm1.policy
}

test_captures
test_scenarios
test_benches
test_paths
test_usage
test_output
test_interrupt
test_several
test_streams
finish
