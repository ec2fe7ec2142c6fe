#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_tap_use.sh - guests behind vnictap that anybody can talk to: ping, datagrams, iperf3, a web
# server, each through the whole datapath, and with each policy.
# shellcheck source=tests/tap_use.sh
. "$(dirname "$0")/tap_use.sh"

guest() # APP POLICY DELIVERY
{
	cat <<-END
		[nic eth]
		[tap]
		far = none
		namespace = current
		device = tap0
		[guest vm1]
		ip = 10.0.0.2
		app = $1
		policy = $2
		delivery = $3
	END
}

# begin APP POLICY DELIVERY [OPTIONS]: it runs, and the host has an address beside the guest's.
begin()
{
	guest "$1" "$2" "$3" >"$tmp/use.ini"
	start "$tmp/use.ini" --json "$tmp/use.json" "${@:4}"
	until_true 10 exists tap0 && until_true 10 grep -q 'is behind' "$tmp/run.err" &&
		ip addr add 10.0.0.1/24 dev tap0
}

stop() { kill -INT "$pid" && ends 130; }

pings() { begin echo "$@" && ping -q -c 4 -i 0.05 -W 2 -s 1400 10.0.0.2 | tee "$tmp/ping"; stop &&
	grep -q ' 0% packet loss' "$tmp/ping"; }

# A datagram and back, by the shell alone.
datagram()
{
	local got
	begin echo zero-copy process
	exec 3<>/dev/udp/10.0.0.2/7
	printf 'here and back' >&3
	got=$(timeout 5 head -c 13 <&3)
	exec 3>&-
	stop && [ "$got" = 'here and back' ]
}

sinks()
{
	local i
	begin sink copy kernel
	exec 3>/dev/udp/10.0.0.2/9
	ip neigh replace 10.0.0.2 lladdr 52:54:00:00:00:01 dev tap0
	for i in $(seq 100); do printf 'number %d' "$i" >&3; done
	exec 3>&-
	sleep 0.3
	stop && [ "$(json "$tmp/use.json" metrics vm1.rx.delivered)" -ge 100 ] &&
		json_is "$tmp/use.json" 0 metrics vm1.tx.packets
}

if has ping; then
	for policy in copy single-copy zero-copy; do
		for delivery in kernel process; do
			check "a guest answers ping: $policy, $delivery" pings $policy $delivery
		done
	done
	check "a guest answers ping: one thread" pings zero-copy kernel --set tap.threads=one
else
	skip "a guest answers ping" "no ping"
fi
check "a datagram comes back" datagram
check "a sink takes frames and sends none" sinks

# ---- programs behind a bridge ----

# bridged COMMAND...: with a namespace of ip netns, named as the guest
bridged()
{
	local status
	ip netns add vm1 && begin bridge "$1" kernel || return 1
	grep -q 'its programs: ip netns exec vm1' "$tmp/run.err" || return 1
	"${@:2}"
	status=$?
	stop || status=1
	ip netns del vm1
	return $status
}

measures()
{
	local server
	ip netns exec vm1 iperf3 -s -1 >"$tmp/iperf.server" 2>&1 &
	server=$!
	until_true 10 sh -c 'ip netns exec vm1 ss -ltn | grep -q :5201' || return 1
	timeout 20 iperf3 -c 10.0.0.2 -t 1 -J >"$tmp/iperf.json" || { cat "$tmp/iperf.json"; return 1; }
	wait $server
	awk '/"bits_per_second"/ { rate = $2 + 0 } END { exit !(rate > 1e6) }' "$tmp/iperf.json"
}

fetches()
{
	local server status
	mkdir -p "$tmp/www"
	head -c 3000000 /dev/urandom >"$tmp/www/file"
	ip netns exec vm1 python3 -m http.server -d "$tmp/www" 80 >"$tmp/http.log" 2>&1 &
	server=$!
	until_true 10 sh -c 'ip netns exec vm1 ss -ltn | grep -q :80' || return 1
	timeout 20 curl -s -o "$tmp/got" http://10.0.0.2/file
	status=$?
	kill "$server"
	wait "$server"
	[ $status = 0 ] && cmp "$tmp/www/file" "$tmp/got"
}

if has iperf3 && has ss; then
	for policy in copy single-copy zero-copy; do
		check "iperf3 reaches a server behind a bridge: $policy" bridged $policy measures
	done
else
	skip "iperf3 reaches a server behind a bridge" "no iperf3"
fi
if has curl && has python3 && has ss; then
	check "a web server behind a bridge sends a file" bridged zero-copy fetches
else
	skip "a web server behind a bridge sends a file" "no curl or no python3"
fi

# Without a namespace of that name there is one without a name, which is told how to enter.
nameless()
{
	local way status
	begin bridge single-copy kernel || return 1
	way=$(sed -n 's/.*its programs: \(.*\) COMMAND$/\1/p' "$tmp/run.err")
	$way ip -4 -o addr show | tee "$tmp/inside" | grep -q '10.0.0.2/24'
	status=$?
	stop && [ $status = 0 ]
}
check "a bridge makes a namespace and says how to enter it" nameless

finish
