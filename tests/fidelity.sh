#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity.sh VNICSIM OUT FILE [--check]: judges all rows of scenarios/studies/fidelity and writes
# them into FILE, between the lines "<!-- fidelity -->" and "<!-- end -->". With --check FILE must
# hold them already. OUT gets fidelity.json, .md and .csv. Exit 1 if a row fails or FILE differs.
set -u
vnicsim=$1 out=$2 file=$3 mode=${4:-}
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

status=0
"$vnicsim" fidelity scenarios/studies/fidelity/*.ini -j 0 --out "$out" || status=$?
[ -f "$out/fidelity.md" ] && [ "$status" -le 1 ] || exit "$status"
awk -v block="$out/fidelity.md" '
	/^<!-- end -->$/ { inside = 0 }
	!inside { print }
	/^<!-- fidelity -->$/ { inside = 1; while ((getline line <block) > 0) print line }' "$file" >"$tmp"
if [ "$mode" = --check ]; then
	diff "$file" "$tmp" || { echo "make fidelity writes $file again"; exit 1; }
else
	cat "$tmp" >"$file"
fi
exit "$status"
