#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fidelity-figures.sh VNICSIM OUT PICTURES: the curves of docs/fidelity.md. Sweeps the scenarios of
# the rows over more points, writes the columns that a figure needs to OUT/NAME.dat, and draws it by
# plots/fidelity-NAME.gp. PICTURES gets the PNG; data, scripts and the other formats stay in OUT.
set -eu
vnicsim=$1 out=$2 pictures=$3
studies=scenarios/studies/fidelity
mkdir -p "$out" "$pictures"
cp plots/fidelity-*.gp "$out/"

# sweep NAME FILE [SETTING...]
sweep()
{
	local name=$1 file=$2 word options=()
	shift 2
	for word in "$@"; do options+=(--set "$word"); done
	"$vnicsim" sweep "$studies/$file" --quiet -j 0 --fresh --out "$out/$name" "${options[@]}"
}

# columns NAME COLUMN...: those of NAME's wide.csv, tab-separated.
columns()
{
	local name=$1
	shift
	awk -F, -v want="$*" 'NR == 1 {
			n = split(want, w, " ")
			for (i = 1; i <= NF; i++) at[$i] = i
			for (k = 1; k <= n; k++) if (!(w[k] in at)) { print "no column " w[k] >"/dev/stderr"; exit 1 }
		}
		NR > 1 {
			line = ""
			for (k = 1; k <= n; k++) line = line (k > 1 ? "\t" : "") ($at[w[k]] == "" ? "?" : $at[w[k]])
			print line
		}' "$out/$name/wide.csv"
}

draw() { # NAME
	(cd "$out" && gnuplot -e "data='$1.dat'; out='$1'" "fidelity-$1.gp")
	cp "$out/$1.png" "$pictures/"
	echo "$pictures/$1.png"
}

sweep saw-tooth pcie-dma.ini dma.count=4000 \
	"sweep.pcie.generation & pcie.lanes & pcie.mps=3 & 8 & 256B" \
	"sweep.dma.size=64B..1536B step 16B, 255B, 257B, 511B, 513B, 767B, 769B, 1023B, 1025B, 1279B, 1281B, 1535B"
columns saw-tooth dma_op dma_size_bytes bench.read.throughput_bps bench.write.throughput_bps \
	bench.both.throughput_bps |
	awk -F'\t' '{ print $1 "\t" $2 "\t" ($1 == "read" ? $3 : $1 == "write" ? $4 : $5) }' >"$out/saw-tooth.dat"
draw saw-tooth

sweep llc llc-window.ini "sweep.dma.window=16KiB..64MiB step x2, 3MiB, 6MiB"
columns llc dma_window_bytes bench.write_read.latency_ns.mean >"$out/llc.dat"
draw llc

sweep iotlb iotlb-reach.ini dma.count=50000 \
	"sweep.dma.window=16KiB..64MiB step x2, 384KiB, 448KiB, 640KiB, 768KiB, 1536KiB, 3MiB"
columns iotlb iommu_mode iommu_page_size dma_window_bytes bench.read.latency_ns.mean |
	sed 's/\t4KiB\t/\t4096\t/; s/\t2MiB\t/\t2097152\t/' >"$out/iotlb.dat"
draw iotlb

sweep protection shadow-copy.ini "sweep.host.cores=1, 2, 4, 8, 16" \
	"sweep.iommu.mode & guest.policy=strict & zero-copy, deferred & zero-copy, strict & single-copy, off & zero-copy"
columns protection iommu_mode guest_policy host_cores guests.rx.throughput_bps |
	sed "s,\t,/," | sort -t "$(printf '\t')" -k1,1 -k2,2n >"$out/protection.dat"
draw protection

sweep copy-size dequeue-zero-copy.ini "sweep.guest.tx_policy=single-copy, zero-copy" \
	"sweep.out.size=60B, 124B, 252B, 380B, 508B, 764B, 1020B, 1276B, 1496B"
columns copy-size guest_tx_policy traffic_out_size_bytes guests.tx.packets_per_second |
	sort -t "$(printf '\t')" -k1,1 -k2,2n >"$out/copy-size.dat"
draw copy-size
