#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_own_policy.sh - make POLICIES=...: a policy of one's own is built, listed, run and judged.
#
# The example of docs/own-policy is built, then versions of it with one mistake each. All that is
# built goes into a folder of the test's own; what does not depend on policies is shared with B.
# Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
unset MAKEFLAGS MAKELEVEL MFLAGS

case $B in
build) flavour=default ;;
build/*) flavour=${B#build/} ;;
*) echo "1..0 # SKIP $B is no build folder of make's"; exit 77 ;;
esac
mine=$tmp/mine
example=$root/docs/own-policy/vhost_like.c

# makes CODE POLICIES ARGUMENT...
makes()
{
	local code=$1 policies=$2
	shift 2
	exits "$code" make -s --no-print-directory -C "$root" FLAVOUR="$flavour" BIN="$mine" \
		POLICIES="$policies" "$@"
}
# wrong SED WORD...: the example, edited, is not built, and these words say why.
wrong()
{
	local script=$1
	shift
	edit "$script" && makes 2 "$tmp/edited.c" all && says "$@"
}
edit() { sed -E "$1" "$example" >"$tmp/edited.c" && ! cmp -s "$example" "$tmp/edited.c"; }
# refuses SED WORD...: it is built, and the program says why it does not take it.
refuses()
{
	local script=$1
	shift
	edit "$script" && makes 0 "$tmp/edited.c" all && fails 2 "$@" -- "$mine/vnicsim" list policies
}
own_runs() { exits 0 "$mine/vnicsim" check "$root/docs/own-policy/ci.ini"; }
listed() { exits 0 "$mine/vnicsim" list policies && prints vhost-like; }
key_has_it() { exits 0 "$mine/vnicsim" list keys && prints "zero-copy|vhost-like"; }
real_has_it() { fails 2 "policy" "zero-copy, vhost-like" -- "$mine/vnictap" "$root/docs/own-policy/ci.ini" --set guest.policy=none; }
tree_has_it_not() { exits 0 "$vnicsim" list policies && ! grep -q vhost "$out"; }
unknown_elsewhere() { fails 2 "ci.ini" policy "vhost-like" -- "$vnicsim" run "$root/docs/own-policy/ci.ini"; }
newest() { stat -c %Y.%y "$mine/vnicsim"; }
not_again() { local was; was=$(newest); makes 0 "$example" all && [ "$(newest)" = "$was" ]; }
caught() { edit "$1" && makes 0 "$tmp/edited.c" all && exits 1 "$root/tests/own-check.sh" "$mine/vnicsim" && prints "$2"; }
two() { sed 's/vhost_like/other/g; s/vhost-like/other/' "$example" >"$tmp/other.c" && makes 0 "$example $tmp/other.c" all; }
none_again() { makes 0 "" all && exits 0 "$mine/vnicsim" list policies && ! grep -q vhost "$out"; }
# The first file is older than the program of the second one.
replaced()
{
	edit 's/receive: one copy/another/' && makes 0 "$tmp/edited.c" all &&
		exits 0 "$mine/vnicsim" list policies && prints "another; send" &&
		makes 0 "$example" all && exits 0 "$mine/vnicsim" list policies && prints "receive: one copy"
}
# On TAP devices, where there are any.
tap=$root/docs/own-policy/tap.ini
tapped() { [ -z "$notap" ] || { skip "$1" "$notap"; return; }; check "$@"; }
real_runs() { exits 0 "$mine/vnictap" --check "$tap" && prints "vm1.tx.copies.guest_to_hypervisor.too_small 1000 1000"; }
real_agrees() { exits 0 "$mine/vnicsim" validate "$tap" && grep -qE '^1 points?: [1-9][0-9]* counts equal, 0 differ' "$out"; }
# A threshold is moved: the real program says which copy is new.
real_regression()
{
	edit 's/GOODCOPY_LEN 256u/GOODCOPY_LEN 2048u/' && makes 0 "$tmp/edited.c" all &&
		exits 1 "$mine/vnictap" --check "$tap" &&
		prints "FAIL" && prints "vm1.tx.copies.guest_to_hypervisor.too_small 1000 2000"
}
both_listed() { listed && prints other; }
stops() { makes 2 "$1" all && says "$2"; }
shared() { ! ls "$mine"/sim "$mine"/*.a 2>/dev/null; }

cd "$tmp" || exit 1
check "the example is built" makes 0 "$example" all
check "... sharing what does not depend on it" shared
check "... is listed" listed
check "... is a word of the key" key_has_it
check "... and runs its scenario" own_runs
check "the program for real devices has it, too" real_has_it
notap=
"$mine/vnictap" -q "$tap" >"$out" 2>&1
[ $? != 5 ] || notap=$(head -n 1 "$out")
tapped "... and runs it on a device, its copies pinned" real_runs
tapped "... as many as the simulator says, of everything that is counted" real_agrees
tapped "... and another copy is found there" real_regression
check "the example again" makes 0 "$example" all
check "the program without it does not have it" tree_has_it_not
check "... and says what there is" unknown_elsewhere
check "nothing is built again without need" not_again
check "it does what all policies must" makes 0 "$example" own-check
check "the same policy of another file takes its place" replaced
check "two at once" two
check "... are listed" both_listed
check "none: both are gone" none_again

check "a file that is not there" stops /nowhere/mine.c "no file /nowhere/mine.c"
check "a file that is no C" stops /etc/passwd "/etc/passwd is no C file"
mkdir two && cp "$example" two/
check "two of one name" stops "$example $tmp/two/vhost_like.c" "two files of one name"
check "no policy in it" wrong 's/^const struct policy policy_vhost_like/static &/' "defines no policy"
check "a policy of the tree's name" wrong 's/policy_vhost_like/policy_copy/' "policy_copy is one of the tree's"
check "a function that others can see" wrong 's/^static (void vhost_rx_post)/void vhost_rx_post(struct dpath *);\n\1/' \
	"vhost_rx_post can be seen by others"
check "a call beyond the seam" wrong 's/^#include "frame.h"/&\nint puts(const char *);/; s/(dpath_post_hbufs.dp, REASON_POLICY.);/&\n\tputs("more");/' \
	"refers to puts"
check "a header beyond the seam" wrong 's/^#include "frame.h"/&\n#include <stdio.h>/' "include <stdio.h>"
check "conditional compilation" wrong 's/^#define GOODCOPY.*/&\n#ifdef FAST\n#endif/' "#ifdef FAST"
check "what the compiler refuses" wrong 's/dpath_post_hbufs\(dp,/dpath_post_hbufs(dq,/' "edited.c" "error"
check "another's name" refuses 's/"vhost-like"/"zero-copy"/' "another policy has this name"
check "a name that no scenario can say" refuses 's/"vhost-like"/"Vhost like"/' "its name is not of the form"
check "nothing to send by" refuses 's/^\t\.tx = .*//' "it sends nothing"
check "a buffer that is not given back is found" caught 's/^\t\thbuf_put.*/\t\tif (n > 1)\n\t\t&/' "FAIL vhost-like"
check "a frame that is forgotten is found" caught 's/if \(rx\[i\]\.frame\)/if (rx[i].frame \&\& i < 3)/' "FAIL vhost-like"
finish
