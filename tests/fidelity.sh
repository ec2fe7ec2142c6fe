#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity.sh VNICSIM OUT [--check] FILE...: judges all rows of scenarios/studies/fidelity and writes
# them into each FILE, all of them between the lines "<!-- fidelity -->" and "<!-- end -->", and what
# they come to with the rows named between "<!-- fidelity: ROW ROW -->" and "<!-- end -->". With
# --check the files must hold them already. OUT gets fidelity.json, .md and .csv. Exit 1 if a row
# fails or a file differs.
set -u
vnicsim=$1 out=$2 mode=write
shift 2
[ "$1" = --check ] && mode=$1 && shift
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

status=0
"$vnicsim" fidelity scenarios/studies/fidelity/*.ini -j 0 --out "$out" || status=$?
[ -f "$out/fidelity.md" ] && [ "$status" -le 1 ] || exit "$status"
for file in "$@"; do
	awk -v block="$out/fidelity.md" '
		/^<!-- end -->$/ { inside = 0 }
		!inside { print }
		/^<!-- fidelity -->$/ { inside = 1; while ((getline line <block) > 0) print line }
		/^<!-- fidelity: / {
			inside = 1
			while ((getline line <block) > 0) {
				if (line == "") head = 1
				if (!head) print line
				split(line, cell, "`")
				if (line ~ /^\| `/) row[cell[2]] = line
				else if (line ~ /^\| (row|---) /) top[cell[1]] = line
			}
			print ""
			for (i in top) if (i ~ /^\| row/) print top[i]
			for (i in top) if (i !~ /^\| row/) print top[i]
			for (i = 3; i < NF; i++) {
				if (!($i in row)) { print "no row " $i >"/dev/stderr"; exit 1 }
				print row[$i]
			}
		}' "$file" >"$tmp" || exit 2
	if [ "$mode" = --check ]; then
		diff "$file" "$tmp" || { echo "make fidelity writes $file again"; status=1; }
	else
		cat "$tmp" >"$file"
	fi
done
exit "$status"
