#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_systems.sh - the table of the five systems comes out as the designs say, and README.md and
# docs/systems.md hold what comes out. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cd "$root" || exit 1

table_is_right()
{
	cp README.md docs/systems.md "$tmp/"
	tests/systems.sh "$vnicsim" "$tmp/out" "$tmp/README.md" "$tmp/systems.md"
}

# same_as FILE OTHER
same_as()
{
	diff "$1" "$2" || { echo "make systems writes it again"; return 1; }
}

# The judge can fail: a wish that does not hold is seen.
judge_sees()
{
	sed 's,^old way\, copy|\(.*\)||2+1/1,old way\, copy|\1||1+1/1,' tests/systems.sh >"$tmp/wrong.sh"
	! cmp -s tests/systems.sh "$tmp/wrong.sh" && ! bash "$tmp/wrong.sh" "$vnicsim" "$tmp/wrong"
}

figure_is_drawn()
{
	cp plots/systems.gp "$tmp/out/" && (cd "$tmp/out" && gnuplot systems.gp) && [ -s "$tmp/out/systems.svg" ]
}

check "each cell of the table is what the design says" table_is_right
check "README.md has the table as it comes out" same_as README.md "$tmp/README.md"
check "docs/systems.md has the table as it comes out" same_as docs/systems.md "$tmp/systems.md"
check "a cell that differs is seen" judge_sees
if command -v gnuplot >/dev/null; then
	check "the figure is drawn" figure_is_drawn
else
	skip "the figure is drawn" "no gnuplot"
fi
finish
