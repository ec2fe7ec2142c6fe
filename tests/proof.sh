#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# proof.sh BUILD - the datapath of both programs comes from the same sources: for each file of
# models/datapath the object in either world, what the compiler read for it (the .d file: the source
# itself, and the header of that world), and that its functions are in both programs (nm). Exits
# with 1 if something is not so.
set -uo pipefail
export LC_ALL=C

cd "$(dirname "$0")/.." || exit 2
B=${1:-build}
bad=0

offend()
{
	echo "proof: $*" >&2
	bad=1
}

# functions OBJECT|PROGRAM: names that it defines, global or not
functions()
{
	nm --defined-only "$1" | awk '$2 ~ /[tT]/ { sub(/\..*/, "", $3); print $3 }' | sort -u
}

for program in vnicsim vnictap; do
	functions "$B/$program" >"$B/.$program.functions" || exit 2
done
printf '%-36s %-9s %9s %9s  %s\n' source functions "sim: text" "real: text" "in both programs"
for source in models/datapath/*.c; do
	in=yes
	for world in sim real; do
		object=$B/$world/${source%.c}.o
		[ -f "$object" ] || {
			offend "$source has no object $object"
			in=no
			continue
		}
		grep -q "[: ]$source " "${object%.o}.d" || offend "$object was not made from $source"
		grep -q "models/plat/$world/plat_impl.h" "${object%.o}.d" ||
			! grep -q "models/plat/plat.h" "${object%.o}.d" ||
			offend "$object was not made for the world $world"
		program=vnicsim
		[ $world = sim ] || program=vnictap
		nm --defined-only "$object" | awk '$2 == "T" { print $3 }' | sort -u >"$B/.object"
		missing=$(comm -23 "$B/.object" "$B/.$program.functions" | tr '\n' ' ')
		[ -z "$missing" ] || {
			in=no
			offend "$source: $program lacks $missing"
		}
	done
	printf '%-36s %9d %9d %9d  %s\n' "$source" "$(wc -l <"$B/.object")" \
		"$(size "$B/sim/${source%.c}.o" | awk 'NR == 2 { print $1 }')" \
		"$(size "$B/real/${source%.c}.o" | awk 'NR == 2 { print $1 }')" $in
done
grep -qE '^(evq_|world_|cpu_wake|iommu_)' "$B/.vnictap.functions" &&
	offend "vnictap has parts of the simulated world"
rm -f "$B/.object" "$B/.vnicsim.functions" "$B/.vnictap.functions"
exit $bad
