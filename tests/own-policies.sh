#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# own-policies.sh OBJECT... - the table of one's own policies, as C, from what the objects define.
#
# An object defines one or more `const struct policy policy_NAME` and nothing else that others can
# see: a function of the same name as one of the tree's would silently take its place.
set -u

tree=$(dirname "$0")/../models/datapath/policy.h
all=
bad=0

for o in "$@"; do
	of=$(basename "$o" .o).c
	names=$(nm -g --defined-only "$o" | awk '{ print $NF }')
	found=
	for name in $names; do
		case $name in
		policy_*)
			if grep -qE "&?\b$name\b[,;]" "$tree"; then
				echo "$of: $name is one of the tree's; choose another name" >&2
				bad=1
			fi
			found="$found $name"
			;;
		__*) ;; # the compiler's, of a sanitizer
		*)
			echo "$of: $name can be seen by others; make it static" >&2
			bad=1
			;;
		esac
	done
	if [ -z "$found" ]; then
		echo "$of: defines no policy; write \"const struct policy policy_NAME = {...};\"" >&2
		bad=1
	fi
	all="$all$found"
done
[ $bad -eq 0 ] || exit 1

# Other objects make another table, so that the programs are linked again.
printf '/* Written by the Makefile:%s. */\n' "${*:+ $*}"
echo '#include "policy.h"'
for name in $all; do
	echo "extern const struct policy $name;"
done
echo 'const struct policy *const policies_own[] = {'
for name in $all; do
	echo "	&$name,"
done
echo '	0};'
