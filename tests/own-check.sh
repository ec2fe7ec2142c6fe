#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# own-check.sh PROGRAM [POLICY...] - policies of one's own, held to what the tree's are held to.
#
# Each runs on a few dozen machines: both directions and guest to guest, all delivery and notification
# modes, features of virtio on and off, short rings, devices that cannot gather or reach guest memory,
# the IOMMU's modes, more load than fits. At the end of a run the simulator itself compares every
# frame with what was sent and counts buffers, frames and mappings (exit 4 if it does not add up);
# here the digest of what arrived is compared with that of policy copy where nothing may be lost.
# Without POLICY, all that PROGRAM has beside the tree's. Exits 1 if one fails.
set -u

program=${1:?usage: own-check.sh PROGRAM [POLICY...]}
shift
if [ $# = 0 ]; then
	mapfile -t own < <("$program" list policies | awk '{ print $1 }' |
		grep -vxE 'null|copy|single-copy|zero-copy')
	set -- "${own[@]}"
fi
[ $# -gt 0 ] || { echo "own-check: no policies but the tree's; make POLICIES=... own-check" >&2; exit 2; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

cat >"$tmp/gentle.ini" <<'END'
[scenario]
checked = true
[nic eth0]
link = 10Gbit/s
[guest vm1..vm2]
[traffic in]
to = vm1
size = imix
rate = 500Mbit/s
packets = 300
[traffic out]
from = vm1
size = uniform:60B..1514B
rate = 500Mbit/s
packets = 300
[traffic across]
from = vm1
to = vm2
size = 1000B
rate = 200Mbit/s
packets = 100
END
cat >"$tmp/flood.ini" <<'END'
[scenario]
checked = true
[nic eth0]
link = 10Gbit/s
[guest vm1]
[traffic in]
to = vm1
size = 60B
rate = 9Gbit/s
packets = 3000
[traffic out]
from = vm1
size = 60B
rate = max
packets = 3000
END

# Settings of a machine, separated by blanks; "-": as it is.
machines=(- guest.delivery=process guest.receive=poll host.datapath=poll guest.event_idx=false
	guest.indirect_desc=false guest.mrg_rxbuf=false guest.queue_size=16 nic.rx_ring=16
	nic.tx_ring=16 nic.gather=false nic.zero_copy=false nic.max_segments=2 host.batch=1
	host.cores=4 iommu.mode=off iommu.mode=strict iommu.mode=deferred guest.zero_copy_release=in-order
	"guest.mrg_rxbuf=false guest.indirect_desc=false nic.gather=false"
	"host.cores=2 host.datapath=poll guest.receive=poll guest.delivery=process")

# digests POLICY SETTINGS FILE: runs it; what arrived at each guest, and from each.
digests()
{
	local set=(--set "guest.policy=$1") setting status
	for setting in $2; do
		[ "$setting" = - ] || set+=(--set "$setting")
	done
	"$program" run -q "$tmp/$3.ini" "${set[@]}" --json "$tmp/result.json" 2>"$tmp/err"
	status=$?
	[ $status = 0 ] || { echo "exit $status: $(head -n 1 "$tmp/err")"; return 1; }
	grep -E '"vm[12]\.(rx|tx|local)\.(digest|drops)":' "$tmp/result.json"
}

judge() # POLICY SETTINGS FILE
{
	local got want
	if ! got=$(digests "$1" "$2" "$3"); then
		echo "FAIL $1, $3 traffic, $2: $got"
		failed=$((failed + 1))
		return
	fi
	want=$(digests copy "$2" "$3")
	if [ "$3" = gentle ] && [ "$got" != "$want" ]; then
		echo "FAIL $1, $3 traffic, $2: other frames arrived than with policy copy:"
		diff <(echo "$want") <(echo "$got") | grep '^[<>]'
		failed=$((failed + 1))
		return
	fi
	passed=$((passed + 1))
}

for policy in "$@"; do
	for settings in "${machines[@]}"; do
		judge "$policy" "$settings" gentle
		judge "$policy" "$settings" flood
	done
	echo "own-check: $policy: $passed passed, $failed failed"
done
[ "$failed" = 0 ]
