#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The same scenario on real TAP devices and in the simulator: what must be equal is equal, for each
# policy, delivery and direction; running freely, and in lockstep also what depends on order.
# Each run makes a network namespace of its own, which ends with it.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

vnictap=$(dirname "$vnicsim")/vnictap

cat >"$tmp/both.ini" <<'END'
[scenario]
seed = 3
[tap]
[nic eth0]
[guest vm1]
nic = eth0
[traffic in]
to = vm1
source = constant
size = imix
pps = 8000
packets = 300
flows = 7
[traffic out]
from = vm1
source = poisson
size = uniform:60B..1514B
pps = 7000
packets = 300
END
{
	sed -n '1,/^nic = /p' "$tmp/both.ini"
	printf '[guest vm2]\nnic = eth0\npolicy = zero-copy\n'
	sed -n '/^\[traffic in/,$p' "$tmp/both.ini" | sed 's/= vm1$/= vm1, vm2/'
} >"$tmp/two.ini"

# Without the right to make devices there is nothing to compare.
"$vnictap" -q "$tmp/both.ini" 2>"$err"
[ $? != 5 ] || {
	echo "1..0 # SKIP $(cat "$err")"
	exit 77
}

always='packets|bytes|delivered|delivered_bytes|drops(\..*)?|resident|copies(\..*)?|copy_bytes(\..*)?'
always="$always|wasted_copies|header_copies|header_only|csum_bytes|fallbacks(\..*)?|dma_.*|digest|ring_.*"
lockstep="$always|kicks|kicks_suppressed|interrupts|interrupts_suppressed"

# The metrics of guests that match, one a line.
metrics()
{
	grep -E "^ +\"vm[0-9]+\.[rt]x\.($1)\":" "$2" | grep -v '\.drops\.device_gone": 0,$' |
		sed 's/,$//; s/^ *//' | sort
}

# same WHICH FILE [--set X]...: both programs say the same
same()
{
	local which=$1 file=$2
	shift 2
	"$vnictap" "$file" -q --json "$tmp/real.json" "$@" || return
	"$vnicsim" run "$file" -q --json "$tmp/sim.json" "$@" || return
	metrics "$which" "$tmp/real.json" >"$tmp/real"
	metrics "$which" "$tmp/sim.json" >"$tmp/sim"
	test -s "$tmp/sim" && diff "$tmp/real" "$tmp/sim"
}

for policy in copy single-copy zero-copy; do
	for delivery in kernel process; do
		set -- --set guest.policy=$policy --set guest.delivery=$delivery
		check "$policy, $delivery: free, threads" same "$always" "$tmp/both.ini" "$@"
		check "$policy, $delivery: free, one thread" same "$always" "$tmp/both.ini" "$@" \
			--set tap.threads=one
		check "$policy, $delivery: lockstep, threads" same "$lockstep" "$tmp/both.ini" "$@" \
			--set tap.lockstep=true
		check "$policy, $delivery: lockstep, one thread" same "$lockstep" "$tmp/both.ini" \
			"$@" --set tap.lockstep=true --set tap.threads=one
	done
done
check "two guests behind one device" same "$always" "$tmp/two.ini"
check "two guests behind one device, lockstep" same "$lockstep" "$tmp/two.ini" \
	--set tap.lockstep=true
for feature in guest.event_idx=false guest.queue_size=64 tap.vnet_hdr=true guest.tx_csum=software \
	guest.tx_csum=offload host.datapath=poll guest.receive=poll scenario.system=p1 \
	scenario.system=p3 guest.tx_interrupt=sent; do
	check "$feature" same "$lockstep" "$tmp/both.ini" --set $feature --set tap.lockstep=true
done
check "frames of 9014 bytes" same "$always" "$tmp/both.ini" --set nic.mtu=9000B \
	--set traffic.size=9014B --set guest.policy=zero-copy --set guest.delivery=process
sed '/^pps\|^packets\|^source\|^size\|^flows/d' "$tmp/both.ini" >"$tmp/capture.ini"
check "a capture" same "$always" "$tmp/capture.ini" --set nic.mtu=9000B \
	--set "traffic.trace=$root/traces/segmented.pcap" --set traffic.timing=rate:50Mbit/s

# Closed loops: what is asked and answered is the same, whatever it takes.
request()
{
	sed '/^\[traffic/,$d; s/^seed = 3/&\nmax_time = 60s/' "$tmp/both.ini"
	[ $# = 1 ] || printf '[guest vm2]\nnic = eth0\npolicy = zero-copy\n'
	printf '[traffic rr]\nsource = request\n%s\nsize = 200B\nreply = imix\nwindow = 5\n' "$1"
	printf 'service = 3us\nthink = 20us\ntimeout = 9s\nflows = 3\npackets = 300\n'
}
request "to = vm1" >"$tmp/server.ini"
request "from = vm1" >"$tmp/client.ini"
request "to = vm1, vm2" two >"$tmp/servers.ini"
request "from = vm1, vm2" two >"$tmp/clients.ini"
answered()
{
	same "$@" || return
	for what in requests=300 timeouts=0 failed=0 unanswered=0; do
		grep -q "\"rr.${what%=*}\": ${what#*=},\$" "$tmp/real.json" || { echo "not $what"; return 1; }
	done
}
for end in server client; do
	for policy in copy single-copy zero-copy; do
		set -- "$tmp/$end.ini" --set guest.policy=$policy
		check "guest as $end, $policy: free, threads" answered "$always" "$@"
		check "... free, one thread" answered "$always" "$@" --set tap.threads=one
		check "... lockstep, threads" answered "$lockstep" "$@" --set tap.lockstep=true
		check "... lockstep, one thread" answered "$lockstep" "$@" --set tap.lockstep=true \
			--set tap.threads=one
	done
done
check "two guests as servers" answered "$always" "$tmp/servers.ini"
check "... in lockstep" answered "$lockstep" "$tmp/servers.ini" --set tap.lockstep=true
check "two guests as clients, in lockstep" answered "$lockstep" "$tmp/clients.ini" \
	--set tap.lockstep=true
check "... free, if answers have one size" answered "packets|bytes|delivered|drops(\..*)?|resident" \
	"$tmp/clients.ini" --set rr.reply=300B

# [expect] is judged; what a real machine does not have is skipped with the reason.
printf '[expect]\nvm1.rx.delivered = 300\nvm1.rx.vm_exits = 0\n' >>"$tmp/both.ini"
check "--check judges" exits 0 "$vnictap" --check "$tmp/both.ini"
check "... and says so" grep -q "^PASS .* vm1.rx.delivered 300 300" "$out"
check "... and skips" grep -q "^SKIP .* vm1.rx.vm_exits .*real" "$out"
check "a wrong expectation is exit 1" exits 1 "$vnictap" --check "$tmp/both.ini" \
	--set expect.vm1.rx.delivered=1

grep -v '^\[tap\]' "$tmp/both.ini" >"$tmp/plain.ini"
inside_is_refused()
{
	exits 2 "$vnictap" "$tmp/both.ini" "$@" && says "vnicsim run" && [ ! -e "$tmp/w.pcap" ]
}
check "captures are the simulator's" inside_is_refused --pcap "wire=$tmp/w.pcap"
check "timelines are the simulator's" inside_is_refused --trace="$tmp/w.pcap"
check "without [tap] it is refused" exits 2 "$vnictap" "$tmp/plain.ini"
check "... with what to do" says vnicsim

interrupted()
{
	"$vnictap" "$tmp/both.ini" -q --set traffic.packets=10000000 --json "$tmp/int.json" &
	local pid=$!
	sleep 0.5
	kill "-$1" $pid
	wait $pid
	[ $? = 130 ] && grep -q '"partial": true' "$tmp/int.json"
}
check "SIGINT ends it with a result" interrupted INT
check "SIGTERM too" interrupted TERM

check "the datapath of both programs has the same sources" "$root/tests/proof.sh" \
	"$(dirname "$vnicsim")"

# The soak test's questions, for seconds.
check "soak, 2 s" "$root/tests/soak.sh" "$vnictap" 2 10000000

finish
