#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_tap_loop.sh - closed loops on TAP devices where something is lost, late or gone: requests are
# sent again, given up, and all are accounted for; and how much is outstanding, whatever it takes.
# shellcheck source=tests/tap_use.sh
. "$(dirname "$0")/tap_use.sh"

# loop END MORE: a request's traffic, by lines
loop()
{
	printf '[scenario]\nmax_time = 60s\n[nic eth0]\n[tap]\nnamespace = current\ndevice = tap0\n[guest vm1]\nqueue_size = 1024\n'
	printf '[traffic rr]\nsource = request\n%s = vm1\nservice = 5us\nthink = 50us\n' "$1"
	printf '%b\n' "$2"
}
loop to 'window = 64\npackets = 3000\ntimeout = 5ms\nretries = 50\nwhen_full = drop' >"$tmp/lossy.ini"
loop to 'window = 4\npackets = 3000\ntimeout = 9s' >"$tmp/to.ini"
loop from 'window = 4\npackets = 3000\ntimeout = 9s' >"$tmp/from.ini"

runs() { "$vnictap" --quiet --json "$tmp/run.json" "$@"; }
of() { json "$tmp/run.json" metrics "$1"; }

# Everything that was sent is somewhere, and every request has ended.
accounted() # REQUESTS
{
	local way
	if [ "$(($(of rr.requests) + $(of rr.failed)))" != "$1" ] || [ "$(of rr.unanswered)" != 0 ]; then
		echo "requests $(of rr.requests), failed $(of rr.failed), unanswered $(of rr.unanswered)"
		return 1
	fi
	for way in rx tx; do
		[ "$(of vm1.$way.packets)" = \
			$(($(of vm1.$way.delivered) + $(of vm1.$way.drops) + $(of vm1.$way.resident))) ] || return
	done
}

# A burst of 64 into a device that holds 8: what is lost is asked again.
lost()
{
	runs "$tmp/lossy.ini" --set tap.threads=one --set tap.queue_length=8 || return
	accounted 3000 && [ "$(of vm1.rx.drops)" -gt 0 ] && [ "$(of rr.timeouts)" -gt 0 ] &&
		[ "$(of rr.failed)" = 0 ] && [ "$(of vm1.rx.packets)" -gt 3000 ]
}
given_up()
{
	runs "$tmp/lossy.ini" --set tap.threads=one --set tap.queue_length=8 --set rr.retries=0 || return
	accounted 3000 && [ "$(of rr.failed)" -gt 0 ] && [ "$(of rr.timeouts)" = "$(of rr.failed)" ] &&
		[ "$(of vm1.rx.packets)" = 3000 ]
}
# An answer that is late is still one; no threads, and so no luck, is in it.
late()
{
	runs "$tmp/to.ini" --set tap.threads=one --set rr.service=3ms --set rr.timeout=1ms \
		--set rr.packets=40 || return
	accounted 40 && [ "$(of rr.failed)" = 0 ] && [ "$(of rr.timeouts)" -ge 40 ]
}
# A guest's own queue is full: its requests are dropped, not sent later.
client_lost()
{
	runs "$tmp/from.ini" --set tap.threads=one --set vm1.queue_size=8 --set rr.window=64 \
		--set rr.timeout=5ms --set rr.when_full=drop --set rr.retries=1000 || return
	accounted 3000 && [ "$(of vm1.tx.drops)" -gt 0 ] && [ "$(of rr.timeouts)" -gt 0 ]
}
# Little's law: requests a second x (round trip + think) = window; within 20%, for the ends of the time
# that is counted cut some, and a busy machine cuts more. How long the sides take to come up is left out.
little()
{
	runs "$@" --set scenario.warmup=30ms --set rr.packets=6000 || return
	awk -v n="$(of rr.requests_per_second)" -v rtt="$(of rr.rtt_ns.mean)" 'BEGIN {
		w = n * (rtt + 50000) * 1e-9
		print w, "outstanding, wanted 4"
		exit !(w > 3.2 && w < 4.8) }'
}
by_time()
{
	runs "$1" --set rr.packets=1000000000 --set rr.duration=200ms "${@:2}" || return
	[ "$(of rr.requests)" -gt 20 ] && [ "$(of rr.unanswered)" = 0 ] && [ "$(of rr.failed)" = 0 ] &&
		[ "$(of vm1.rx.resident)" = 0 ] && [ "$(of vm1.tx.resident)" = 0 ] &&
		[ "$(of vm1.rx.delivered)" = "$(of vm1.tx.delivered)" ]
}
warm()
{
	runs "$tmp/to.ini" --set scenario.warmup=20ms || return
	[ "$(of rr.requests)" -gt 0 ] && [ "$(of rr.requests)" -lt 3000 ] && [ "$(of rr.unanswered)" = 0 ]
}
with_others()
{
	{
		cat "$tmp/to.ini"
		printf '[traffic in]\nto = vm1\npps = 5000\npackets = 500\n'
		printf '[traffic out]\nfrom = vm1\npps = 5000\npackets = 500\n'
	} >"$tmp/mixed.ini"
	runs "$tmp/mixed.ini" "$@" && accounted 3000 && [ "$(of vm1.rx.delivered)" = 3500 ] &&
		[ "$(of vm1.tx.delivered)" = 3500 ]
}
killed() # FILE SIGNAL-TO: far or all
{
	local far
	start "$1" --json "$tmp/run.json" --set rr.packets=1000000000 --set rr.duration=60s
	until_true 10 exists tap0 && until_true 10 far_is_there && sleep 0.3 || return
	far=$(far_of "$pid")
	if [ "$2" = far ]; then
		kill -KILL "$far"
		ends 5 && says 'far side of tap0' gone || return
	else
		kill -INT "$pid"
		ends 130 || return
	fi
	json_is "$tmp/run.json" true partial && [ "$(of rr.requests)" -gt 0 ] && until_true 5 is_gone tap0
}

check "a request that is lost is sent again" lost
check "... and given up, if it may not be" given_up
check "an answer after the timeout is an answer" late
check "a guest whose queue is full loses requests, too" client_lost
for end in to from; do
	check "Little's law, $end a guest: threads" little "$tmp/$end.ini"
	check "... one thread" little "$tmp/$end.ini" --set tap.threads=one
	check "... lockstep" little "$tmp/$end.ini" --set tap.lockstep=true
	check "by time, $end a guest: all that was begun is answered" by_time "$tmp/$end.ini"
	check "... one thread" by_time "$tmp/$end.ini" --set tap.threads=one
	check "... lockstep" by_time "$tmp/$end.ini" --set tap.lockstep=true
	check "a killed far side ends it, with what there is, $end a guest" killed "$tmp/$end.ini" far
	check "SIGINT ends it, with what there is" killed "$tmp/$end.ini" all
done
check "the warm-up is left out" warm
check "beside other traffic" with_others
check "... by one thread" with_others --set tap.threads=one
check "... in lockstep" with_others --set tap.lockstep=true
check "by io_uring" little "$tmp/to.ini" --set tap.backend=uring
check "a datapath that polls" little "$tmp/to.ini" --set host.datapath=poll --set tap.threads=one

printf '[guest vm2]\n' >>"$tmp/from.ini"
check "guest to guest is refused" fails 2 rr "between guests" -- "$vnictap" "$tmp/from.ini" --set rr.to=vm2
printf '[nic eth1]\n' >>"$tmp/from.ini"
sed -i '/^device/d' "$tmp/from.ini"
check "guests behind two devices are refused" fails 2 rr "different NICs" -- "$vnictap" "$tmp/from.ini" \
	--set vm2.nic=eth1 --set vm1.nic=eth0 --set rr.from=vm1,vm2
check "with far = none there is nobody to ask or answer" fails 2 far rr -- "$vnictap" "$tmp/to.ini" \
	--set tap.far=none

finish
