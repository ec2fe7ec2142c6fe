#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_install.sh - make install into a folder of the test's own, the manual pages, the completion.
#
# The installed program runs an installed scenario and finds its plots. The pages are what the
# program says (`make docs` writes them) and clean for mandoc and groff. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
unset MAKEFLAGS MAKELEVEL MFLAGS DESTDIR

case $B in
build) flavour=default ;;
build/*) flavour=${B#build/} ;;
*) echo "1..0 # SKIP $B is no build folder of make's"; exit 77 ;;
esac
cd "$tmp" || exit 1
to=$tmp/to
makes() { exits 0 make -s --no-print-directory -C "$root" FLAVOUR="$flavour" DESTDIR="$to" prefix=/opt/v "$@"; }
has() { local f; for f; do [ -s "$to/opt/v/$f" ] || { echo "no $f"; return 1; }; done; }
only_below() { [ "$(ls -A "$to")" = opt ] && [ "$(ls -A "$to/opt")" = v ]; }
installed=$to/opt/v/bin/vnicsim
# From a folder where nothing of the tree is.
runs() { (mkdir -p else && cd else && exits 0 "$installed" run -q "$to/opt/v/share/vnicsim/scenarios/first.ini" --json a.json); }
plots() { (cd else && exits 0 "$installed" plot a.json --out figures && ls figures/*.png); }
replays() { exits 0 "$installed" run -q "$to/opt/v/share/vnicsim/scenarios/demo.ini"; }
nothing_left() { [ -z "$(find "$to" -type f)" ] || { find "$to" -type f; return 1; }; }
# Links in the installed documents lead to files that are installed.
links_lead()
{
	local page link bad=0
	while IFS= read -r page; do
		while IFS= read -r link; do
			case $link in *:* | '') continue ;; esac
			[ -e "$(dirname "$page")/$link" ] || { echo "$page: $link"; bad=1; }
		done < <(grep -oE '\]\([^)# ]+' "$page" | cut -c 3-)
	done < <(find "$to/opt/v/share/doc" -path '*/docs/*.md')
	return $bad
}

check "make install" makes install
check "... the programs" has bin/vnicsim bin/vnictap
check "... plots, scenarios and a trace" has share/vnicsim/plots/load.gp share/vnicsim/scenarios/first.ini share/vnicsim/scenarios/demo.ini
check "... manual pages" has share/man/man1/vnicsim.1 share/man/man1/vnictap.1 share/man/man5/vnicsim-scenario.5
check "... documents, the example of a policy, the completion" has share/doc/vnicsim/README.md share/doc/vnicsim/docs/ci.md \
	share/doc/vnicsim/docs/own-policy/vhost_like.c share/bash-completion/completions/vnicsim
check "... whose links lead somewhere" links_lead
check "... nowhere else" only_below
check "the installed program runs an installed scenario" runs
check "... finds its plots" plots
check "... and the trace of a scenario" replays
check "make uninstall" makes uninstall
check "... leaves nothing" nothing_left

# ---- manual pages ----

current() { "$root/tests/man-pages.sh" "$vnicsim" "$root/docs/man" "$tmp/pages" && diff "$tmp/pages/$1" "$root/docs/man/$1" | head -n 5 >differs; [ ! -s differs ] || { echo "make docs writes it again:"; cat differs; return 1; }; }
says_nothing() { "$@" >said 2>&1 && ! grep . said; }
lint() { says_nothing mandoc -Tlint -Wwarning "$1"; }
formats() { says_nothing groff -mdoc -ww -Tutf8 -z "$1"; }
shows() { MANWIDTH=80 man -l "$1" 2>said | tr -d '\b' | grep NAME >/dev/null; }
# Every option of the program is on its page.
options_there() { "$1" --help | grep -oE -- '--[a-z-]+' | sort -u | while read -r o; do sed 's/\\-/-/g' "$2" | grep -qF -- "$o" || { echo "$o"; }; done >missing; [ ! -s missing ] || { cat missing; return 1; }; }
mkdir pages
for page in "$root"/docs/man/*.[1-8]; do
	name=${page##*/}
	[ ! -e "$page.in" ] || check "$name is what the program says" current "$name"
	if command -v mandoc >/dev/null; then check "$name is clean for mandoc" lint "$page"; else skip "$name is clean for mandoc" "mandoc is missing"; fi
	if command -v groff >/dev/null; then check "... for groff" formats "$page"; else skip "... for groff" "groff is missing"; fi
	if command -v man >/dev/null; then check "... and man shows it" shows "$page"; else skip "... and man shows it" "man is missing"; fi
done
if [ -x "${vnicsim%vnicsim}vnictap" ]; then
	check "vnictap.1 has every option" options_there "${vnicsim%vnicsim}vnictap" "$root/docs/man/vnictap.1"
fi

# ---- completion ----

# completes LINE WORD...: of the words offered at the line's end, these are some.
completes()
{
	local line=$1 word words
	shift
	words=$(
		PATH=${vnicsim%/*}:$PATH
		# shellcheck source=docs/completion/vnicsim
		. "$root/docs/completion/vnicsim"
		COMP_LINE=$line
		COMP_POINT=${#line}
		read -ra COMP_WORDS <<<"$line"
		[[ $line != *' ' ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_vnicsim
		printf '%s\n' "${COMPREPLY[@]}"
	)
	for word; do
		grep -qxF -- "$word" <<<"$words" || { echo "no $word in:"; head -n 20 <<<"$words"; return 1; }
	done
}
not_offered() { ! completes "$@" >/dev/null; }
cp "$root/scenarios/first.ini" mine.ini
echo '{}' >some.json
check "completion: verbs" completes "vnicsim " run sweep check compare plot list --help
check "... that begin so" not_offered "vnicsim s" run
check "... options of a verb" completes "vnicsim check --" --baseline --update --junit --set --json
check "... of that verb alone" not_offered "vnicsim run --" --baseline
check "... scenarios" completes "vnicsim run m" mine.ini
check "... no other files" not_offered "vnicsim run s" some.json
check "... results" completes "vnicsim compare s" some.json
check "... keys behind --set" completes "vnicsim run mine.ini --set " guest.policy= nic.link= iommu.mode=
check "... of the scenario's objects" completes "vnicsim run mine.ini --set v" vm1.policy=
check "... and the words of a key" completes "vnicsim run mine.ini --set guest.policy=" copy zero-copy
check "... what there is to list" completes "vnicsim list " keys policies metrics
finish
