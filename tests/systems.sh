#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# systems.sh VNICSIM [OUT [FILE...]]: the five systems and the old way side by side. Each row is run under
# constant traffic (scenarios/systems/table.ini) and its cells are compared with what the design
# says; the same settings then meet the real capture (scenarios/systems/all.ini), where copies are
# judged and the rest is shown. Prints the table; OUT gets it as markdown (table.md, readme.md) and
# as data of the figure (systems.dat). In each FILE the lines between "<!-- systems: NAME -->" and
# "<!-- end -->" become OUT/NAME.md. Exit 1 if a cell differs.
#
# A cell is copies/DMA/VMM entries/guest interrupts, each per delivered frame; "2+1" are copies of
# the host and of guests, "-" is not part of the design. "*" in a wish: whatever it is.
set -eu
vnicsim=$1
out=${2:-out/systems}
shift $(($# < 2 ? $# : 2))
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# name | settings | of the constant traffic | wished: receive | send | guest to guest | copies on the capture, if
# others: receive | send. There P1 has one ARP frame each way, which is not split: it costs the receiving
# process a copy, and is sent in one segment.
rows() {
	cat <<'ROWS'
old way, copy|guest.policy=copy guest.delivery=kernel||2+1/1/>=1/1|2+1/1/>=1/1|2+2/0/>=0/1
P1 host places|scenario.system=p1||1/1/0/1|0/1/0/1|1/0/0/1|1+0.001|
P1 ... no gather|scenario.system=p1 nic.gather=false||1/1/0/1|1/1/0/1|1/0/0/1|1+0.001|0.999
P1 NIC places|scenario.system=p1 nic.place=nic guest.rx_policy=zero-copy||0/1/0/1|0/1/0/1|-|0+0.001|
P2 capable|scenario.system=p2 guest.delivery=process||-|0/1/0/1|-
P2 not capable|scenario.system=p2 guest.delivery=process nic.zero_copy=false||-|1/1/0/1|-
P3 low rate|scenario.system=p3 guest.delivery=process|guest.tx_batch=1|1/1/0/1|0/1/1/1|1/0/0/1
P3 clustered|scenario.system=p3 guest.delivery=process guest.tx_timer=10ms|traffic.pps=10000 out.start=50us traffic.packets=2200 scenario.warmup=120ms|1/1/0/0.1|0/1/0.1/0.1|-
P4|scenario.system=p4 guest.delivery=process||0/1/0/1|0/1/0/1|0/2/0/1
P5 per-buffer map|scenario.system=p5 guest.delivery=process||0/1/0/1|0/1/0/1|-
P5 static map|scenario.system=p5 guest.dma_map=static guest.delivery=process||0/1/0/1|0/1/0/1|-
ROWS
}

metric() { # FILE NAME: its value; 0 if it is not there
	awk -v name="\"$2\":" '$1 == name { v = $2; gsub(/[",]/, "", v); print v; found = 1; exit }
		END { if (!found) print 0 }' "$1"
}

per() { # A B: A / B with at most 3 decimals
	awk -v a="$1" -v b="$2" 'BEGIN {
		if (a == "null" || b + 0 == 0) { print "-"; exit }
		s = sprintf("%.3f", a / b)
		sub(/0+$/, "", s); sub(/\.$/, "", s)
		print s }'
}

# JSON OBJECT DIRECTION QUEUE: one line, what a frame costs: cell exits hypercalls headers segments
costs() {
	local j=$1 f=$2.$3 q=$2.$4 n copies guest
	n=$(metric "$j" "$f.delivered")
	copies=$(per "$(metric "$j" "$f.host_copies_per_packet")" 1)
	guest=$(per "$(metric "$j" "$f.guest_copies_per_packet")" 1)
	[ "$guest" = 0 ] || [ "$guest" = - ] || copies=$copies+$guest
	printf '%s/%s/%s/%s %s %s %s %s\n' "$copies" \
		"$(per "$(metric "$j" "$f.dma_transfers")" "$n")" \
		"$(per "$(metric "$j" "$q.vmm_entries")" "$n")" \
		"$(per "$(metric "$j" "$q.interrupts")" "$n")" \
		"$(per "$(metric "$j" "$q.vm_exits")" "$n")" \
		"$(per "$(metric "$j" "$q.hypercalls")" "$n")" \
		"$(per "$(metric "$j" "$f.header_copies")" "$n")" \
		"$(per "$(metric "$j" "$f.dma_segments")" "$n")"
}

matches() { # GOT WISH, part by part
	awk -v got="$1" -v wish="$2" 'BEGIN {
		n = split(got, g, "/"); split(wish, w, "/")
		for (i = 1; i <= n; i++) {
			if (w[i] == "*") continue
			if (sub(/^>=/, "", w[i]) ? g[i] + 0 < w[i] + 0 : g[i] != w[i]) exit 1
		} }'
}

run() { # FILE JSON SETTING...
	local file=$1 json=$2 word options=()
	shift 2
	for word in "$@"; do options+=(--set "$word"); done
	"$vnicsim" run "scenarios/systems/$file" --quiet "${options[@]}" --json "$json"
}

failed=0
# NAME WAY WISH JSON OBJECT DIRECTION QUEUE CAPTURE COPIES
row() {
	local cell exits calls headers segments verdict=ok real='- - - - -' copies=$9
	[ "$3" != - ] || return 0
	read -r cell exits calls headers segments < <(costs "$4" "$5" "$6" "$7")
	[ -z "$8" ] || real=$(costs "$8" "$5" "$6" "$7")
	matches "$cell" "$3" || { verdict=DIFFERS; failed=1; }
	# What is copied a frame does not depend on when it comes.
	[ -n "$copies" ] || copies=${cell%%/*}
	if [ -n "$8" ] && [ "$copies" != "${real%%/*}" ]; then
		verdict=DIFFERS failed=1
	fi
	printf '%s|%s|%s|%s|%s|%s|%s|%s|%s|%s\n' "$1" "$2" "$3" "$cell" "$headers" "$segments" \
		"$exits" "$calls" "$(awk '{ print $1 "|" $2 "|" $3 }' <<<"$real")" "$verdict"
}

all_rows() {
	local name settings traffic rx tx between real_rx real_tx
	while IFS='|' read -r name settings traffic rx tx between real_rx real_tx; do
		# shellcheck disable=SC2086 # words
		run table.ini "$tmp/table.json" $settings $traffic
		# shellcheck disable=SC2086
		run all.ini "$tmp/all.json" $settings
		row "$name" receive "$rx" "$tmp/table.json" vm1 rx rx "$tmp/all.json" "$real_rx"
		row "$name" send "$tx" "$tmp/table.json" vm1 tx tx "$tmp/all.json" "$real_tx"
		row "$name" "guest to guest" "$between" "$tmp/table.json" vm2 local rx "" ""
	done < <(rows)
}

head="design|way|wished|copies/DMA/VMM entries/interrupts|header copies|segments|exits|hypercalls|capture: the same|exits|hypercalls|"
all_rows >"$out/table.txt"
{ echo "$head"; cat "$out/table.txt"; } | column -t -s '|' -o '  '

# The whole table for docs/systems.md.
markdown() {
	echo "| design | way | copies / DMA / VMM entries / guest interrupts | header copies | segments | exits | hypercalls | real capture: the same | exits | hypercalls |"
	echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
	awk -F'|' '{ printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", $1, $2, $4, $5, $6, $7, $8, $9, $10, $11 }' \
		"$out/table.txt"
}

# A row a system for README.md: each number for receive, send, guest to guest.
short() {
	echo "| design (receive, send, guest to guest) | copies | DMA | exits | VMM entries | hypercalls | interrupts |"
	echo "| --- | --- | --- | --- | --- | --- | --- |"
	awk -F'|' '
		function add(k, v) { s[name, k] = s[name, k] (s[name, k] == "" ? "" : " · ") v }
		$1 ~ /\.\.\.|not capable|host places|low rate|static map/ { next }
		{ name = $1; if (!(name in seen)) { seen[name] = 1; order[++n] = name }
		  split($4, c, "/"); add(1, c[1]); add(2, c[2]); add(3, $7); add(4, c[3]); add(5, $8); add(6, c[4])
		  way[name] = way[name] (way[name] == "" ? "" : " · ") $2 }
		END { for (i = 1; i <= n; i++) { name = order[i]
			printf "| %s (%s) |", name, way[name]
			for (k = 1; k <= 6; k++) printf " %s |", s[name, k]
			print "" } }' "$out/table.txt"
}

markdown >"$out/table.md"
short >"$out/readme.md"
# Rows of the figure, by way.
for way in receive send "guest to guest"; do
	awk -F'|' -v way="$way" '$2 == way { split($4, c, "/"); split(c[1], copies, "+")
		printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", way, $1, copies[1], copies[2] + 0, c[2], $7, c[3], c[4] }' \
		"$out/table.txt"
done >"$out/systems.dat"
for file in "$@"; do
	awk -v out="$out" '
		/^<!-- end -->$/ { inside = 0 }
		!inside { print }
		/^<!-- systems: [a-z]+ -->$/ { inside = 1; block = out "/" $3 ".md"
			while ((getline line <block) > 0) print line
			close(block) }' "$file" >"$tmp/file"
	cat "$tmp/file" >"$file"
done
[ "$failed" = 0 ] || echo "a cell differs from what its design says"
exit $failed
