#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_terminal.sh - what is printed on terminals of 80 and 200 columns, and where there is none.
#
# On a terminal (script's) no line is longer than it is wide, and tables stay tables; without one
# nothing but text and line ends is written, and lists keep one line an item. SIGUSR1 is answered
# by one line in every verb that runs. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cd "$tmp" || exit 1
cat >small.ini <<-'END'
	# A sweep whose table is wider than 80 columns.
	[nic eth0]
	[guest vm1]
	[traffic bulk]
	to = vm1
	size = 1000B
	rate = 1Gbit/s
	packets = 200
	[sweep]
	guest.policy = copy, zero-copy
	guest.delivery = kernel, process
	bulk.size = 100B, 1000B
	[expect]
	vm*.rx.drops = 0
END
cat >long.ini <<-'END'
	[nic eth0]
	[guest vm1]
	policy = copy
	[traffic bulk]
	to = vm1
	size = 60B
	rate = 9Gbit/s
	packets = 100000000
END
ln -s "$root/scenarios" "$root/traces" .

# Each is a command line; all must end well.
commands=("--help" "run --help" "sweep --help" "check --help" "compare --help" "plot --help"
	"list --help" "fidelity --help" "list policies" "list keys" "list metrics" "list systems"
	"list presets" "run small.ini" "run scenarios/demo.ini --set web.loop=1" "check small.ini"
	"sweep small.ini --out swept" "check small.ini --baseline base.json --update"
	"check small.ini --baseline base.json")
"$vnicsim" run -q small.ini --json a.json
"$vnicsim" run -q small.ini --json b.json --set guest.policy=zero-copy

# on COLUMNS FILE COMMAND: what a terminal of that width gets, line ends as in files.
on()
{
	script -qec "stty cols $1 rows 50; exec $vnicsim $3" /dev/null </dev/null 2>/dev/null |
		tr -d '\r' >"$2"
}
# Progress comes and goes by these two alone; what stays is the text behind them.
stays() { sed -e 's/.*\x1b\[K//' -e 's/…/./g' "$1"; }
widest() { stays "$1" | awk '{ if (length($0) > n) { n = length($0); l = $0 } } END { if (n > '"$2"') { print n ": " l; exit 1 } }'; }
fits() { on "$1" shown "$2"; [ -s shown ] && widest shown "$1"; }
# No control characters but the line's end.
plain()
{
	# shellcheck disable=SC2086
	"$vnicsim" $1 >shown 2>shown.err
	! LC_ALL=C grep -nP '[\x00-\x09\x0b-\x1f\x7f]' shown shown.err
}
# Words of a text, however it is broken.
words() { tr -s ' ' '\n' <"$1" | sed '/^$/d'; }
same_words()
{
	# shellcheck disable=SC2086
	"$vnicsim" $1 | sed 's/…/./g' >plain.txt
	on 80 shown "$1"
	stays shown >stays.txt
	cmp -s plain.txt stays.txt && { echo "nothing was wrapped"; return 1; }
	diff <(words plain.txt) <(words stays.txt) >differs || { head -n 5 differs; return 1; }
}
unbroken() { "$vnicsim" list keys >keys.txt && ! grep -qE '^ {8}' keys.txt && [ "$(grep -c '^  policy ' keys.txt)" = 1 ]; }
# Where the numbers of a column end is where its head ends.
aligned()
{
	on 80 shown "sweep small.ini --out swept"
	stays shown >stays.txt
	awk '
		/^$/ { head = ""; next }
		/^ *point/ { head = $0; blocks++; next }
		head != "" && /^ +[0-9]+ / { rows++; if (length($0) > length(head) + 12) bad++ }
		END { exit !(blocks >= 2 && rows == 8 * blocks && !bad) }' stays.txt || { cat stays.txt; return 1; }
}
one_block() { on 200 shown "sweep small.ini --out swept" && [ "$(stays shown | grep -c '^ *point')" = 1 ]; }

# A run of seconds says how far it is, where a line can be erased.
shows()
{
	script -qec "stty cols 80; TERM=$1 timeout -s INT 4 $vnicsim run -o out long.ini" /dev/null \
		</dev/null >shown 2>/dev/null
	grep -q 'interrupted' shown && grep -q 'packets/s' shown
}
never() { ! shows "$1" && grep -q interrupted shown; }

# A sweep as a person sees it: states of the line, in order. Of ten points the first fails; all are
# overloaded, so drops are counted while they run.
sed -e '/^\[sweep/,$d' -e 's/packets = 200/packets = 20000000/;s/rate = .*/rate = 9.5Gbit\/s/;s/size = .*/size = 60B/' small.ini >watched.ini
cat >>watched.ini <<-'END'
	[sweep]
	bulk.packets & guest.policy = 1000 & copy, 4000000 & copy, 4000001 & copy
	[expect guest.policy=copy bulk.packets=1000]
	vm1.rx.packets = 1001
END
watched()
{
	on 80 seen.raw "sweep watched.ini -j 1 --out watched"
	sed 's/\x1b\[K/\n/g' seen.raw >seen
	grep -qE '^[0-2] of 3 points  [0-9]+%  [0-9.]+[kM] packets/s  [0-9.]+M? dropped  1 failed(  [0-9]+ s left)?$' seen || { cat seen; return 1; }
}
live() { grep -q '^FAIL \[bulk.packets=1000 .*\] vm1.rx.packets 1001 1000$' seen && awk '/^FAIL/ { failed = 1 } / of 3 points / && failed { went_on = 1 } END { exit !went_on }' seen; }
counts_up() { sed -nE 's/^([0-9]+) of 3 points.*/\1/p' seen | sort -nc && [ "$(grep -c ' of 3 points' seen)" -ge 3 ]; }
narrow() { ! awk 'length($0) > 79 && / of 3 points/' seen | grep .; }

if command -v script >/dev/null; then
	check "a long run says how far it is" shows xterm
	check "... but not on a dumb terminal" never dumb
	check "a sweep shows points, rate, drops and failures" watched
	check "... a failure at once" live
	check "... what is done never falls" counts_up
	check "... in less than 80 columns" narrow
	for command in "${commands[@]}" "compare a.json b.json"; do
		check "$command fits into 80 columns" fits 80 "$command"
		check "... and into 200" fits 200 "$command"
	done
	check "what is wrapped has the same words" same_words "list metrics"
	check "... in the help, too" same_words "check --help"
	check "a wide table comes in blocks, each with its point" aligned
	check "... and whole where there is room" one_block
else
	skip "terminals of 80 and 200 columns" "script is missing"
fi
for command in "${commands[@]}" "compare a.json b.json"; do
	check "$command without a terminal has no control characters" plain "$command"
done
check "without a terminal an item of a list is one line" unbroken

# Before the signal is caught it would kill: bit 9 of the mask is SIGUSR1's.
catches() { [ $((0x$(sed -n 's/^SigCgt:[[:blank:]]*//p' "/proc/$1/status" 2>/dev/null || echo 0) >> 9 & 1)) = 1 ]; }
# answers ARGUMENT...: SIGUSR1 sent until a line comes; then the run is interrupted.
answers()
{
	local tries=0 pid
	: >asked
	"$vnicsim" "$@" >asked.out 2>asked &
	pid=$!
	while [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != vnicsim ] || ! catches "$pid"; do
		sleep 0.05
		[ $((tries += 1)) -lt 200 ] || break
	done
	while [ ! -s asked ] && [ $((tries += 1)) -lt 300 ]; do
		kill -USR1 "$pid"
		sleep 0.1
	done
	kill -INT "$pid"
	wait "$pid"
	[ $? = 130 ] || { echo "not interrupted"; cat asked; return 1; }
	grep -qE '^[0-9]+ of 2 (runs|points)  [0-9]+%(  [0-9.]+[kM] packets/s)?(  [0-9]+ dropped)?(  [0-9]+ s left)?$' asked || grep -qE '^(1/2 .*)?sim [0-9.]+ ms  [0-9]+%  [0-9.]+[kM] packets/s  ([0-9]+ dropped  )?[0-9]+ s left$' asked ||
		{ cat asked; return 1; }
	! LC_ALL=C grep -nP '[\x00-\x09\x0b-\x1f\x7f]' asked
}
check "SIGUSR1: run says how far it is" answers run -q long.ini
check "... sweep, too" answers sweep long.ini --set "sweep.guest.policy=copy, single-copy" --out asked-sweep
check "... and check" answers check long.ini
check "... with several runs at once" answers check -j 2 long.ini --set "sweep.guest.policy=copy, single-copy"
finish
