#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# soak.sh VNICTAP [SECONDS [PACKETS]] - the datapath for a long time: by default 10 minutes or 100
# million packets, whichever is first, both directions at once, as fast as it goes. vnictap itself
# verifies that every frame is accounted for, in order and byte for byte (exit 4 if not); here it is
# asked that its memory stayed flat and that nothing was lost that is not counted.
set -uo pipefail
export LC_ALL=C

vnictap=$1
seconds=${2:-600}
packets=${3:-100000000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/soak.ini" <<END
[scenario]
seed = 1
drain = 2s
[tap]
queue_length = 1000
[nic eth0]
[guest vm1]
nic = eth0
policy = copy
[guest vm2]
nic = eth0
policy = zero-copy
delivery = process
[traffic in]
to = vm1, vm2
source = constant
size = imix
rate = max
packets = $((packets / 2))
duration = ${seconds}s
[traffic out]
from = vm1, vm2
source = constant
size = imix
rate = max
packets = $((packets / 2))
duration = ${seconds}s
END

"$vnictap" "$dir/soak.ini" -q --json "$dir/soak.json"
code=$?
[ $code = 0 ] || exit $code

value()
{
	sed -n "s/^ *\"$1\": \([0-9]*\).*/\1/p" "$dir/soak.json"
}

early=$(value memory_bytes_early)
late=$(value memory_bytes_late)
rx=$(value guests.rx.delivered)
tx=$(value guests.tx.delivered)
lost=$(($(value guests.rx.drops) + $(value guests.tx.drops)))
left=$(($(value guests.rx.resident) + $(value guests.tx.resident)))
echo "$rx received, $tx sent, $lost dropped and counted, $left under way at the end"
echo "memory: $early bytes soon after the start, $late at the end"
[ "$rx" -gt 0 ] && [ "$tx" -gt 0 ] && [ "$left" = 0 ] || exit 1
# Pages of rings and pools that are reached for the first time, and the books; nothing by packet.
[ "$late" -le $((early + early / 4 + (8 << 20))) ] || {
	echo "memory grew" >&2
	exit 1
}
