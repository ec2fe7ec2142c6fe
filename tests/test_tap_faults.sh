#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_tap_faults.sh - what can go wrong around vnictap, each survived, counted and named: devices
# and far sides that go, queues that overflow, frames that fit nowhere; that nothing is left behind
# however it ends, and that it keeps no privilege.
# shellcheck source=tests/tap_use.sh
. "$(dirname "$0")/tap_use.sh"

# Both ways, slow, and longer than any test.
cat >"$tmp/both.ini" <<END
[nic eth]
[tap]
namespace = current
device = tap0
[guest vm1]
policy = zero-copy
[traffic in]
to = vm1
pps = 2000
duration = 60s
[traffic out]
from = vm1
pps = 2000
duration = 60s
END
# As much as there is, into a guest.
cat >"$tmp/flood.ini" <<END
[nic eth]
[tap]
namespace = current
device = tap0
[guest vm1]
[traffic in]
to = vm1
size = 60B
rate = max
packets = 20000
END

run_both()
{
	start "$tmp/both.ini" --json "$tmp/run.json" "$@"
	until_true 10 exists tap0 && until_true 10 far_is_there && sleep 0.3
}

# offered = delivered + drops + resident, of both directions, and something was delivered
adds_up()
{
	local way packets delivered drops resident
	for way in rx tx; do
		packets=$(json "$1" metrics vm1.$way.packets) || { echo "no vm1.$way.packets"; return 1; }
		delivered=$(json "$1" metrics vm1.$way.delivered)
		drops=$(json "$1" metrics vm1.$way.drops)
		resident=$(json "$1" metrics vm1.$way.resident)
		if [ "$packets" != $((delivered + drops + resident)) ] || [ "$delivered" = 0 ]; then
			echo "vm1.$way: $packets, $delivered, $drops, $resident"
			return 1
		fi
	done
}

nothing_left()
{
	until_true 5 is_gone tap0 && until_true 5 has_ended "$1" || return 1
	[ -z "$(ls /run/netns 2>/dev/null)" ]
}

device_removed()
{
	local far
	run_both "$@" || return 1
	far=$(far_of "$pid")
	ip link del tap0
	ends 5 && says tap0 removed && json_is "$tmp/run.json" true partial &&
		json_is "$tmp/run.json" 1 metrics device.gone && adds_up "$tmp/run.json" &&
		nothing_left "$far"
}

far_killed()
{
	local far
	run_both "$@" || return 1
	far=$(far_of "$pid")
	kill -KILL "$far"
	ends 5 && says 'far side of tap0' gone && json_is "$tmp/run.json" true partial &&
		adds_up "$tmp/run.json" && nothing_left "$far"
}

signalled() # SIGNAL CODE
{
	local far
	run_both || return 1
	far=$(far_of "$pid")
	kill "-$1" "$pid"
	ends "$2" && nothing_left "$far"
}

interrupted() { signalled "$1" 130 && json_is "$tmp/run.json" true partial && adds_up "$tmp/run.json"; }
ends_well() { "$vnictap" "$tmp/flood.ini" --quiet && is_gone tap0; }

check "nothing is left after a run" ends_well
check "nothing is left after SIGINT, and the results until then are there" interrupted INT
check "nothing is left after SIGTERM, and the results until then are there" interrupted TERM
check "nothing is left after SIGKILL" signalled KILL 137
check "a device that is removed ends the run, named" device_removed
check "a far side that is killed ends the run, named" far_killed

# ---- frames ----

flood() { "$vnictap" "$tmp/flood.ini" --quiet --json "$tmp/flood.json" "$@"; }
of() { json "$tmp/flood.json" metrics "$1"; }

full_queue()
{
	flood --set in.when_full=drop --set tap.queue_length=8 --set tap.threads=one || return 1
	[ "$(of vm1.rx.packets)" = 20000 ] && [ "$(of vm1.rx.drops)" -gt 0 ] && [ "$(of far.lost)" = 0 ] &&
		[ $(($(of vm1.rx.delivered) + $(of vm1.rx.drops))) = 20000 ]
}

too_long()
{
	flood --set eth.mtu=500B --set in.size=uniform:60B..1500B --set in.when_full=wait || return 1
	[ "$(of vm1.rx.drops.oversize)" -gt 0 ] && [ "$(of vm1.rx.packets)" = 20000 ] &&
		[ "$(of device.read_errors)" = 0 ]
}

# Somebody else uses the interface, too.
strangers()
{
	start "$tmp/both.ini" --json "$tmp/run.json"
	until_true 10 exists tap0 && until_true 10 far_is_there || return 1
	ip addr add 10.0.0.1/24 dev tap0
	exec 3>/dev/udp/10.0.0.2/9
	for _ in 1 2 3 4 5; do printf 'not of the scenario' >&3; done
	exec 3>&-
	sleep 0.3
	kill -INT "$pid"
	ends 130 && [ "$(json "$tmp/run.json" metrics far.foreign)" -ge 5 ] && adds_up "$tmp/run.json"
}

check "frames that find a full queue are drops" full_queue
check "frames beyond the mtu are drops" too_long
check "frames of others are foreign, and disturb nothing" strangers

# ---- devices and privileges ----

# What ip says of it, but counters and carrier.
looks() { ip -o -d link show theirs | grep -oE 'mtu [0-9]+|qlen [0-9]+|NOARP|MULTICAST|\bUP\b|link/ether [0-9a-f:]+|vnet_hdr o[nf]+'; }

found()
{
	local before after killed
	ip tuntap add dev theirs mode tap && ip link set theirs up mtu 4000 txqueuelen 333
	before=$(looks)
	flood --set tap.device=theirs || return 1
	after=$(looks)
	start "$tmp/both.ini" --set tap.device=theirs
	until_true 10 far_is_there && kill -KILL "$pid" && ends 137 || return 1
	killed=$(looks)
	ip link del theirs
	[ "$after" = "$before" ] && [ "$killed" = "$before" ] && [ -n "$before" ]
}
check "an interface that was there is left as found, also after SIGKILL" found

is_down() { ip tuntap add dev theirs mode tap; fails 5 'ip link set theirs up' -- "$vnictap" "$tmp/flood.ini" \
	--set tap.device=theirs; local status=$?; ip link del theirs; return $status; }
check "an interface that is down is not brought up" is_down
check "an interface that is no TAP device is refused" \
	fails 5 lo 'must be a TAP device' -- "$vnictap" "$tmp/flood.ini" --set tap.device=lo
check "a namespace that does not exist is named" \
	fails 5 'ip netns add nowhere' -- "$vnictap" "$tmp/flood.ini" --set tap.namespace=nowhere

inside()
{
	local status
	ip netns add there || return 1
	start "$tmp/both.ini" --set tap.namespace=there
	until_true 10 ip -n there link show tap0 && is_gone tap0
	status=$?
	kill -INT "$pid"
	ends 130 || status=1
	ip netns del there
	return $status
}
check "a namespace of ip netns is used" inside

# Of every thread, and of the far side.
unprivileged()
{
	local status=0 p
	run_both || return 1
	for p in /proc/"$pid"/task/*/status /proc/"$(far_of "$pid")"/status; do
		for line in 'CapPrm:	0000000000000000' 'CapEff:	0000000000000000' \
			'CapBnd:	0000000000000000' 'NoNewPrivs:	1'; do
			grep -qx "$line" "$p" || { echo "$p: not $line"; grep -E 'Cap|NoNew' "$p"; status=1; }
		done
	done
	kill -INT "$pid"
	ends 130 && return $status
}
check "it keeps no capability, in any thread" unprivileged

if has setpriv; then
	powerless() { fails 5 tap0 'run as root' -- setpriv --bounding-set=-all --inh-caps=-all "$vnictap" \
		"$tmp/flood.ini"; }
	check "without privilege it says what would do" powerless
else
	skip "without privilege it says what would do" "no setpriv"
fi

finish
