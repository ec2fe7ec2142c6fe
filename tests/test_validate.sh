#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_validate.sh - the verbs `calibrate` and `validate`: equal counts, one that is made to differ,
# exit codes, what is written, and how it looks without a terminal.
#
# Needs TAP devices in a namespace of their own; where there are none only usage is tested. No time
# is judged here. Prints TAP.
# shellcheck source=tests/tap.sh disable=SC2016
. "$(dirname "$0")/tap.sh"

cd "$tmp" || exit 1

# file NAME DIRECTION: a short scenario of one guest, one way; both policies of a sweep.
file()
{
	cat >"$1" <<INI
[tap]
[nic eth0]
[guest vm1]
[traffic t]
$2 = vm1
size = 300B
pps = 5000
packets = 100
[sweep]
guest.policy = single-copy, zero-copy
INI
}
file in.ini to
file out.ini from
sed 's/^\[tap\]//' in.ini >untapped.ini

no_control() { ! grep -q $'[\033\r\b]' "$1"; }
narrow() { [ "$(wc -L <"$1")" -le 80 ]; }
has() { grep -qE "$1" "$2" || { echo "no $1 in:"; cat "$2"; return 1; }; }
hasnt() { ! grep -qE "$1" "$2"; }

check "validate without a file is refused" exits 2 "$vnicsim" validate
check "and says what it takes" says "scenario files"
check "calibrate takes no file" exits 2 "$vnicsim" calibrate in.ini
check "runs beyond the range are refused" exits 2 "$vnicsim" validate in.ini --runs -3
check "--help of calibrate" exits 0 "$vnicsim" calibrate --help
check "--help of validate" exits 0 "$vnicsim" validate --help
check "a scenario that is not there" exits 2 "$vnicsim" validate nowhere.ini
check "a scenario without [tap]" exits 2 "$vnicsim" validate untapped.ini
check "says what is missing" says "[tap]"
check "a calibration that is not there" exits 2 "$vnicsim" validate in.ini -c nowhere.ini
mkdir bare && cp "$vnicsim" bare/vnicsim
check "without vnictap beside it: exit 5" exits 5 bare/vnicsim validate in.ini
check "and says what to build" says "vnictap" "make"

if ! "$(dirname "$vnicsim")/vnictap" in.ini --quiet >/dev/null 2>"$tmp/why"; then
	[ "$("$(dirname "$vnicsim")/vnictap" in.ini --quiet >/dev/null 2>&1; echo $?)" = 5 ] && {
		skip "real devices" "$(head -n 1 "$tmp/why")"
		check "validate says so: exit 5" exits 5 "$vnicsim" validate in.ini
		finish
	}
fi

check "counts are equal" exits 0 "$vnicsim" validate in.ini out.ini --out val
cp "$out" equal.txt
check "and none differs" has '^4 points: [1-9][0-9]* counts equal, 0 differ' equal.txt
check "nothing is judged without a calibration" has '^no calibration' equal.txt
check "80 columns" narrow equal.txt
check "no control characters" no_control equal.txt
check "nothing on stderr without a terminal" silent
check "a page, a result, a table for plots" test -s val/validation.md -a -s val/validation.json \
	-a -s val/validation.tsv
check "the table has a row of each point and way" has 'in\.ini guest\.policy=zero-copy' \
	val/validation.tsv
check "quiet prints nothing" exits 0 "$vnicsim" validate in.ini --quiet --json val.json
check "but the file" test ! -s "$out" -a -s val.json

# The real program does something else: found, named, exit 1.
cat >other.sh <<'SH'
#!/bin/sh
exec "$REAL" "$@" --set t.packets=99
SH
chmod +x other.sh
cp "$vnicsim" bare/vnicsim && cp other.sh bare/vnictap
REAL=$(cd "$(dirname "$vnicsim")" && pwd)/vnictap
export REAL
check "another count is exit 1" exits 1 bare/vnicsim validate in.ini
cp "$out" other.txt
check "and named with both values" has 'vm1\.rx\.packets +free +100 +99' other.txt
check "and in lockstep" has 'vm1\.rx\.interrupts +in lockstep +100 +99' other.txt
check "and summed up" has 'counts equal, [1-9][0-9]* differ \(at 2 points\)' other.txt
printf '#!/bin/sh\necho "vnictap: no such luck" >&2\nexit 5\n' >bare/vnictap
check "what the real program says is said" exits 5 bare/vnicsim validate in.ini
check "with its words" says "no such luck"
printf '#!/bin/sh\nkill -9 $$\n' >bare/vnictap
check "one that is killed is a violation" exits 4 bare/vnicsim validate in.ini
check "and says by what" says "signal 9"

check "calibrate --quick" exits 0 "$vnicsim" calibrate --quick --out cal.ini --json cal.json
cp "$out" cal.txt
check "writes a preset with intervals" has '^read = [1-9][0-9]*ps +# .*\.\..* ns, n = [0-9]+: ' cal.ini
check "and a table" has 'tap\.write +[0-9]' cal.txt
check "80 columns" narrow cal.txt
check "no control characters" no_control cal.txt
check "a scenario can name it" exits 0 "$vnicsim" run in.ini --set host.preset=cal.ini --json run.json
value=$(sed -n 's/^read = \([0-9]*ps\).*/\1/p' cal.ini)
check "and gets its values" has "\"tap\\.read\": \"$value\"" run.json
check "a folder that is not there: exit 6" exits 6 "$vnicsim" calibrate --quick --out no/cal.ini
check "times are judged with it" exits 0 "$vnicsim" validate in.ini --runs 1 --calibration cal.ini
check "and it is named" has '^calibration: cal\.ini, 20[0-9-]+ .*sha256 [0-9a-f]{16}' "$out"
check "with a verdict" has 'rx latency, one thread .*(within|MISS)' "$out"
check "CPU time of a datapath that is woken has none" hasnt 'packets a CPU second.*(within|MISS)' \
	"$out"
check "one thread, busy" exits 0 "$vnicsim" validate in.ini --runs 2 --calibration cal.ini \
	--set tap.threads=one --set traffic.pps=1e6
check "has one" has 'packets a CPU second .*(within|MISS)' "$out"

finish
