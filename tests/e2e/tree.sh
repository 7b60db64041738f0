#!/bin/sh
# SPDX-License-Identifier: MIT
# Ordinary tools in the emulated tree.
. "$(dirname "$0")/lib.sh"

bdf=0000:c1:00.0
link=/sys/bus/pci/devices/$bdf
device=/sys/devices/pci0000:c1/$bdf

# in_tree COMMAND...: with one device at a known address, in a known group.
in_tree() {
	run --device "edu@$bdf,group=77,index=5" -- "$@"
}

shell() {
	in_tree sh -c "$1"
}

check ls_shows_the_nodes prints "77 devices vfio" shell 'cd /dev/vfio && echo *'
check ls_shows_what_is_added_to_dev prints "iommu vfio" shell 'cd /dev && echo iomm[u] vfi[o]'
check find_shows_what_is_added_to_sys prints /sys/class/vfio-dev in_tree find /sys/class -name vfio-dev
check the_modules_are_there prints live in_tree cat /sys/module/vfio/initstate
check the_driver_names_its_module prints /sys/module/vfio_pci in_tree readlink -f /sys/bus/pci/drivers/vfio-pci/module
check ls_shows_the_device prints "$link" in_tree ls -d "$link"
check cat_reads_an_attribute prints 0x1234 in_tree cat "$link/vendor"
check readlink_f_follows prints "$device" in_tree readlink -f "$link"
check realpath_follows_the_group prints /sys/kernel/iommu_groups/77 in_tree realpath "$link/iommu_group"
check realpath_follows_the_class prints "$device/vfio-dev/vfio5" in_tree realpath /sys/class/vfio-dev/vfio5
check readlink_shows_the_text prints "../../../devices/pci0000:c1/$bdf" in_tree readlink "$link"
check stat_says_character_device prints "character special file 1ff:5" in_tree stat -c '%F %t:%T' /dev/vfio/devices/vfio5
check the_number_in_sysfs_is_the_same prints 511:5 in_tree cat "$link/vfio-dev/vfio5/dev"
check find_finds_nodes_by_type prints "/dev/iommu
/dev/vfio/77
/dev/vfio/devices/vfio5
/dev/vfio/vfio" shell 'find /dev/iommu /dev/vfio -type c | sort'
check find_descends_through_links prints "$link/vfio-dev/vfio5/dev" in_tree find -L "$link/vfio-dev" -maxdepth 2 -name dev
check the_driver_is_vfio_pci prints /sys/bus/pci/drivers/vfio-pci in_tree readlink -f "$link/driver"
check the_driver_lists_the_device prints "$bdf" shell 'ls /sys/bus/pci/drivers/vfio-pci | grep :'
check the_group_lists_the_device prints "$bdf" in_tree ls /sys/kernel/iommu_groups/77/devices
check reserved_regions_are_listed in_tree grep -Eq '^0x[0-9a-f]{16} 0x[0-9a-f]{16} [a-z-]+$' /sys/kernel/iommu_groups/77/reserved_regions
check resource_has_a_line_per_bar prints 13 shell "wc -l <$link/resource"
check the_current_directory_has_its_real_name prints "$device" shell "cd $link && /bin/pwd -P"
check relative_paths_work_from_root prints 0x11e8 shell "cd / && cat .$link/device"
check the_shell_expands_patterns prints "$link" shell 'echo /sys/bus/pci/devices/*:c1:*'
check test_knows_the_nodes shell '[ -c /dev/iommu ] && [ -r /dev/iommu ] && [ -w /dev/vfio/vfio ]'
check an_attribute_can_be_written prints none shell "echo none >$link/driver_override; cat $link/driver_override"
check the_drivers_files_take_writes shell "echo $bdf >/sys/bus/pci/drivers/vfio-pci/unbind"
check a_redirection_opens_the_node prints /dev/iommu shell 'readlink /proc/self/fd/0 </dev/iommu'
check config_space_begins_with_the_ids prints "34 12 e8 11" shell "od -A n -t x1 -N 4 $link/config | sed 's/^ //'"
check nothing_names_the_shadow shell '! ls -lR /dev/vfio '"$device"' | grep uiommufd-'

check python_sees_the_same in_tree python3 -c '
import os, sys
link, device = sys.argv[1:]
bdf = os.path.basename(link)
assert bdf in os.listdir("/sys/bus/pci/devices")
assert os.path.realpath(link) == device
assert os.path.islink(link) and os.path.isdir(link)
assert {e.name: e.is_symlink() for e in os.scandir("/sys/bus/pci/devices")}[bdf]
assert os.stat("/dev/vfio/devices/vfio5").st_rdev == os.makedev(511, 5)
os.chdir(link)
assert os.getcwd() == device
assert open("vendor").read() == "0x1234\n"
fd = os.open("/sys/bus/pci", os.O_RDONLY)
assert bdf in os.listdir(fd)[0:] or bdf in os.listdir(os.open("devices", os.O_RDONLY, dir_fd=fd))
' "$link" "$device"

old_kernel() {
	run --no-iommufd --device "edu@$bdf,group=77" -- sh -c "ls /dev/vfio; ls -d /dev/iommu $link/vfio-dev 2>/dev/null"
}
check a_kernel_without_iommufd_has_groups_only prints "77
vfio" old_kernel

no_container() {
	run --container none --device "edu@$bdf,group=77,index=5" -- ls /dev/vfio
}
check a_kernel_without_a_container_has_no_node prints "77
devices" no_container

two_devices() {
	run --device "edu@$bdf,group=77" --device edu@0000:c2:00.0,group=77 -- \
		sh -c 'ls /sys/kernel/iommu_groups/77/devices | wc -l; ls /dev/vfio/devices | wc -l'
}
check devices_may_share_a_group prints "2
2" two_devices

finish
