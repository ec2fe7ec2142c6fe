#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_docs.sh - what README.md and docs/ say can be done, can be done.
#
# Each fenced sh block is run as it stands, in a folder of links to the tree, so that what it writes
# goes with the test; build/ there holds the program under test (B). A block that begins with
# "# not run" or "# not run here" is left out, as is one whose line "# needs COMMAND..." names what
# is not there; a line "# exit N" in it states another code than 0.
# An ini block with a NIC, a guest and traffic is a whole scenario and is run, too. Links lead to
# files, and the scenario reference is the program's own. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cd "$root" || exit 1
shopt -s nullglob
pages=()
for page in README.md docs/*.md docs/*/*.md traces/README.md; do
	[ ! -f "$page" ] || pages+=("$page")
done

# blocks PAGE LANGUAGE FOLDER: each fenced block into FOLDER/LINE, by the line that it begins at.
blocks()
{
	mkdir -p "$3"
	awk -v language="$2" -v folder="$3" '
		!inside && $0 == "```" language { inside = 1; file = sprintf("%s/%05d", folder, NR); next }
		inside && /^```$/ { inside = 0; close(file); next }
		inside { print >file }' "$1"
}

make_place()
{
	local entry
	mkdir -p "$tmp/place/build"
	for entry in "$root"/*; do
		case ${entry##*/} in build | out) ;; *) ln -s "$entry" "$tmp/place/" ;; esac
	done
	ln -s "$vnicsim" "$tmp/place/build/vnicsim"
	ln -s "${vnicsim%vnicsim}vnictap" "$tmp/place/build/vnictap"
	# What make builds there shares what is built here, of the same flavour.
	if [ "$B" = build ]; then
		for entry in "$root/build"/{sim,real,lib*.a}; do
			[ ! -e "$entry" ] || ln -s "$entry" "$tmp/place/build/"
		done
	else
		ln -s "$(dirname "$vnicsim")" "$tmp/place/build/${B#build/}"
		export FLAVOUR=${B#build/}
	fi
	unset MAKEFLAGS MAKELEVEL MFLAGS
}

# lacks FILE: what a block needs ("# needs ping ...") and this machine has not; "namespaces": those of
# unshare -rnm, with TAP devices; "root": to be root, without a namespace for it.
lacks()
{
	local need
	# shellcheck disable=SC2013 # words
	for need in $(sed -n 's/^# needs //p' "$1"); do
		case $need in
		TAP) tap_possible ;;
		root) [ "$(id -u)" = 0 ] && unshare -n sh -c 'ip tuntap add dev tap0 mode tap' >/dev/null 2>&1 ;;
		namespaces) unshare -rnm sh -c 'ip tuntap add dev tap0 mode tap' >/dev/null 2>&1 ;;
		*) command -v "$need" >/dev/null ;;
		esac || echo "$need"
	done
}

# runs_block FILE
runs_block()
{
	local want
	want=$(sed -n 's/^# exit \([0-9]*\).*/\1/p' "$1" | head -n 1)
	(cd "$tmp/place" && exits "${want:-0}" timeout 300 bash -eu "$1")
}

test_blocks()
{
	local page file line lacks
	for page in "${pages[@]}"; do
		blocks "$page" sh "$tmp/sh/$page"
		for file in "$tmp/sh/$page"/*; do
			line=$((10#${file##*/}))
			lacks=$(lacks "$file" | tr '\n' ' ')
			[ -z "$lacks" ] || { skip "$page:$line: the block" "no $lacks"; continue; }
			case $(head -n 1 "$file") in
			'# not run'*) skip "$page:$line: the block" "$(head -n 1 "$file" | cut -c 3-)" ;;
			*) check "$page:$line: the block runs" runs_block "$file" ;;
			esac
		done
		blocks "$page" ini "$tmp/ini/$page"
		for file in "$tmp/ini/$page"/*; do
			[ "$(grep -cE '^\[(nic|guest|traffic)\b' "$file")" -ge 3 ] || continue
			line=$((10#${file##*/}))
			cp "$file" "$file.ini"
			check "$page:$line: the scenario runs" exits 0 "$vnicsim" run -q "$file.ini"
		done
	done
}

# Links outside of code, without those that leave the tree. A title behind the address is dropped.
links()
{
	awk '/^```/ { inside = !inside; next } !inside { gsub(/`[^`]*`/, ""); print }' "$1" |
		grep -oE '\]\([^)]+\)' | sed -E 's/^\]\(//; s/\)$//; s/ ".*//' |
		grep -vE '^[a-z]+:' || true
}

# As the web shows headings: lower case, blanks to dashes, no punctuation.
anchors()
{
	sed -n 's/^##* *//p' "$1" | tr '[:upper:] ' '[:lower:]-' | sed 's/[^a-z0-9_-]//g'
}

links_lead()
{
	local link file anchor bad=0
	while IFS= read -r link; do
		file=${link%%#*}
		anchor=${link#"$file"}
		[ -n "$file" ] && file=$(dirname "$1")/$file || file=$1
		if [ ! -e "$file" ]; then
			echo "no file: $link"
			bad=1
		elif [ -n "$anchor" ] && ! anchors "$file" | grep -qxF -- "${anchor#\#}"; then
			echo "no heading: $link"
			bad=1
		fi
	done < <(links "$1")
	return $bad
}

# Files of the tree that a page names in code: `models/datapath/policy.h`, `tests/run.sh`.
names_lead()
{
	local name bad=0
	# shellcheck disable=SC2016
	for name in $(grep -oE '`(sim|models|tests|docs|traces|scenarios|plots)/[A-Za-z0-9_./-]+`' "$1" |
		tr -d '`' | sort -u); do
		[ -e "$name" ] || { echo "no file: $name"; bad=1; }
	done
	return $bad
}

# Scenarios that help and manual pages name as examples are there.
examples_exist()
{
	local name verb bad=0
	for name in $({
		for verb in $("$vnicsim" list verbs | awk '{ print $1 }'); do "$vnicsim" "$verb" --help; done
		"${vnicsim%vnicsim}vnictap" --help
		sed 's/\\-/-/g' docs/man/*.[15]
	} | grep -oE 'scenarios/[A-Za-z0-9/_*.-]+\.ini' | sort -u); do
		compgen -G "$name" >/dev/null || { echo "no file: $name"; bad=1; }
	done
	[ -n "$name" ] && return $bad
}

reference_is_current()
{
	"$vnicsim" list keys --markdown | diff docs/scenario-reference.md - | head -n 20 >"$tmp/differs"
	[ ! -s "$tmp/differs" ] || { echo "make docs writes it again:"; cat "$tmp/differs"; return 1; }
}

if [ ${#pages[@]} = 0 ]; then
	echo "1..0 # SKIP no documents"
	exit 77
fi
make_place
test_blocks
for page in "${pages[@]}"; do
	check "$page: links lead to files and headings" links_lead "$page"
	check "$page: the files that it names exist" names_lead "$page"
done
check "scenarios that help and manual pages name are there" examples_exist
if [ -f docs/scenario-reference.md ]; then
	check "docs/scenario-reference.md is what the program says" reference_is_current
else
	skip "docs/scenario-reference.md is what the program says" "it is not there"
fi
finish
