#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the Debian packages that are missing; says nothing when none is.
set -eu
need=""
for p in gcc make pkg-config libglib2.0-dev libpcap-dev libjansson-dev libcmocka-dev libxxhash-dev \
	liburing-dev \
	gnuplot-nox fonts-dejavu-core; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' && continue
	[ "$p" = gnuplot-nox ] && command -v gnuplot >/dev/null && continue
	[ "$p" = pkg-config ] && command -v pkg-config >/dev/null && continue
	need="$need $p"
done
if [ "${1:-}" = ci ]; then
	for p in clang clang-format clang-tidy cppcheck valgrind tcpdump iproute2 shellcheck \
		iputils-ping iperf3 curl python3 \
		libxml2-utils mandoc groff-base man-db \
		openssh-server openssh-client parallel slurmctld slurmd slurm-client munge; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' ||
			need="$need $p"
	done
fi
[ -n "$need" ] || exit 0
sudo=""
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "missing packages:$need - install them as root, or install sudo" >&2
		exit 5
	}
	sudo=sudo
fi
echo "installing:$need"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q >/dev/null
# shellcheck disable=SC2086
$sudo apt-get install -q -y --no-install-recommends $need >/dev/null
