#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_traces.sh - the committed captures are what traces/README.md says they are.
#
# Reads them with tcpdump only and makes none. Prints TAP; exits 1 if a check failed, 77 if tcpdump
# is missing. TRACES_DIR=dir looks at other captures than those of the tree.
set -uo pipefail
export LC_ALL=C

dir=${TRACES_DIR:-$(dirname "$0")/../traces}
guest=52:54:00:00:00:01
peer=52:54:00:00:00:02
checks=0
failures=0

if ! command -v tcpdump >/dev/null; then
	echo "1..0 # SKIP tcpdump is missing"
	exit 77
fi

# check WHAT CONDITION...: one line of the report; CONDITION is a command of test(1).
check()
{
	local what=$1
	shift
	checks=$((checks + 1))
	if test "$@"; then
		echo "ok $checks - $what"
	else
		failures=$((failures + 1))
		echo "not ok $checks - $what (wanted $*)"
	fi
}

# frames FILE [FILTER]: how many frames match.
frames() { tcpdump -r "$dir/$1" -n "${2-}" 2>/dev/null | wc -l; }

# lengths FILE: the original length of each frame.
lengths()
{
	tcpdump -r "$dir/$1" -n -e 2>/dev/null |
		awk '{ match($0, /length [0-9]+/); print substr($0, RSTART + 7, RLENGTH - 7) }'
}

# backward FILE: how many frames are stamped before their predecessor.
backward()
{
	tcpdump -r "$dir/$1" -n -tt --nano 2>/dev/null | awk '
		{ split($1, t, "."); now = (t[1] % 1000000) + ("0." t[2]); count += now < last; last = now }
		END { print count + 0 }'
}

# row FILE COLUMN: a cell of README's table, without blanks and quotes.
row()
{
	awk -F'|' -v name="\`$1\`" -v column="$2" '
		index($2, name) && NF > 8 { gsub(/[ `]/, "", $column); print $column }' "$dir/README.md"
}

magic() { od -An -tx1 -N4 "$dir/$1" | tr -d ' '; }

check_file()
{
	local file=$1 count bytes most
	read -r count bytes most < <(lengths "$file" | awk '
		{ count++; bytes += $1; most = $1 > most ? $1 : most }
		END { print count + 0, bytes + 0, most + 0 }')
	check "$file has the size README states" "$(stat -c %s "$dir/$file")" = "$(row "$file" 3)"
	check "$file has the packets README states" "$count" = "$(row "$file" 4)"
	check "$file has the bytes README states" "$bytes" = "$(row "$file" 5)"
	check "$file has the largest frame README states" "$most" = "$(row "$file" 7)"
	check "$file has the sum README states" \
		"$(sha256sum <"$dir/$file" | cut -d' ' -f1)" = "$(awk -v f="$file" '$2 == f && NF == 2 { print $1 }' "$dir/README.md")"
	check "$file is a pcap with nanosecond stamps" "$(magic "$file")" = 4d3cb2a1
	check "$file holds whole frames" $((24 + 16 * count + bytes)) = "$(stat -c %s "$dir/$file")"
	check "$file has as many stamps out of order as README states" \
		"$(backward "$file")" = "$(row "$file" 9)"
	check "$file holds frames of the two stations only" \
		"$(frames "$file" "ether src $guest or ether src $peer")" = "$count"
	check "$file holds nothing but IPv4 and ARP" "$(frames "$file" 'ip or arp')" = "$count"
	check "$file holds only documentation addresses" \
		"$(frames "$file" 'src net 192.0.2.0/24 and dst net 192.0.2.0/24')" = "$count"
}

# check_kind FILE WHAT FILTER AT_LEAST: traffic of this kind, in each direction.
check_kind()
{
	check "$1 holds $2 into the guest" "$(frames "$1" "$3 and ether dst $guest")" -ge "$4"
	check "$1 holds $2 out of the guest" "$(frames "$1" "$3 and ether src $guest")" -ge "$4"
}

# span FILE FILTER: first and last stamp, in microseconds since midnight.
span()
{
	tcpdump -r "$dir/$1" -n -tt "$2" 2>/dev/null | awk '
		{ split($1, t, "."); now = (t[1] % 86400) * 1000000 + t[2] }
		NR == 1 { first = now }
		END { printf "%.0f %.0f\n", first, now }'
}

# The four kinds of traffic share a stretch of time: the last to begin does so before the first ends.
check_overlap()
{
	local file=$1 begin=0 end=99999999999 first last filter
	for filter in 'tcp port 80' 'tcp port 6379' 'udp port 53' 'tcp port 5201' 'tcp port 5202'; do
		read -r first last < <(span "$file" "$filter")
		[ "$first" -le "$begin" ] || begin=$first
		[ "$last" -ge "$end" ] || end=$last
	done
	check "$file holds them at the same time, for 100 ms at least" $((begin + 100000)) -le "$end"
}

check_file web-kv-dns.pcap
check_kind web-kv-dns.pcap "web traffic" "tcp port 80" 300
check_kind web-kv-dns.pcap "key-value traffic" "tcp port 6379" 700
check_kind web-kv-dns.pcap "names" "udp port 53" 200
check_kind web-kv-dns.pcap "bulk" "(tcp port 5201 or tcp port 5202)" 150
check_overlap web-kv-dns.pcap
check "web-kv-dns.pcap has no frame longer than 1514 bytes" "$(frames web-kv-dns.pcap 'greater 1515')" = 0
check "web-kv-dns.pcap has full frames" "$(frames web-kv-dns.pcap 'greater 1514')" -ge 100
check "web-kv-dns.pcap has right checksums" \
	"$(tcpdump -r "$dir/web-kv-dns.pcap" -n -vv 2>/dev/null | grep -ciE 'incorrect|bad (udp )?cksum')" = 0
check "web-kv-dns.pcap opens with a broadcast" "$(frames web-kv-dns.pcap 'ether broadcast')" -ge 1

check_file segmented.pcap
check_kind segmented.pcap "segments beyond 1514 bytes" "tcp and greater 1515" 5
check_kind segmented.pcap "segments beyond 16 KiB" "tcp and greater 16384" 2
check "segmented.pcap has no frame longer than 65549 bytes" "$(frames segmented.pcap 'greater 65550')" = 0

check "both captures take 2 MB at most" \
	"$(cat "$dir"/*.pcap | wc -c)" -le 2000000
check "no other capture is committed" "$(find "$dir" -name '*.pcap*' | wc -l)" = 2

echo "1..$checks"
[ "$failures" = 0 ]
