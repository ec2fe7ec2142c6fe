#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check-style.sh - what tools can say about the sources, said by tools.
#
# One rule a line, "PASS|FAIL|SKIP rule", with what offends behind a FAIL; then the sum. A rule whose
# tool is missing is skipped with that reason. Exits 1 if a rule failed. B is the build folder, whose
# datapath objects the seam's rule looks at (`make seam-objects`). Rules given as arguments are the
# only ones run: check-style.sh format headers.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 2

B=${B:-build}
JOBS=${JOBS:-2}
LINES_MAX=1200
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

mapfile -t sources < <(find sim models tests docs -name '*.c' | sort)
mapfile -t headers < <(find sim models tests -name '*.h' | sort)
mapfile -t scripts < <(find tests traces plots .ci -name '*.sh' 2>/dev/null | sort; ls .ci/run 2>/dev/null)
read -ra packages < <(pkg-config --cflags glib-2.0 jansson libpcap 2>/dev/null)

# The Makefile says in which world a test is built.
# shellcheck disable=SC2016
of_makefile() { make -s --no-print-directory --eval 'ask: ; @echo $('"$1"')' ask; }
tests_test=" $(of_makefile TESTS_test) "
tests_real=" $(of_makefile TESTS_real) $(of_makefile TESTS_tap) $(of_makefile BENCH_real) "
export tests_test tests_real

# worlds FILE: the worlds that it is built for: where its own plat_impl.h comes from.
worlds()
{
	case $1 in
	models/datapath/* | models/plat/*.h)
		case $1 in
		models/plat/sim/*) echo sim ;;
		models/plat/real/*) echo real ;;
		models/plat/test/*) echo test ;;
		*) echo sim real test ;;
		esac
		;;
	models/plat/real/* | models/tap/*) echo real ;;
	models/plat/test/* | tests/test_virtq*.h | tests/policy_rig.h) echo test ;;
	tests/*.c)
		if [[ $tests_test == *" $(basename "$1" .c) "* ]]; then
			echo test
		elif [[ $tests_real == *" $(basename "$1" .c) "* ]]; then
			echo real
		else
			echo sim
		fi
		;;
	*) echo sim ;;
	esac
}

# flags WORLD: as the Makefile has them.
flags()
{
	echo -std=gnu11 "-Imodels/plat/$1" -I. -Imodels/plat -Imodels/datapath "${packages[@]}"
}

# rule NAME TOOL COMMAND...: TOOL "-" is none.
rule()
{
	local name=$1 tool=$2
	shift 2
	[ ${#only[@]} = 0 ] || [[ " ${only[*]} " == *" $name "* ]] || return
	if [ "$tool" != - ] && ! command -v "$tool" >/dev/null; then
		echo "SKIP $name: $tool is missing"
		skipped=$((skipped + 1))
	elif "$@" >"$log" 2>&1; then
		echo "PASS $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name"
		head -n 60 "$log" | sed 's/^/    /'
		failed=$((failed + 1))
	fi
}

format() { clang-format --dry-run -Werror "${sources[@]}" "${headers[@]}"; }

# Each header compiles as if it were a source, in every world that it belongs to.
headers_alone()
{
	local header world bad=0 warnings
	warnings='-Wall -Wextra -Wshadow -Wstrict-prototypes -Wundef -Wvla -Wwrite-strings -Werror'
	for header in "${headers[@]}"; do
		# The implementation of the seam is included by plat.h, at its end, and by nobody else.
		[ "${header##*/}" != plat_impl.h ] || continue
		for world in $(worlds "$header"); do
			# shellcheck disable=SC2046,SC2086
			echo "#include \"$header\"" | gcc $warnings -Wno-unused-function $(flags "$world") \
				-fsyntax-only -x c - || { echo "$header alone, in world $world"; bad=1; }
		done
	done
	return $bad
}

static_cppcheck()
{
	local world bad=0 found
	for world in sim real test; do
		found=()
		for file in "${sources[@]}"; do
			[[ $file == tests/* || " $(worlds "$file") " != *" $world "* ]] || found+=("$file")
		done
		cppcheck -q -j"$JOBS" --std=c11 --library=gtk --enable=warning,performance,portability \
			--inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem \
			"-Imodels/plat/$world" -I. -Imodels/plat -Imodels/datapath "${found[@]}" || bad=1
	done
	return $bad
}

# A datapath source is looked at in the world of the simulator alone: it is the same text in all.
tidy_one()
{
	local world
	world=$(worlds "$1" | cut -d ' ' -f 1)
	# shellcheck disable=SC2046
	clang-tidy --quiet "$1" -- $(flags "$world") 2>/dev/null
}

static_tidy()
{
	export -f tidy_one worlds flags
	# xargs passes no arrays on.
	# shellcheck disable=SC2016
	printf '%s\n' "${sources[@]}" | xargs -P "$JOBS" -I '{}' \
		bash -c 'read -ra packages <<<"$0"; tidy_one "$1"' "${packages[*]}" '{}'
}

shell() { shellcheck -x "${scripts[@]}"; }

seam() { tests/check-seam.sh "$B/real/models/datapath" "$B/test/models/datapath" "$B/sim/models/datapath"; }

# none PATTERN FILE...: no line matches.
none()
{
	! grep -nE -- "$1" "${@:2}" /dev/null
}

unfinished() { none '\b(TODO|FIXME|XXX)\b|\bHACK\b' "${sources[@]}" "${headers[@]}" "${plain[@]}"; }
blanks() { none '[[:blank:]]+$' "${sources[@]}" "${headers[@]}" "${plain[@]}"; }
vacuous() { none 'assert_true\((1|true)\)|assert_(int_)?equal\(([^,()]+), *\2\)|\bassert\((1|true)\)' "${sources[@]}"; }

licence()
{
	local file bad=0
	for file in "${sources[@]}" "${headers[@]}"; do
		[ "$(head -n 1 "$file")" = '/* SPDX-License-Identifier: GPL-2.0-or-later */' ] ||
			{ echo "$file:1: not the licence's line"; bad=1; }
	done
	for file in "${scripts[@]}" Makefile; do
		head -n 3 "$file" | grep -qF 'SPDX-License-Identifier: GPL-2.0-or-later' ||
			{ echo "$file:2: no licence's line"; bad=1; }
	done
	return $bad
}

# What a file is stands at its head, at once behind the licence.
introductions()
{
	local file bad=0
	for file in "${sources[@]}" "${headers[@]}"; do
		sed -n 2p "$file" | grep -qE '^/\*' || { echo "$file:2: does not say what it is"; bad=1; }
	done
	return $bad
}

size()
{
	wc -l "${sources[@]}" "${headers[@]}" "${scripts[@]}" |
		awk -v max=$LINES_MAX '$2 != "total" && $1 > max { print $2 ": " $1 " lines"; bad = 1 } END { exit bad }'
}

# Every header is guarded, no two by the same name.
guards()
{
	local header guard bad=0
	for header in "${headers[@]}"; do
		guard=$(grep -m 1 -oP '^#ifndef \K\w+' "$header")
		if [ -z "$guard" ] || ! grep -qx "#define $guard" "$header"; then
			echo "$header: no guard"
			bad=1
		fi
		echo "$guard" >>"$log.guards"
	done
	sort "$log.guards" | uniq -d | grep . && bad=1
	rm -f "$log.guards"
	return $bad
}

# Time is whole picoseconds and results are integers: no header of libm but in tests.
no_libm()
{
	local files=()
	for file in "${sources[@]}" "${headers[@]}"; do
		case $file in
		tests/*) ;;
		# What is measured on a machine, and compared with that, is no result of the simulator.
		models/tap/* | sim/median.* | sim/validate*) ;;
		*) files+=("$file") ;;
		esac
	done
	none '^#include <(math|tgmath|complex|fenv)\.h>' "${files[@]}"
}

only=("$@")
mapfile -t plain < <(find scenarios plots docs -type f \( -name '*.ini' -o -name '*.gp' -o -name '*.md' \)
	printf '%s\n' "${scripts[@]}" Makefile README.md | grep -vx tests/check-style.sh)
rule format clang-format format
rule headers gcc headers_alone
rule cppcheck cppcheck static_cppcheck
rule clang-tidy clang-tidy static_tidy
rule shellcheck shellcheck shell
rule seam nm seam
rule unfinished - unfinished
rule licence - licence
rule introductions - introductions
rule blanks - blanks
rule size - size
rule guards - guards
rule vacuous - vacuous
rule no-libm - no_libm
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
