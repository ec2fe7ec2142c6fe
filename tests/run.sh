#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs every test program and script and counts. Each speaks TAP; a program that dies, prints no
# result or leaves without its plan counts as one failure. VALGRIND=1 runs the programs under it.
set -u
B=${B:-build}
export B
log=$B/tests/log
mkdir -p "$log"
passed=0 failed=0 skipped=0

# What failed and what was skipped. The reason for a skip is what the test said before it; cmocka up
# to 1.1.7 writes "not ok" in front of one.
show() { # output
	awk '{ l = tolower($0) }
		l ~ /^(not )?ok .*# skip/ {
			sub(/^not /, "")
			print $0 (was ~ /^((not )?ok |1\.\.)/ ? "" : ": " was)
		}
		l !~ /# skip/ && /^not ok/ || l ~ /^1\.\.0 # skip/
		{ was = $0 }' "$1"
}

count() { # name, exit status, output
	local ok notok skip
	ok=$(grep -E '^ok ' "$3" | grep -civ '# skip')
	notok=$(grep -E '^not ok ' "$3" | grep -civ '# skip')
	skip=$(grep -ciE '^((not )?ok .*# skip|1\.\.0 # skip)' "$3")
	if [ "$2" != 0 ] && [ "$2" != 77 ] && [ "$notok" = 0 ]; then
		notok=1
		echo "not ok - $1 ended with status $2"
	elif [ $((ok + notok + skip)) = 0 ]; then
		notok=1
		echo "not ok - $1 printed no result"
	fi
	show "$3"
	[ "$notok" = 0 ] || { tail -n 40 "$3" | sed 's/^/    /'; }
	printf '%-28s %4d passed, %d failed, %d skipped\n' "$1" "$ok" "$notok" "$skip"
	passed=$((passed + ok)) failed=$((failed + notok)) skipped=$((skipped + skip))
}

run() { # name, command...
	local name=$1
	shift
	CMOCKA_MESSAGE_OUTPUT=TAP "$@" >"$log/$name" 2>&1
	count "$name" $? "$log/$name"
}

wrap=()
if [ -n "${VALGRIND:-}" ]; then
	wrap=(valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite)
	export VNICSIM_TEST_SCALE=${VNICSIM_TEST_SCALE:-30} G_SLICE=always-malloc
fi
only=${ONLY:-}
[ -n "$only" ] || rm -f "$log"/*
for src in tests/test_*.c tests/real_*.c tests/fuzz_*.c; do
	name=$(basename "$src" .c)
	# shellcheck disable=SC2053 # a pattern
	[ -n "$only" ] && [[ $name != $only ]] && continue
	run "$name" "${wrap[@]}" "$B/tests/$name"
done
if [ -z "${VALGRIND:-}" ]; then
	for src in tests/test_*.sh; do
		name=$(basename "$src")
		# shellcheck disable=SC2053 # a pattern
		[ -n "$only" ] && [[ $name != $only ]] && continue
		run "$name" bash "$src"
	done
fi
echo
if [ -z "$only" ] && [ -z "${VALGRIND:-}" ]; then # some are shown by scripts
	shown=$(cat "$log"/* | grep -E '^ok ' | grep -oE 'p[1-5]_[0-9]{2}(_[0-9]{2})*' |
		awk -F_ '{ for (i = 2; i <= NF; i++) print $1 "_" $i }' | sort -u)
	# tests/behaviours names those that had a test once: none may lose it.
	while read -r lost; do
		echo "not ok - behaviour $lost has lost its test"
		failed=$((failed + 1))
	done < <(grep -v '^#' tests/behaviours | grep -vxF "$shown")
	echo "numbered behaviours of the five systems shown by a test: $(wc -w <<<"$shown") of 85"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
