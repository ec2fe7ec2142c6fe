# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tap.sh - what the shell tests of the command line share; they source it.
#
#   check WHAT COMMAND...     a line of the report; what the command said follows if it failed
#   skip WHAT REASON          the same line, not judged
#   exits CODE COMMAND...     ends with that code; its streams stay in $out and $err
#   says WORD... / silent     each word stands on stderr, a line of its own for all; or nothing does
#   finish                    the plan, and the exit code
#
# It sets root, vnicsim (the program under test, from B, default build) and tmp, a folder that goes
# with the test. Nothing here needs more than bash, sed, grep and awk.
set -uo pipefail
export LC_ALL=C
# What a terminal is given does not depend on the one that the tests run on.
export TERM=xterm

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${B:=build} in
/*) vnicsim=$B/vnicsim ;;
*) vnicsim=$root/$B/vnicsim ;;
esac
checks=0
failures=0

# The tests are of the simulator: without one there is nothing to say.
if [ ! -x "$vnicsim" ]; then
	echo "1..0 # SKIP $vnicsim is not built"
	exit 77
fi
tmp=$(mktemp -d)
out=$tmp/.out
err=$tmp/.err
trap 'rm -rf "$tmp"' EXIT

check()
{
	local what=$1
	shift
	checks=$((checks + 1))
	if "$@" >"$tmp/.said" 2>&1; then
		echo "ok $checks - $what"
	else
		failures=$((failures + 1))
		echo "not ok $checks - $what"
		sed 's/^/# /' "$tmp/.said"
	fi
}

skip()
{
	checks=$((checks + 1))
	echo "ok $checks - $1 # SKIP $2"
}

exits()
{
	local code=$1 got
	shift
	"$@" >"$out" 2>"$err"
	got=$?
	[ "$got" = "$code" ] && return
	echo "wanted exit $code, got $got: $*"
	head -n 5 "$err"
	return 1
}

says()
{
	local line word
	while IFS= read -r line; do
		for word in "$@"; do
			case $line in *"$word"*) ;; *) continue 2 ;; esac
		done
		return 0
	done <"$err"
	printf 'no line of stderr has all of:'
	printf ' "%s"' "$@"
	echo
	head -n 5 "$err"
	return 1
}

silent()
{
	[ ! -s "$err" ] || { head -n 5 "$err"; return 1; }
}

# prints WORD...: each stands in stdout.
prints()
{
	local word
	for word in "$@"; do
		grep -qF -- "$word" "$out" || { echo "stdout has no \"$word\""; head -n 30 "$out"; return 1; }
	done
}

# fails CODE WORD... -- COMMAND...: both at once: the code, and one line that has all the words.
fails()
{
	local code=$1 words=()
	shift
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	exits "$code" "$@" && says "${words[@]}"
}

finish()
{
	echo "1..$checks"
	[ "$failures" = 0 ]
}

# json FILE PATH: the value at a path of keys ("metrics" "vm1.rx.drops"), of our own, indented JSON.
# A string comes without quotes; nothing and exit 1 if there is none.
json()
{
	awk -v depth=1 -v path="$(printf '%s\n' "${@:2}")" '
		BEGIN { n = split(path, want, "\n") }
		{
			match($0, /^ */)
			if (RLENGTH != 2 * depth || substr($0, RLENGTH + 1, 1) != "\"")
				next
			line = substr($0, RLENGTH + 2)
			key = substr(line, 1, index(line, "\": ") - 1)
			if (key != want[depth])
				next
			value = substr(line, length(key) + 4)
			if (depth++ < n)
				next
			sub(/,$/, "", value)
			if (value ~ /^".*"$/)
				value = substr(value, 2, length(value) - 2)
			print value
			found = 1
			exit
		}
		END { exit !found }' "$1"
}

# json_is FILE VALUE PATH...
json_is()
{
	local got
	got=$(json "$1" "${@:3}") || { echo "$1 has no ${*:3}"; return 1; }
	[ "$got" = "$2" ] || { echo "${*:3}: wanted $2, got $got"; return 1; }
}

# Whole JSON: one value, brackets that match, nothing after it. A small automaton over the characters,
# so that the test needs no parser.
json_is_whole()
{
	awk '
		{ text = text $0 "\n" }
		END {
			n = length(text)
			state = "value"
			for (i = 1; i <= n; i++) {
				c = substr(text, i, 1)
				if (c ~ /[ \n]/)
					continue
				if (state == "value" && c ~ /[\[{]/) {
					stack = stack c
					state = c == "{" ? "key or end" : "value or end"
				} else if (state ~ /or end|comma/ && c ~ /[]}]/) {
					top = substr(stack, length(stack))
					if ((top c) != "{}" && (top c) != "[]")
						exit 1
					stack = substr(stack, 1, length(stack) - 1)
					state = stack == "" ? "done" : "comma"
				} else if (state ~ /key/ && c == "\"") {
					i = skip_string(i)
					state = "colon"
				} else if (state == "colon" && c == ":") {
					state = "value"
				} else if (state == "comma" && c == "," && stack != "") {
					state = stack ~ /{$/ ? "key" : "value"
				} else if (state ~ /value/) {
					if (c == "[" || c == "{") {
						state = "value"
						i--
						continue
					}
					if (c == "\"")
						i = skip_string(i)
					else if (match(substr(text, i), /^(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null)/))
						i += RLENGTH - 1
					else
						exit 1
					state = stack == "" ? "done" : "comma"
				} else {
					exit 1
				}
			}
			exit state != "done"
		}
		function skip_string(i) {
			for (i++; i <= n && substr(text, i, 1) != "\""; i++)
				if (substr(text, i, 1) == "\\")
					i++
			return i
		}' "$1" || { echo "$1 is no JSON"; tail -n 3 "$1"; return 1; }
}
