#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs that do not touch the emulated part must not notice us.
. "$(dirname "$0")/lib.sh"

# same COMMAND...: the same output, errors and status with us and without.
same() {
	"$@" >"$scratch/out" 2>"$scratch/err"
	before=$?
	run --device edu@0000:c1:00.0 -- "$@" >"$scratch/out.us" 2>"$scratch/err.us"
	[ $? -eq $before ] && diff "$scratch/out" "$scratch/out.us" && diff "$scratch/err" "$scratch/err.us"
}

check ls_of_a_directory same ls -l /usr
check ls_of_the_root same ls /
check ls_of_a_file_that_is_missing same ls -l /nosuch /dev/nosuch /sys/nosuch
check stat_of_other_devices same stat -c '%n %F %t:%T %i' /dev/null /dev/zero /dev/tty /sys /sys/bus /dev
check find_in_a_tree same find /usr/share/doc -maxdepth 1 -printf '%p %y %s\n'
check python_computes same python3 -c 'import os, sys, json, threading; print(sum(range(1000)), os.getcwd())'
check python_starts_programs same python3 -c 'import subprocess; print(subprocess.run(["ls", "/usr"], capture_output=True))'
check bash_expands_and_pipes same bash -c 'cd /usr && echo */ | tr " " "\n" | sort | while read -r d; do [ -d "$d" ] && echo "$d"; done'
check tar_reads_a_tree same sh -c 'tar cf - -C /usr/share/doc/bash . | tar tvf -'
check awk_reads_proc same awk '/^Cpus_allowed_list/ { print }' /proc/self/status
check descriptors_are_as_many same sh -c 'ls /proc/self/fd | wc -l'
check dd_copies same sh -c 'dd if=/dev/zero bs=4096 count=8 2>/dev/null | cksum'

# A sandbox with file systems of its own: the machine is not in them.
other_file_systems() {
	for namespaces in -m -rm; do
		unshare $namespaces true 2>"$scratch/unshare" || continue
		same unshare $namespaces sh -c 'mount -t tmpfs none /dev && ls /dev && cat /dev/iommu
			touch /dev/iommu && mkdir /dev/vfio && ls -R /dev && stat -c %F /dev/iommu
			mount -t tmpfs none /sys && ls /sys && mkdir -p /sys/bus/pci/devices && ls -R /sys'
		return
	done
}
check a_sandbox_has_its_own_dev_and_sys other_file_systems

# The real PCI devices, if there are any, are all there still, and look as they did. (An IOMMU of AMD would be another.)
real_pci() {
	for at in /sys/bus/pci /sys/kernel/iommu_groups /sys/devices/pci*; do
		[ -d "$at" ] && find "$at" -printf '%p %y %l\n'
	done | grep -vE '0000:c1|vfio-pci|iommu_groups/' | sort
}
the_same_real_pci() {
	real_pci >"$scratch/out"
	run --iommu intel --device edu@0000:c1:00.0 -- sh -c "$(sed -n '/^real_pci() {/,/^}/p' "$1"); real_pci" >"$scratch/out.us"
	[ ! -d /sys/bus/pci ] || diff "$scratch/out" "$scratch/out.us"
}
check the_real_pci_devices_look_the_same the_same_real_pci "$0"
finish
