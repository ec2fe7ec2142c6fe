#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the driver of a virtual function is built of: P5-04. One object drives the NIC from the host and
# from a guest, and it does not know whom its mappings come from.
# shellcheck disable=SC2317 # functions are called by check()
set -u
B=${B:-build}
n=0
failed=0

check() { # sentence, command...
	local what=$1
	shift
	n=$((n + 1))
	if "$@" >/dev/null 2>&1; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		failed=1
	fi
}

objects=$B/sim/models/datapath

once() { # the program has one such function
	[ "$(nm "$B/vnicsim" | grep -cE " [Tt] $1(\.|\$)")" = 1 ]
}

refers_to_none() { # object, names
	[ -f "$1" ] && ! nm -u "$1" | grep -E " ($2)"
}

lacks() { # file, word
	[ -f "$1" ] && ! grep -qE "$2" "$1"
}

# Besides the driver itself, only the seam is below the guest's half.
layers='hac_|vmm_dma|iommu_|gmem_|plat_dma_'

both_sides_use() {
	nm -u "$B/sim/models/machine_nic.o" | grep -q " $1\$" &&
		nm -u "$B/sim/models/machine_vf.o" | grep -q " $1\$"
}

check "p5_04_one_driver_object_for_host_and_guest" once nicdrv_post_rx
check "p5_04_host_and_guest_set_up_the_same_object" both_sides_use nicdrv_init
check "p5_04_the_driver_object_refers_to_no_dma_layer" refers_to_none "$objects/nicdrv.o" "$layers"
check "p5_04_the_driver_above_it_refers_to_no_dma_layer" \
	refers_to_none "$objects/gnet_vf.o" "hac_|vmm_dma|iommu_|gmem_|plat_dma_native"
check "p5_04_its_source_names_no_guest_and_no_hypercall" \
	lacks models/datapath/nicdrv.c 'hypercall|guest|hac|^#if'
echo "1..$n"
exit $failed
