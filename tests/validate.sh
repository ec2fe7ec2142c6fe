#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# validate.sh VNICSIM OUT PAGE [RUNS]: measures this machine, holds scenarios/tap/*.ini against it,
# writes what came of it into PAGE between "<!-- validation -->" and "<!-- end -->", and draws the
# figure beside PAGE. Everything else stays in OUT. Exit 1 if a count differs.
set -u
vnicsim=$1 out=$2 page=$3 runs=${4:-7}
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out" || exit 6
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

"$vnicsim" calibrate --out "$out/calibration.ini" --json "$out/calibration.json" || exit
status=0
"$vnicsim" validate "$root"/scenarios/tap/*.ini --calibration "$out/calibration.ini" \
	--runs "$runs" --out "$out" || status=$?
[ -f "$out/validation.md" ] && [ "$status" -le 1 ] || exit "$status"

{
	cat "$out/validation.md"
	printf '\n## Calibration\n\n```ini\n'
	cat "$out/calibration.ini"
	printf '```\n'
} >"$out/block.md"
awk -v block="$out/block.md" '
	/^<!-- end -->$/ { inside = 0 }
	!inside { print }
	/^<!-- validation -->$/ { inside = 1; while ((getline line <block) > 0) print line }
' "$page" >"$tmp" && cat "$tmp" >"$page"
(cd "$out" && gnuplot "$root/plots/validation.gp") &&
	cp "$out/validation.png" "$(dirname "$page")/validation.png"
echo
echo "page: $page; figure: $(dirname "$page")/validation.png; the rest is in $out"
exit "$status"
