#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# man-pages.sh PROGRAM FROM TO - each page FROM/NAME.in as TO/NAME, with what the program says of its
# verbs in place of the line @VERBS@, and of its keys in place of @KEYS@.
set -eu

program=$1
for in in "$2"/*.in; do
	page=$3/$(basename "$in" .in)
	{
		sed -n '1,/^@[A-Z]*@$/p' "$in" | sed '$d'
		if grep -q '^@VERBS@$' "$in"; then
			"$program" list verbs --man
		else
			"$program" list keys --man
		fi
		sed '1,/^@[A-Z]*@$/d' "$in"
	} >"$page.new"
	mv "$page.new" "$page"
done
