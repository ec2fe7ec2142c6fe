#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_inside.sh - run --trace, run --pcap and packet, from the command line: what is written where,
# what others read of it, and what is refused with which code.
#
# That timelines add up and captures read back is in test_trace.c and test_look.c. B is the build
# folder. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cd "$tmp" || exit 1

cat >two.ini <<-'END'
	[nic eth0]
	[guest vm1]
	[traffic bulk]
	to = vm1
	size = 1000B
	rate = 1Gbit/s
	packets = 200
	[traffic back]
	from = vm1
	size = 100B
	pps = 1e5
	packets = 50
END

# ---- what is written ----

writes_nothing_else()
{
	exits 0 "$vnicsim" run -q two.ini --trace t.json --pcap wire=w.pcap --pcap vm1=v.pcap || return 1
	[ "$(ls)" = "$(printf 't.json\ntwo.ini\nv.pcap\nw.pcap')" ] || { ls; return 1; }
}
check "files appear under their names, and nothing else" writes_nothing_else

same_results()
{
	"$vnicsim" run -q two.ini --json plain.json && "$vnicsim" run -q two.ini --json - \
		--trace t.json --pcap hypervisor=h.pcap 2>/dev/null >seen.json || return 1
	diff <(sed '/"machine"/,$d' plain.json) <(sed '/"machine"/,$d' seen.json)
}
check "results are the same, seen or not" same_results

says_that_it_was_cut()
{
	exits 0 "$vnicsim" run -q two.ini --trace t.json --trace-packets 20 && says 't.json: ends at' &&
		tail -n 1 t.json | grep -q '"packets":20,.*"cut":true' || return 1
	exits 0 "$vnicsim" run -q two.ini --trace t.json && silent && tail -n 1 t.json | grep -q '"cut":false'
}
check "a timeline says that it was cut, if it was" says_that_it_was_cut

no_file_of_a_failed_run()
{
	rm -f t.json w.pcap
	exits 4 "$vnicsim" run -q two.ini --set scenario.max_time=100us --trace t.json --pcap wire=w.pcap
	[ ! -e t.json ] && [ ! -e w.pcap ] && [ -z "$(ls ./*.part-* 2>/dev/null)" ]
}
check "a run that fails leaves no file, nor a part of one" no_file_of_a_failed_run

# ---- what others read ----

frames()
{
	case $1 in
	tcpdump) tcpdump -nr "$2" 2>/dev/null | wc -l ;;
	*) tshark -nr "$2" 2>/dev/null | wc -l ;;
	esac
}

reads()
{
	"$vnicsim" run -q two.ini --pcap wire=w.pcap --pcap hypervisor=h.pcap --pcap vm1=v.pcap || return 1
	for file in w h v; do
		[ "$(frames "$1" $file.pcap)" = 250 ] || { echo "$file.pcap: $(frames "$1" $file.pcap)"; return 1; }
	done
}
for tool in tcpdump tshark; do
	if command -v $tool >/dev/null; then
		check "$tool reads each frame of each point" reads $tool
	else
		skip "$tool reads each frame of each point" "$tool is not installed"
	fi
done

stamps()
{
	command -v tcpdump >/dev/null || return 0
	"$vnicsim" run -q two.ini --set back.packets=1 --set bulk.packets=1 --set bulk.start=2s --pcap wire=w.pcap &&
		tcpdump --nano -ttnr w.pcap 2>/dev/null | tail -n 1 | grep -q '^2\.000000819 '
}
check "stamps are simulated time, to the nanosecond" stamps

# ---- packet ----

is_a_table()
{
	exits 0 "$vnicsim" packet two.ini back:7 || return 1
	[ "$(awk '{ if (length > n) n = length } END { print n }' "$out")" -le 80 ] || return 1
	! grep -q '[[:cntrl:]]' <(tr -d '\n' <"$out") && grep -q '^back:7: 100 bytes, vm1 to wire (tx)' "$out" &&
		grep -q ' delivered$' "$out"
}
check "a story is a table of 80 columns" is_a_table

is_json()
{
	exits 0 "$vnicsim" packet two.ini 7 --json - -q && grep -q '"packet": "bulk:7"' "$out" &&
		exits 0 "$vnicsim" packet two.ini 7 --json s.json && grep -q '"end": "delivered"' s.json
}
check "a story is JSON, too" is_json

# ---- what is refused ----

refused()
{
	local code=$1 word=$2
	shift 2
	rm -f t.json w.pcap
	exits "$code" "$vnicsim" "$@" && says "$word" && [ ! -e t.json ] && [ ! -e w.pcap ]
}
check "no such point" refused 2 'no point "vm2"' run -q two.ini --pcap vm2=w.pcap
check "a trace of a negative number of packets" refused 2 '0 for all' run -q two.ini --trace t.json --trace-packets -2
check "a point without a file" refused 2 'POINT=FILE' run -q two.ini --pcap wire
check "a capture that cannot be written" refused 6 'cannot be written' run -q two.ini --pcap wire=no/w.pcap
check "a timeline that cannot be written" refused 6 'cannot be written' run -q two.ini --trace no/t.json
check "a folder as a timeline" refused 6 'cannot be written' run -q two.ini --trace .
check "one of two that cannot be written" refused 6 'cannot be written' run -q two.ini --trace t.json --pcap wire=no/w.pcap
check "a full disk" refused 6 'cannot be written' run -q two.ini --trace /dev/full
check "bounds without a timeline" refused 2 'need --trace' run -q two.ini --trace-for 1ms
check "a time without a unit" refused 2 'trace-from' run -q two.ini --trace t.json --trace-from 5
check "a timeline of no time" refused 2 'more than 0' run -q two.ini --trace t.json --trace-for 0
check "a snap length without a capture" refused 2 'snaplen' run -q two.ini --snaplen 64
check "a snap length of no header" refused 2 'snaplen' run -q two.ini --snaplen 3 --pcap wire=w.pcap
check "a packet that is none" refused 2 'no packet' packet two.ini seven
check "a packet beyond the last" refused 2 'no frame 200' packet two.ini 200
check "a packet of no traffic" refused 2 'no traffic "bulky"; did you mean' packet two.ini bulky:1
check "no packet" refused 2 'takes a scenario file and a packet' packet two.ini
finish
