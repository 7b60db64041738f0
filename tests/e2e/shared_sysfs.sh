#!/bin/sh
# SPDX-License-Identifier: MIT
# Files of sysfs of a machine that programs share: what programs and shells write there, and what they map.
. "$(dirname "$0")/lib.sh"

bdf=0000:c1:00.0
device=/sys/bus/pci/devices/$bdf
driver=/sys/bus/pci/drivers/vfio-pci

# shell COMMANDS, and python COMMANDS, on a shared machine.
shell() {
	run --shared --device "edu@$bdf" -- bash -c "$1"
}
python() {
	run --shared --device "edu@$bdf" -- python3 -c "import errno, mmap, os, struct
def write(name, text):
    fd = os.open(name, os.O_WRONLY)
    try:
        return os.write(fd, text)
    except OSError as error:
        return errno.errorcode[error.errno]
$1"
}

# The next command of a shell sees what `>` has written; of a failure there is a line.
check a_shell_writes_before_its_next_command prints foo shell "echo foo >$device/driver_override; cat $device/driver_override"
check the_writes_of_a_shell_are_in_order prints "bar vfio-pci" shell "
	for text in a b c bar; do echo \$text >$device/driver_override; done; x=\$(cat $device/driver_override)
	echo vfio-pci >$device/driver_override; echo \$x \$(cat $device/driver_override)"
check a_shell_unbinds_and_binds prints "0 1" shell "
	echo $bdf >$driver/unbind; n=\$(ls /dev/vfio/devices | wc -l)
	echo $bdf >$driver/bind; echo \$n \$(ls /dev/vfio/devices | wc -l)"
# Also when the machine ends at once.
tells_always() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		complains 0 "Invalid argument" shell "echo none >$device/numa_node; true" || return 1
	done
}
check a_failed_write_of_a_shell_is_told tells_always
check what_is_only_read_is_not_opened prints "" shell "{ echo 1 >$device/vendor; } 2>/dev/null"
check a_program_is_told_what_its_write_does prints "4 EINVAL 1 ENODEV" python "
print(write('$device/driver_override', b'abc\n'), write('$device/numa_node', b'none'), write('$device/reset', b'1'),
      write('$driver/bind', b'0000:00:00.0'))"
check config_space_is_written prints "0600 0600" python "
fd = os.open('$device/config', os.O_RDWR)
os.pwrite(fd, b'\x06', 4)
print(os.pread(fd, 2, 4).hex(), open('$device/config', 'rb').read()[4:6].hex())"
check what_is_open_for_writing_has_a_position prints "0600 6 256 vfio-pci vfio-pci EINVAL" python "
with open('$device/config', 'r+b', buffering=0) as file:
    file.seek(4)
    file.write(b'\x06\x00')
    file.seek(-2, os.SEEK_CUR)
    print(file.read(2).hex(), file.tell(), file.seek(0, os.SEEK_END), end=' ')
with open('$device/driver_override', 'r+') as file:
    text = file.read().strip()
    file.seek(0)
    print(text, file.read().strip(), end=' ')
    try:
        os.lseek(file.fileno(), -1, os.SEEK_SET)
    except OSError as error:
        print(errno.errorcode[error.errno])"
check an_attribute_has_no_length_to_cut prints "vfio-pci EISDIR" python "
os.truncate('$device/driver_override', 0)
print(open('$device/driver_override').read().strip(), end=' ')
try:
    os.truncate('$device/power', 0)
except OSError as error:
    print(errno.errorcode[error.errno])"
check what_is_written_can_be_synced prints "None None None vfio-pci" python "
fd = os.open('$device/driver_override', os.O_RDWR)
print(os.fsync(fd), os.fdatasync(fd), os.ftruncate(fd, 0), os.read(fd, 99).decode().strip())"
check a_bar_is_mapped_from_its_file prints 0x10000ed python "
fd = os.open('$device/resource0', os.O_RDWR)
with open('$device/enable', 'w') as file:
    pass
os.pwrite(os.open('$device/config', os.O_RDWR), b'\x06', 4)
print(hex(struct.unpack_from('<I', mmap.mmap(fd, 4096), 0)[0]))"
finish
