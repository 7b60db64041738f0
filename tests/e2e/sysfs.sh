#!/bin/sh
# SPDX-License-Identifier: MIT
# What sysfs and /proc show of a device that is bound to vfio-pci, and what writing there does: as tools and scripts
# of the shell do it, each of which is a process of its own.
. "$(dirname "$0")/lib.sh"

bdf=0000:c1:00.0
device=/sys/bus/pci/devices/$bdf
driver=/sys/bus/pci/drivers/vfio-pci
group=/sys/kernel/iommu_groups/77

# shell COMMANDS: with a PCI device and one of PCI Express.
shell() {
	run --device "edu@$bdf,group=77,index=5" --device ioat@0000:c2:00.0,group=78 -- bash -c "$1"
}

# fails TEXT COMMANDS: the commands fail, with TEXT in what they complain of.
fails() {
	text=$1
	if output=$(shell "$2" 2>&1); then
		echo "succeeds: $output"
		return 1
	fi
	echo "$output"
	echo "$output" | grep -qF -- "$text"
}

root() {
	[ "$(id -u)" -eq 0 ]
}

# ---- what there is [SYSFS-RULES.2..4], [SYSFS-RULES.7], [SYSFS-DEVICE.1..20], [SYSFS-DEVICE.27..28], [SYSFS-DEVICE.32], [SYSFS-DEVICE-LINKS.1..7], [SYSFS-DEVICE-LINKS.9] ----

check attributes_have_their_modes prints "444 444 644 644 200 644 220 200 644 444" shell "cd $device && stat -L -c %a vendor irq enable driver_override reset reset_method remove rescan power/control power_state | xargs"
check a_text_has_a_page prints "4096 4096" shell "stat -L -c %s $device/vendor $device/reset | xargs"
check bytes_have_their_size prints "256 1048576" shell "stat -L -c %s $device/config $device/resource0 | xargs"
check an_idle_device_sleeps prints "0 D3hot suspended auto 32" shell "cd $device && cat enable power_state power/runtime_status power/control dma_mask_bits | xargs"
check the_uevent_names_the_driver prints "DRIVER=vfio-pci PCI_CLASS=FF00 PCI_ID=1234:11E8 PCI_SUBSYS_ID=1AF4:1100 PCI_SLOT_NAME=$bdf MODALIAS=pci:v00001234d000011E8sv00001AF4sd00001100bc00scFFi00" shell "cat $device/uevent | xargs"
check a_link_has_a_speed prints "2.5 GT/s PCIe 1 2.5 GT/s PCIe 1" shell 'cd /sys/bus/pci/devices/0000:c2:00.0 && cat current_link_speed current_link_width max_link_speed max_link_width | xargs'
check an_express_device_counts_its_errors prints "RxErr 0 TOTAL_ERR_COR 0" shell 'sed -n "1p;\$p" /sys/bus/pci/devices/0000:c2:00.0/aer_dev_correctable | xargs'
check links_are_relative prints "../../../bus/pci ../../../bus/pci/drivers/vfio-pci ../../../kernel/iommu_groups/77" shell "cd $device && readlink subsystem driver iommu_group | xargs"
check links_of_the_link_are_there shell "[ -d $device/link ]"
check a_device_without_a_link_has_no_speed shell "[ ! -e $device/max_link_speed ]"
check reading_can_fail fails "Input/output error" "cat $device/power/autosuspend_delay_ms"
check what_is_written_only_is_not_read fails "Permission denied" "cat $device/reset"
check what_is_read_only_is_not_written fails "Permission denied" "echo 1 >$device/vendor"

# ---- classes, numbers, IOMMUs, modules, /proc [SYSFS-VFIO.1..7], [SYSFS-GROUP.1..3], [SYSFS-IOMMU.1..4], [SYSFS-MODULES.1..6], [PROCFS.1..3] ----

check the_numbers_lead_to_the_devices prints "vfio5 77 iommu vfio" shell 'for n in $(cat /sys/class/vfio-dev/vfio5/dev /sys/class/vfio/77/dev /sys/class/misc/iommu/dev /sys/class/misc/vfio/dev); do basename $(readlink -f /sys/dev/char/$n); done | xargs'
check the_numbers_are_those_of_the_nodes shell 'for p in vfio-dev/vfio5:/dev/vfio/devices/vfio5 vfio/77:/dev/vfio/77 misc/iommu:/dev/iommu misc/vfio:/dev/vfio/vfio; do [ "$(cat /sys/class/${p%%:*}/dev)" = "$(stat -c %Hr:%Lr ${p#*:})" ] || exit 1; done'
check nodes_have_the_kernels_modes prints "600 600 666 660" shell 'stat -c %a /dev/vfio/77 /dev/vfio/devices/vfio5 /dev/vfio/vfio /dev/iommu | xargs'
check the_group_has_a_type prints "DMA" shell "cat $group/type"
check a_type_is_one_of_four fails "Invalid argument" "echo blocked >$group/type"
root && check an_idle_group_changes_its_type prints identity shell "echo identity >$group/type && cat $group/type"
check the_group_has_its_reserved_ranges shell "grep -qx '0x00000000fee00000 0x00000000feefffff msi' $group/reserved_regions"
check the_iommu_has_its_device prints "$bdf" shell "ls $device/iommu/devices | grep c1"
check an_iommu_is_called_as_on_hardware prints "dmar0 ivhd0 riscv-iommu@riscv-iommu.0 smmu3.0x000000002b400000" run --iommu intel --iommu amd --iommu smmuv3 --iommu riscv -- sh -c 'ls /sys/class/iommu | xargs'
check iommus_of_a_kind_are_numbered prints "ivhd0 ivhd1 ivhd2" run --iommu amd --iommu amd,aperture=0x1000-0xffffff --iommu amd,iotlb=off -- sh -c 'ls /sys/class/iommu | xargs'
check the_registers_of_an_iommu_are_readable run --iommu intel -- grep -Exq '[0-9a-f]+' /sys/class/iommu/dmar0/intel-iommu/cap
check modules_are_loaded shell 'cut -d" " -f1 /proc/modules | head -6 | xargs | grep -qx "vfio_pci vfio_pci_core irqbypass vfio_iommu_type1 vfio iommufd"'
check a_module_names_its_users prints vfio_pci shell 'ls /sys/module/vfio_pci_core/holders'
check without_the_driver_there_is_no_module run --container iommufd -- test ! -e /sys/module/vfio_iommu_type1
limited="echo 2 >/sys/module/vfio_iommu_type1/parameters/dma_entry_limit && python3 -c '
import fcntl, mmap, os, struct, sys
container, group = os.open(\"/dev/vfio/vfio\", os.O_RDWR), os.open(\"/dev/vfio/77\", os.O_RDWR)
fcntl.ioctl(group, 0x3b68, struct.pack(\"i\", container))
fcntl.ioctl(container, 0x3b66, 3)
memory = mmap.mmap(-1, 4096)
import ctypes
va = ctypes.addressof(ctypes.c_char.from_buffer(memory))
try:
    for i in range(9):
        fcntl.ioctl(container, 0x3b71, struct.pack(\"IIQQQ\", 32, 3, va, i << 12, 4096))
except OSError as error:
    print(i, error.strerror)'"
check the_driver_takes_its_limit_of_mappings prints "2 No space left on device" shell "$limited"
check parameters_are_shown_as_the_kernel_does prints "Y N 65535" shell 'cd /sys/module && echo 1 >vfio/parameters/enable_unsafe_noiommu_mode && cat vfio/parameters/enable_unsafe_noiommu_mode vfio_pci/parameters/disable_idle_d3 vfio_iommu_type1/parameters/dma_entry_limit | xargs'
check a_parameter_takes_only_its_values fails "Invalid argument" 'echo maybe >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode'
check proc_devices_has_the_majors shell 'grep -qx "510 vfio" /proc/devices && grep -qx "511 vfio-dev" /proc/devices && grep -q "^Block" /proc/devices'
check proc_misc_has_the_minors shell 'grep -qx "196 vfio" /proc/misc && grep -qx "263 iommu" /proc/misc'
check proc_lists_the_device shell "grep -q '^c100.123411e8.*vfio-pci\$' /proc/bus/pci/devices"

# ---- values that are kept [SYSFS-RULES.5..6], [SYSFS-WRITE.1], [SYSFS-WRITE.6..8], [SYSFS-WRITE.10] ----

check an_override_is_kept_without_its_newline prints "uio
(null)" shell "cd $device && printf uio >driver_override && cat driver_override && echo >driver_override && cat driver_override"
check a_flag_takes_numbers prints 1 shell "cd $device && echo 0x10 >broken_parity_status && cat broken_parity_status"
check a_flag_takes_nothing_else fails "Invalid argument" "echo on >$device/broken_parity_status"
check power_control_has_two_words fails "Invalid argument" "echo of >$device/power/control"
check power_control_is_kept prints on shell "echo on >$device/power/control && cat $device/power/control"
root && check an_enabled_device_has_a_driver fails "Device or resource busy" "echo 0 >$device/enable"
check a_uevent_has_an_action fails "Invalid argument" "echo nothing >$device/uevent"
check a_uevent_can_be_asked_for shell "echo change >$device/uevent"

check what_is_open_for_reading_is_not_cut fails "Invalid argument" "python3 -c 'import os; os.ftruncate(os.open(\"$device/config\", os.O_RDONLY), 0)'"

# A program that the shell has opened the file for, and that writes through a stream or not.
check a_program_writes_to_its_output prints uio shell "cd $device && /bin/echo uio >driver_override && cat driver_override"
check a_program_that_copies_writes_to_its_output prints uio shell "cd $device && echo uio >'$scratch/name' && cat '$scratch/name' >driver_override && cat driver_override"
check a_program_that_only_ends_has_written prints uio shell "cd $device && awk 'BEGIN { printf \"uio\" }' >driver_override && cat driver_override"
check a_program_is_told_of_a_failed_write fails "Invalid argument" "/bin/echo 2 >$device/reset"

# The shell's echo, a program that writes, and one that writes through a stream of the C library get the same answer.
check python_is_told_of_a_failed_write run --device "edu@$bdf" -- python3 -c '
import errno, sys
try:
    with open(sys.argv[1], "w") as f:
        f.write("2")
except OSError as e:
    sys.exit(e.errno != errno.EINVAL)
sys.exit(1)' "$device/reset"

# ---- resets [SYSFS-DEVICE.18..19], [SYSFS-WRITE.2..3], [CONFIG-RESET.5] ----

check a_reset_is_carried_out shell "echo 1 >$device/reset"
check a_reset_takes_1_only fails "Invalid argument" "echo 2 >$device/reset"
check the_methods_are_those_that_the_device_knows prints "bus flr bus" shell 'cat /sys/bus/pci/devices/0000:c[12]:00.0/reset_method | xargs'
check a_method_that_the_device_lacks_is_refused fails "Invalid argument" "echo flr >$device/reset_method"
check without_a_method_there_is_no_reset fails "Inappropriate ioctl" "echo >$device/reset_method && echo 1 >$device/reset"
check the_methods_come_back prints bus shell "cd $device && echo >reset_method && cat reset_method && echo default >reset_method && cat reset_method"

check methods_are_listed_with_one_space_between prints "flr bus" shell "cd /sys/bus/pci/devices/0000:c2:00.0 && echo ' flr   bus ' >reset_method && cat reset_method"

# ---- registers [SYSFS-DEVICE.21..22], [SYSFS-WRITE.11..12] ----

# poke OFFSET BYTES: in a process that ends then.
poke="python3 -c 'import os, sys; f = os.open(sys.argv[1], os.O_RDWR); os.pwrite(f, bytes.fromhex(sys.argv[3]), int(sys.argv[2], 0))' $device/config"
peek="od -A n -t x1"
check a_register_keeps_what_another_process_writes prints 10 shell "$poke 0xc 10 && $peek -j 12 -N 1 $device/config | xargs"
check a_read_only_register_does_not_change prints "34 12" shell "$poke 0 ffff && $peek -N 2 $device/config | xargs"
check writing_behind_the_registers_is_too_far fails "File too large" "$poke 256 00"
check memory_is_not_read fails "Input/output error" "head -c 4 $device/resource0"
# ends BDF FILE: what 8 bytes read at the end and behind it are, 4 read over it, and a write there.
ends() {
	run --device "edu@$bdf" --device e1000@0000:c2:00.0 -- python3 -c '
import errno, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
size = os.fstat(fd).st_size
def call(function, *arguments):
    try:
        result = function(fd, *arguments)
        return result if isinstance(result, int) else len(result)
    except OSError as error:
        return errno.errorcode[error.errno]
print(call(os.pread, 8, size), call(os.pread, 8, size + 8), call(os.pread, 8, size - 4), call(os.pwrite, b"1234", size))
' "/sys/bus/pci/devices/$1/$2"
}
check memory_ends_where_its_file_does prints "0 0 EIO EFBIG" ends "$bdf" resource0
check ports_end_where_their_file_does prints "0 0 4 EFBIG" ends 0000:c2:00.0 resource2
check registers_end_where_their_file_does prints "0 0 4 EFBIG" ends "$bdf" config
reading='
import errno, fcntl, os, sys
for name in "config", "enable", "vendor":
    fd = os.open(sys.argv[1] + "/" + name, os.O_RDONLY)
    try:
        os.write(fd, b"0")
    except OSError as error:
        print(errno.errorcode[error.errno], fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE)'
# read_only [OPTION]: what writing to files that are open for reading is, and how they say that they are open.
read_only() {
	run "$@" --device "edu@$bdf" -- python3 -c "$reading" "$device" | xargs
}
check what_is_open_for_reading_is_not_written prints "EBADF 0 EBADF 0 EBADF 0" read_only
check nor_on_a_shared_machine prints "EBADF 0 EBADF 0 EBADF 0" read_only --shared
# decoding [OPTION]: what BAR 0 reads as, by the device and mapped, while sysfs or the program has memory decoding off.
decoding='
import errno, mmap, os, struct, sys, ctypes
ioctl = ctypes.CDLL(None).ioctl
iommufd, device = os.open("/dev/iommu", os.O_RDWR), os.open("/dev/vfio/devices/vfio0", os.O_RDWR)
raw = os.open(sys.argv[1], os.O_RDWR)
ioctl(device, 0x3b76, struct.pack("=IIiI", 16, 0, iommufd, 0))
registers = mmap.mmap(device, 4096)
def read():
    try:
        return os.pread(device, 4, 0).hex()
    except OSError as error:
        return errno.errorcode[error.errno]
def show():
    print(read(), end=" ")
os.pwrite(raw, b"\0", 4)
show()
print(registers[0:4].hex(), end=" ")
os.pwrite(raw, b"\2", 4)
show()
print(registers[0:4].hex(), end=" ")
os.pwrite(device, b"\0\0", (7 << 40) + 4)
show()
os.pwrite(raw, b"\2", 4)
print(os.pread(device, 1, (7 << 40) + 4).hex(), end=" ")
show()
print(mmap.mmap(os.open(sys.argv[2], os.O_RDWR), 4096)[0:4].hex(), end=" ")
os.pwrite(device, b"\2\0", (7 << 40) + 4)
print(read())'
moved='
import mmap, os, struct, sys, ctypes
ioctl = ctypes.CDLL(None).ioctl
iommufd, device = os.open("/dev/iommu", os.O_RDWR), os.open("/dev/vfio/devices/vfio0", os.O_RDWR)
raw = os.open(sys.argv[1], os.O_RDWR)
ioctl(device, 0x3b76, struct.pack("=IIiI", 16, 0, iommufd, 0))
registers = mmap.mmap(device, 4096)
def show(end=" "):
    print(os.pread(raw, 4, 16).hex() == bar, os.pread(device, 4, 0).hex(), registers[0:4].hex(), end=end)
bar = os.pread(raw, 4, 16).hex()
os.pwrite(raw, bytes(4), 16)
show()
os.pwrite(device, bytes(2), (7 << 40) + 4)
os.pwrite(device, b"\2\0", (7 << 40) + 4)
show()
os.pwrite(raw, bytes(4), 16)
registers.close()
os.close(device)
print(os.pread(os.open(sys.argv[1], os.O_RDONLY), 4, 16).hex() == bar)'
# bar_written [OPTION]: whether sysfs shows the BAR that was there, and what BAR 0 reads as, when sysfs has written its
# register, when memory decoding is switched on then, and when the device is closed.
bar_written() {
	run "$@" --device "edu@$bdf" -- python3 -c "$moved" "$device/config"
}
check a_bar_that_sysfs_moves_comes_back prints "False ffffffff ffffffff True ed000001 ed000001 True" bar_written
check it_does_so_on_a_shared_machine prints "False ffffffff ffffffff True ed000001 ed000001 True" bar_written --shared
switched() {
	run "$@" --device "edu@$bdf" -- python3 -c "$decoding" "$device/config" "$device/resource0"
}
check vfio_goes_by_what_is_written_through_it prints "ffffffff ffffffff ed000001 ed000001 EIO 02 EIO ed000001 ed000001" switched
check vfio_does_so_on_a_shared_machine prints "ffffffff ffffffff ed000001 ed000001 EIO 02 EIO ed000001 ed000001" switched --shared
check memory_is_mapped prints 0x10000ed run --device "edu@$bdf" -- python3 -c '
import mmap, os, sys
m = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 4096)
print(hex(int.from_bytes(m[0:4], "little")))' "$device/resource0"
root && check a_user_reads_64_bytes prints 64 run --device "edu@$bdf" -- python3 -c '
import os, sys
os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
print(len(os.read(os.open(sys.argv[1], os.O_RDONLY), 256)))' "$device/config"

# ---- the ROM [SYSFS-DEVICE.25] ----

python3 - "$scratch/rom" <<EOF
import sys
rom = bytearray(3000)
rom[0:2], rom[24], rom[28:32], rom[44], rom[49] = b"\x55\xaa", 28, b"PCIR", 2, 0x80
open(sys.argv[1], "wb").write(rom)
EOF
rom() {
	run --device "edu@$bdf,romfile=$scratch/rom" -- bash -c "cd $device && $1"
}
check without_a_rom_there_is_no_file shell "[ ! -e $device/rom ]"
check a_rom_has_the_size_of_its_bar prints "600 4096" rom "stat -L -c '%a %s' rom"
check a_rom_is_a_resource prints "fff 0x0000000000046200" rom 'sed -n 7p resource | { read -r a b flags; printf "%x %s" $((b - a)) $flags; }'
check a_rom_is_not_read_before_it_is_enabled prints "Invalid argument" rom "cat rom 2>&1 | grep -o 'Invalid argument'"
check an_enabled_rom_ends_with_its_images prints 1024 rom "echo 1 >rom && cat rom | wc -c"
check a_rom_is_disabled_again prints "Invalid argument" rom "echo 1 >rom && echo 0 >rom; cat rom 2>&1 | grep -o 'Invalid argument'"

# ---- drivers [SYSFS-DRIVER.1..11], [SYSFS-NODES.1..5] ----

gone="[ ! -e $device/driver ] && [ ! -e $driver/$bdf ] && [ ! -e /dev/vfio/devices/vfio5 ] && [ ! -e /dev/vfio/77 ] && [ ! -e /sys/class/vfio/77 ] && [ -e $device/vendor ] && [ -e /dev/vfio/78 ]"
back="[ -e $device/driver ] && [ -c /dev/vfio/devices/vfio5 ] && [ -c /dev/vfio/77 ] && [ -e $device/vfio-dev/vfio5 ]"
check an_unbound_device_has_no_node shell "echo $bdf >$driver/unbind && $gone"
check an_unbound_device_says_so prints "PCI_CLASS=FF00 unknown active" shell "echo $bdf >$driver/unbind && cd $device && cat uevent power_state power/runtime_status | sed -n '1p;6,\$p' | xargs"
root && check a_device_without_a_driver_is_enabled_by_count prints "1 2 D0 1 0" shell "echo $bdf >$driver/unbind && cd $device && set_to() { echo \$1 >enable && cat enable; } && (set_to 1 && set_to 1 && cat power_state && set_to 0 && set_to 0) | xargs"
root && check what_enables_a_device_lets_it_decode prints "0000 0002" shell "echo $bdf >$driver/unbind && cd $device && printf '\\0\\0' | dd of=config bs=1 seek=4 conv=notrunc status=none && command() { od -An -tx2 -j4 -N2 config; } && (command && echo 1 >enable && command) | xargs"
root && check a_device_that_is_not_enabled_is_not_disabled fails "Input/output error" "echo $bdf >$driver/unbind && echo 0 >$device/enable"
root && check a_device_that_is_found_again_is_not_enabled prints 0 shell "echo $bdf >$driver/unbind && echo 1 >$device/enable && echo 1 >$device/remove && echo 1 >/sys/bus/pci/rescan && cat $device/enable"
check only_a_bound_device_is_unbound fails "No such device" "echo $bdf >$driver/unbind && echo $bdf >$driver/unbind"
check only_a_device_is_unbound fails "No such device" "echo 0000:ff:1f.7 >$driver/unbind"
check a_device_is_bound_again shell "echo $bdf >$driver/unbind && echo $bdf >$driver/bind && $back"
check a_bound_device_is_not_bound_again fails "Device or resource busy" "echo $bdf >$driver/bind"
check a_driver_has_to_match fails "No such device" "echo $bdf >$driver/unbind && echo >$device/driver_override && echo $bdf >$driver/bind"
check new_id_binds_what_matches shell "echo $bdf >$driver/unbind && echo >$device/driver_override && echo 1234 11e8 >$driver/new_id && $back"
check new_id_knows_an_id_once fails "File exists" "echo 1234 11e8 >$driver/new_id && echo 1234 11e8 >$driver/new_id"
check new_id_needs_two_numbers fails "Invalid argument" "echo 1234 >$driver/new_id"
check remove_id_needs_one_that_is_known fails "No such device" "echo 1234 11e8 >$driver/remove_id"
check drivers_probe_binds_what_matches shell "echo $bdf >$driver/unbind && echo $bdf >/sys/bus/pci/drivers_probe && $back"
check drivers_probe_fails_for_no_device fails "No such device" "echo 1 >/sys/bus/pci/drivers_probe"

# ---- removing [SYSFS-WRITE.4..5], [SYSFS-RULES.8] ----

check a_removed_device_is_nowhere shell "echo 1 >$device/remove && [ ! -e $device ] && [ ! -e $group ] && [ ! -e /dev/vfio/77 ] && [ ! -e /sys/devices/pci0000:c1/$bdf ]"
check removing_takes_a_number fails "Invalid argument" "echo yes >$device/remove"
check 0_removes_nothing shell "echo 0 >$device/remove && $back"
check a_rescan_finds_it_without_a_driver shell "echo 1 >$device/remove && echo 1 >/sys/bus/pci/rescan && [ -e $device/vendor ] && [ -e $group/devices/$bdf ] && [ ! -e $device/driver ] && [ \"\$(cat $device/driver_override)\" = '(null)' ]"
check a_file_of_a_removed_device_fails prints "No such device" run --device "edu@$bdf" -- python3 -c '
import os, sys
f = os.open(sys.argv[1] + "/config", os.O_RDONLY)
open(sys.argv[1] + "/remove", "w").write("1")
try:
    os.read(f, 4)
except OSError as e:
    print(e.strerror)' "$device"

finish
