#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_baseline.sh - check --baseline and --junit: what is held to it, what is said, what is refused.
#
# A baseline is made of two small scenarios; then scenarios and baseline are changed, each in one
# thing. B is the build folder. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cd "$tmp" || exit 1

mkdir ci
cat >ci/swept.ini <<-'END'
	[nic eth0]
	[guest vm1]
	[traffic bulk]
	to = vm1
	size = 1000B
	rate = 1Gbit/s
	packets = 200
	[sweep]
	guest.policy = single-copy, zero-copy
END
cat >ci/send.ini <<-'END'
	[nic eth0]
	[guest vm1]
	policy = zero-copy
	[traffic bulk]
	from = vm1
	size = 1000B
	rate = 1Gbit/s
	packets = 200
	[expect]
	vm1.tx.host_copies_per_packet = 0
END

# judges CODE ARGUMENT...: check against the baseline.
judges()
{
	local code=$1
	shift
	exits "$code" "$vnicsim" check --baseline ci/base.json "$@"
}
# sums PASSED FAILED SKIPPED: the last line.
sums()
{
	[ "$(tail -n 1 "$out")" = "$1 passed, $2 failed, $3 skipped" ] || { cat "$out"; return 1; }
}
# lines N PATTERN
lines()
{
	local n
	n=$(grep -cE -- "$2" "$out")
	[ "$n" = "$1" ] || { echo "wanted $1 lines of $2, got $n"; cat "$out"; return 1; }
}
updated() { exits 0 "$vnicsim" check --baseline ci/base.json --update "$@"; }
# edited SED...: the baseline changed and put back after the judgement that follows.
edited() { cp ci/base.json kept.json && sed -i "$@" ci/base.json && ! cmp -s kept.json ci/base.json; }
# of SED COMMAND...: the command, with the baseline edited for it alone.
of()
{
	local script=$1 status
	shift
	edited "$script" || { echo "nothing edited by $script"; return 1; }
	"$@"
	status=$?
	cp kept.json ci/base.json
	return $status
}
from_its_folder() { (cd ci && exits 0 "$vnicsim" check --baseline base.json swept.ini); }
first_point() { sed -n '/"base": {/,/}/s/^ *"\([^"]*\)".*/\1/p' ci/base.json | grep '\.'; }
sorted() { [ "$(first_point | wc -l)" -gt 100 ] && first_point | sort -c; }
refuses() { fails 1 "left as it was" -- "$vnicsim" check --baseline ci/base.json --update ci/send.ini "$@"; }
to_stdout() { exits 0 "$vnicsim" check --junit - ci/send.ini && valid "$out" && grep -q '^PASS' "$err"; }

check "without the file it says how to make one" \
	fails 2 ci/base.json "--update" -- "$vnicsim" check --baseline ci/base.json ci/swept.ini
check "--update makes it" updated ci/swept.ini ci/send.ini
check "... and says of how many points" prints "3 points new, 0 changed, 0 removed"
check "... as JSON" json_is_whole ci/base.json
check "... with sorted names" sorted
check "again it changes nothing" updated ci/swept.ini ci/send.ini
check "... and says so" prints "0 points new, 0 changed, 0 removed"

check "what has not changed passes" judges 0 ci/swept.ini ci/send.ini
check "... a line for each point, beside [expect]" sums 4 0 0
check "... whatever the number of threads" judges 0 -j 2 ci/swept.ini ci/send.ini
check "... from another folder" from_its_folder
check "... and of one file alone" judges 0 ci/send.ini

# A copy creeps in: the device loses what zero copy needs.
check "a new copy fails" judges 1 ci/send.ini --set eth0.zero_copy=false
check "... first of all, with site and reason" lines 2 \
	'^FAIL ci/send.ini (vm1|guests).tx.copies.guest_to_hypervisor.no_capability 0 200 \(baseline, new copies at guest_to_hypervisor because of no_capability\)$'
check "... and the fallback" lines 2 'tx.fallbacks.no_capability 0 200 '
check "... and that the set-up is another" lines 1 '^SKIP ci/send.ini baseline - - .*set up otherwise'
check "--quiet keeps the failures" judges 1 -q ci/send.ini --set eth0.zero_copy=false
check "... alone" lines 0 '^(PASS|SKIP)'

# Times have a tolerance.
check "a time within the tolerance passes" judges 0 ci/send.ini --set cost.guest_tx=602
check "... beyond it fails" judges 1 ci/send.ini --set cost.guest_tx=3000
check "... which may be larger" judges 0 ci/send.ini --set cost.guest_tx=640 --tolerance 50%
check "... or none" judges 1 ci/send.ini --set cost.guest_tx=602 --tolerance 0
check "counts have none" of 's/"vm1.tx.delivered_bytes": 200000/"vm1.tx.delivered_bytes": 200001/' \
	judges 1 --tolerance 50% ci/send.ini
check "... and the message has both" lines 1 'vm1.tx.delivered_bytes 200001 200000 \(baseline, -1\)$'

# All that a slower guest changes is more than a person reads.
slower() { judges 1 ci/send.ini --set cost.guest_tx=30000 "$@"; }
hidden() { sed -nE 's/^\.\.\. and ([0-9]+) more of ci.send.ini, less far off: .*/\1/p' "$out"; }
failed() { sed -nE '$s/.* passed, ([0-9]+) failed, .*/\1/p' "$out"; }
adds_up() { [ "$(($(grep -c '^FAIL' "$out") + $(hidden)))" = "$(failed)" ] || { cat "$out"; return 1; }; }
# The share by which each is off falls from line to line.
by_share() { sed -nE 's/^FAIL .*baseline, [-+]([0-9.]+)%\)$/\1/p' "$out" | sort -grc; }
keeps_all() { slower --json kept.verdicts --junit kept.xml && [ "$(grep -c '"FAIL"' kept.verdicts)" = "$(failed)" ] && [ "$(grep -c '<failure' kept.xml)" = "$(failed)" ]; }
check "of many that fail" slower
check "... the 20 worst are shown" lines 20 '^FAIL'
check "... the worst first" by_share
check "... and the others counted, and said where they are" prints "more of ci/send.ini, less far off: --junit FILE has all"
check "... with nothing lost" adds_up
check "... --json and --junit have all of them" keeps_all
check "... which is said" prints "less far off: kept.xml has all"
each_point() { judges 1 ci/swept.ini --set cost.host_irq=90000 && [ "$(grep -c '^\.\.\. and' "$out")" = 2 ] && lines 23 '^FAIL'; }
check "of a further point three" each_point

# Points that are not in it, and that are no more.
check "a point that is not in it fails" judges 1 ci/swept.ini --set "sweep.guest.policy=single-copy, copy"
check "... by name" lines 1 '^FAIL ci/swept.ini \[guest.policy=copy\] baseline - - .*--update adds it'
check "... and one that is no more" lines 1 '^FAIL ci/swept.ini \[guest.policy=zero-copy\] baseline - - .*--update removes it'
cp ci/send.ini ci/other.ini
check "a scenario that is not in it fails" judges 1 ci/other.ini
check "--update adds it" updated ci/other.ini
check "... and leaves the others" judges 0 ci/swept.ini ci/send.ini ci/other.ini

# An update of what fails would make the failure the rule.
cp ci/base.json kept.json
check "--update after a failed expectation writes nothing" refuses --set eth0.zero_copy=false
check "... indeed" cmp kept.json ci/base.json

# Files that are none.
check "another schema" of 's/"schema": 1/"schema": 7/' \
	fails 3 ci/base.json "schema 7" -- "$vnicsim" check --baseline ci/base.json ci/send.ini
check "another version" of 's/"version": "/&9./' \
	fails 3 ci/base.json "made by vnicsim 9." "--update" -- "$vnicsim" check --baseline ci/base.json ci/send.ini
edited 's/"version": "/&9./'
check "... which --update replaces" updated ci/swept.ini ci/send.ini ci/other.ini
check "... whole" cmp kept.json ci/base.json
echo '{"schema": 1}' >none.json
check "what is no baseline" fails 3 none.json "no baseline" -- "$vnicsim" check --baseline none.json ci/send.ini
check "... is not replaced either" fails 3 none.json "no baseline" -- "$vnicsim" check --baseline none.json --update ci/send.ini
check "... and stays" grep -qx '{"schema": 1}' none.json
echo '{"schema": 1,' >none.json
check "what is no JSON" fails 3 none.json "no JSON" -- "$vnicsim" check --baseline none.json ci/send.ini
check "a metric that is none" of 's/"vm1.tx.delivered": 200/"vm1.tx.delivered": []/' \
	fails 3 "[base] is no point of a baseline" -- "$vnicsim" check --baseline ci/base.json ci/send.ini
check "a folder" fails 2 -- "$vnicsim" check --baseline ci ci/send.ini
check "one that cannot be written, before anything runs" \
	fails 6 nowhere -- "$vnicsim" check --baseline nowhere/base.json --update ci/send.ini
check "--update alone" fails 2 "--update needs --baseline" -- "$vnicsim" check --update ci/send.ini
check "--tolerance alone" fails 2 "--tolerance needs --baseline" -- "$vnicsim" check --tolerance 5% ci/send.ini
check "a tolerance that is none" fails 2 "--tolerance" -- "$vnicsim" check --baseline ci/base.json --tolerance x ci/send.ini

# JUnit. A name with all that XML cares about.
cp ci/send.ini "a&b<\"c'>"$'\x01'".ini"
junit() { exits 2 "$vnicsim" check --junit out.xml ci/swept.ini "a&b<"*.ini ci/none.ini; }
valid() { xmllint --noout --schema "$root/tests/junit.xsd" "$1" 2>&1 || { cat "$1"; return 1; }; }
counts() { [ "$(xmllint --xpath "$1" "$2")" = "$3" ] || { xmllint --xpath "$1" "$2"; return 1; }; }
check "--junit writes the verdicts" junit
if command -v xmllint >/dev/null; then
	check "... as JUnit XML" valid out.xml
	check "... a suite a file" counts 'count(//testsuite)' out.xml 3
	check "... failures counted" counts 'string(//testsuite[3]/@failures)' out.xml 1
	check "... skips too" counts 'count(//testsuite[1]//skipped)' out.xml 1
	check "... to stdout, the lines to stderr" to_stdout
else
	skip "... as JUnit XML" "xmllint is missing"
fi
check "... which cannot be written" fails 6 nowhere -- "$vnicsim" check --junit nowhere/out.xml ci/send.ini
finish
