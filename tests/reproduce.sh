#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# reproduce.sh VNICSIM...: each scenario of the list below gives byte-identical result files, outside
# `machine`, from every build given, run twice, and with the C library's FMA variants switched off.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
strip() { # the result without its last object, machine
	sed '/^  "machine": {/,$d' "$1"
}
for scenario in scenarios/*.ini scenarios/regress/*.ini scenarios/systems/*.ini; do
	"$1" run "$scenario" --quiet --json "$tmp/ref.json" 2>/dev/null || [ $? = 1 ] || {
		echo "not ok - $scenario does not run"
		failed=$((failed + 1))
		continue
	}
	strip "$tmp/ref.json" >"$tmp/ref"
	n=0
	for bin in "$@" "$1"; do
		for tune in "" "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2_Usable,-AVX2"; do
			n=$((n + 1))
			GLIBC_TUNABLES=$tune "$bin" run "$scenario" --quiet --json "$tmp/b.json" 2>/dev/null
			strip "$tmp/b.json" >"$tmp/b"
			if cmp -s "$tmp/ref" "$tmp/b"; then
				passed=$((passed + 1))
			else
				failed=$((failed + 1))
				echo "not ok - $scenario: $bin ${tune:+(no FMA) }differs"
				diff "$tmp/ref" "$tmp/b" | head -n 5
			fi
		done
	done
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
