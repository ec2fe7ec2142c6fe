# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tap_use.sh - for shell tests of vnictap that need a network of their own: the test starts again
# inside new network and mount namespaces, where it is root and nobody else's interfaces are. Source
# it instead of tap.sh. Where that is not allowed the test is skipped.
if [ -z "${TAP_INSIDE:-}" ]; then
	if ! why=$(unshare -rnm sh -c 'mount -t tmpfs none /run && test -w /dev/net/tun' 2>&1); then
		echo "1..0 # SKIP no network namespace with TAP devices of its own here: ${why:-/dev/net/tun}"
		exit 77
	fi
	TAP_INSIDE=1 exec unshare -rnm bash "$0" "$@"
fi
mount -t tmpfs none /run # ip netns keeps names there
# shellcheck source=tests/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
# shellcheck disable=SC2034 # the tests use it
vnictap=${vnicsim%vnicsim}vnictap

# has COMMAND: skips nothing itself.
has() { command -v "$1" >/dev/null; }

# until_true SECONDS COMMAND...: again and again until it succeeds.
until_true()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { echo "never came true: $*"; return 1; }
		sleep 0.02
	done
}

# start OPTIONS...: vnictap in the background, its streams in $tmp/run.out and .err; $pid.
start()
{
	"$vnictap" "$@" >"$tmp/run.out" 2>"$tmp/run.err" &
	pid=$!
}

# ends CODE: it ends by itself, or was told to, with that code.
ends()
{
	local got end=$((SECONDS + 20))
	while kill -0 "$pid" 2>/dev/null && [ "$(state_of "$pid")" != Z ]; do
		[ "$SECONDS" -lt "$end" ] || { kill -KILL "$pid"; wait "$pid"; echo "does not end"; return 1; }
		sleep 0.02
	done
	wait "$pid"
	got=$?
	cp "$tmp/run.err" "$err"
	cp "$tmp/run.out" "$out"
	[ "$got" = "$1" ] && return
	echo "wanted exit $1, got $got"
	head -n 5 "$err"
	return 1
}

state_of() { sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null; }
children_of() { cat "/proc/$1/task/$1/children" 2>/dev/null; }

# The far side's process, once it is there.
far_of()
{
	local p
	for p in $(children_of "$1"); do
		[ "$(cat "/proc/$p/comm")" = vnictap-far ] && { echo "$p"; return; }
	done
	return 1
}
far_is_there() { far_of "$pid"; }
exists() { ip link show "$1"; }
is_gone() { ! ip link show "$1" >/dev/null 2>&1; }
has_ended() { ! kill -0 "$1" 2>/dev/null || [ "$(state_of "$1")" = Z ]; }
