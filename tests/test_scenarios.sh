#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every scenario of the project is held to what it expects.
set -u
B=${B:-build}
n=0
for f in scenarios/*.ini scenarios/regress/*.ini scenarios/systems/*.ini scenarios/tap/*.ini \
	scenarios/studies/{no-drop-rate,policy-gain}.ini; do
	n=$((n + 1))
	if out=$("$B/vnicsim" check "$f" 2>&1) && ! grep -q '^0 passed' <<<"$(tail -n 1 <<<"$out")"; then
		echo "ok $n - $f: $(tail -n 1 <<<"$out")"
	else
		echo "not ok $n - $f"
		grep -v '^PASS' <<<"$out" | sed 's/^/# /'
	fi
done
echo "1..$n"
