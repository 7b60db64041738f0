#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Devices that come and go under `uiommufd run` while a program has them open: hotplug.py COMMAND HOLDER.

COMMAND is `uiommufd`, HOLDER is hotplug_holder. Runs inside of a run, with an edu at 0000:c1:00.0, index 5, group 77:
what it writes to sysfs another process is asked about.
"""

import ctypes
import errno
import os
import signal
import struct
import subprocess
import sys
import threading
import time

COMMAND, HOLDER = sys.argv[1:3]
BDF = "0000:c1:00.0"
DEVICE = f"/sys/bus/pci/devices/{BDF}"
DRIVER = "/sys/bus/pci/drivers/vfio-pci"
NODE = "/dev/vfio/devices/vfio5"


class Holder:
    """A program that has the device open."""

    def __init__(self, node=NODE):
        self.process = subprocess.Popen([HOLDER, node], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.answer() == "ready"

    def answer(self):
        return self.process.stdout.readline().strip()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


class Watch:
    """What inotify tells of a directory."""

    MADE, REMOVED, ALL = 0x100, 0x200, 0xFFF

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self.fd, path.encode(), self.ALL) > 0, ctypes.get_errno()

    def events(self):
        """A pair (mask, name) for each since the last call."""
        found, at = [], 0
        try:
            data = os.read(self.fd, 4096)
        except BlockingIOError:
            data = b""
        while at < len(data):
            _, mask, _, length = struct.unpack_from("iIII", data, at)
            found.append((mask, data[at + 16 : at + 16 + length].rstrip(b"\0").decode()))
            at += 16 + length
        return found

    def end(self):
        os.close(self.fd)


class Writer(threading.Thread):
    """Writes @text to @path; result is 0 or an errno, and None as long as it writes."""

    def __init__(self, path, text):
        super().__init__()
        self.path, self.text, self.result = path, text, None
        self.start()

    def run(self):
        fd = os.open(self.path, os.O_WRONLY)
        try:
            os.write(fd, self.text.encode())
            self.result = 0
        except OSError as error:
            self.result = error.errno
        os.close(fd)

    def end(self):
        self.join()
        return self.result


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def write(path, text):
    assert Writer(path, text).end() == 0, path


def wait_until(condition):
    while not condition():
        time.sleep(0.01)


def command(*arguments):
    """`uiommufd` as another program would call it: outside of the run."""
    env = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "UIOMMUFD_ROOT")}
    return subprocess.run([COMMAND, *arguments], env=env, capture_output=True, text=True, check=False)


def unbinding_waits_for_another_process():
    holder = Holder()
    assert read(f"{DEVICE}/enable") == "1" and read(f"{DEVICE}/power_state") == "D0"
    writer = Writer(f"{DRIVER}/unbind", BDF)
    assert holder.ask("req") == "signalled"
    assert holder.ask("open") == "No such file or directory"
    assert writer.result is None and os.path.exists("/dev/vfio/77") and not os.path.exists(f"{DEVICE}/driver")
    assert holder.ask("bar") == "0x10000ed"
    assert holder.ask("close") == "0"
    assert writer.end() == 0
    assert not os.path.exists("/dev/vfio/77") and os.path.exists(DEVICE)
    holder.end()
    write(f"{DRIVER}/bind", BDF)
    Holder().end()


def the_end_of_a_process_is_as_good():
    holder = Holder()
    writer = Writer(f"{DRIVER}/unbind", BDF)
    assert holder.ask("req") == "signalled"
    holder.process.kill()
    holder.process.wait()
    assert writer.end() == 0
    write(f"{DRIVER}/bind", BDF)


def a_process_that_is_stopped_is_waited_for():
    holder = Holder()
    os.kill(holder.process.pid, signal.SIGSTOP)
    writer = Writer(f"{DRIVER}/unbind", BDF)
    wait_until(lambda: not os.path.exists(f"{DEVICE}/driver"))
    # Each of these gives up on it, as the writer does in the same time, which must ask again.
    for _ in range(3):
        read(f"{DEVICE}/enable")
    os.kill(holder.process.pid, signal.SIGCONT)
    assert holder.ask("bar") == "0x10000ed" and writer.result is None
    holder.end()
    assert writer.end() == 0
    write(f"{DRIVER}/bind", BDF)


def removing_waits_too():
    holder = Holder()
    writer = Writer(f"{DEVICE}/remove", "1")
    assert holder.ask("req") == "signalled"
    assert writer.result is None and os.path.exists(DEVICE)
    holder.end()
    assert writer.end() == 0
    assert not os.path.exists(DEVICE)
    write("/sys/bus/pci/rescan", "1")
    write(f"{DEVICE}/driver_override", "vfio-pci")
    write("/sys/bus/pci/drivers_probe", BDF)
    Holder().end()


def registers_are_those_of_the_process_that_has_the_device():
    holder = Holder()
    fd = os.open(f"{DEVICE}/config", os.O_RDWR)
    os.pwrite(fd, b"\x40", 0xC)
    assert os.pread(fd, 1, 0xC) == b"\x40"
    assert os.pread(fd, 2, 4) == b"\x03\x00" or os.pread(fd, 2, 4) == b"\x02\x00"
    write(f"{DEVICE}/reset", "1")
    assert Writer("/sys/kernel/iommu_groups/77/type", "identity").end() == errno.EPERM
    assert os.pread(fd, 1, 0xC) == b"\x40"
    holder.end()
    assert os.pread(fd, 1, 0xC) == b"\x00"
    os.close(fd)


def a_device_is_pulled_out():
    holder = Holder()
    result = command("unplug", str(holder.process.pid), BDF)
    assert result.returncode == 0, result.stderr
    assert holder.ask("err") == "signalled" and holder.ask("req") == "signalled"
    assert holder.ask("bar") == "0xffffffff" and holder.ask("registers") == "0xffffffff"
    assert not os.path.exists(NODE)
    assert holder.ask("close") == "0"
    wait_until(lambda: not os.path.exists(DEVICE))
    assert not os.path.exists("/dev/vfio/77") and not os.path.exists("/sys/kernel/iommu_groups/77")
    holder.end()
    assert command("unplug", str(os.getpid()), BDF).returncode != 0


def a_device_is_plugged_in():
    text = f"edu@{BDF},index=5,group=77"
    result = command("plug", str(os.getpid()), text)
    assert result.returncode == 0, result.stderr
    assert read(f"{DEVICE}/vendor") == "0x1234" and os.path.exists(f"{DEVICE}/driver")
    holder = Holder()
    assert holder.ask("bar") == "0x10000ed" and holder.ask("quiet") == "quiet"
    holder.end()
    result = command("plug", str(os.getpid()), text)
    assert result.returncode == 2 and "0000:c1:00.0" in result.stderr, result.stderr
    result = command("plug", str(os.getpid()), "nothing")
    assert result.returncode == 2 and "there are: e1000, edu" in result.stderr, result.stderr


def a_second_device_joins_a_running_program():
    holder = Holder()
    assert command("plug", str(holder.process.pid), "edu@0000:c3:00.0,index=6,group=78").returncode == 0
    second = Holder("/dev/vfio/devices/vfio6")
    assert second.ask("bar") == "0x10000ed"
    assert command("unplug", str(second.process.pid), "0000:c3:00.0").returncode == 0
    assert second.ask("bar") == "0xffffffff" and holder.ask("bar") == "0x10000ed"
    assert holder.ask("quiet") == "quiet"
    second.end()
    holder.end()
    # By the thread that finds that nobody has it open any more: the next test would see it go.
    wait_until(lambda: not os.path.exists("/dev/vfio/78"))


def nodes_are_made_and_removed_for_who_watches():
    devices, groups = Watch("/dev/vfio/devices"), Watch("/dev/vfio")
    write(f"{DRIVER}/unbind", BDF)
    assert devices.events() == [(Watch.REMOVED, "vfio5")]
    assert groups.events() == [(Watch.REMOVED, "77")]
    write(f"{DRIVER}/bind", BDF)
    assert devices.events() == [(Watch.MADE, "vfio5")]
    assert groups.events() == [(Watch.MADE, "77")]
    assert command("plug", str(os.getpid()), "edu@0000:c3:00.0,index=6,group=78").returncode == 0
    assert (Watch.MADE, "vfio6") in devices.events() and (Watch.MADE, "78") in groups.events()
    assert command("unplug", str(os.getpid()), "0000:c3:00.0").returncode == 0
    # Soon: by the thread that finds that nobody has it open any more.
    wait_until(lambda: (Watch.REMOVED, "vfio6") in devices.events())
    wait_until(lambda: (Watch.REMOVED, "78") in groups.events())
    devices.end()
    groups.end()


def what_sysfs_enables_counts_beside_the_driver():
    write(f"{DRIVER}/unbind", BDF)
    write(f"{DEVICE}/enable", "1")
    write(f"{DRIVER}/bind", BDF)
    holder = Holder()
    assert read(f"{DEVICE}/enable") == "2"
    holder.end()
    assert read(f"{DEVICE}/enable") == "1"


def messages_do_not_begin_while_sysfs_forbids_them():
    """[CONFIG-IRQ.6c], [SYSFS-WRITE.7]"""
    write(f"{DEVICE}/msi_bus", "0")
    holder = Holder()
    assert holder.ask("msi") == "Invalid argument"
    holder.end()
    write(f"{DEVICE}/msi_bus", "1")
    holder = Holder()
    assert holder.ask("msi") == "enabled"
    holder.end()


def main():
    # So that this process answers requests, too.
    os.close(os.open("/dev/iommu", os.O_RDWR))
    tests = [
        unbinding_waits_for_another_process,
        the_end_of_a_process_is_as_good,
        a_process_that_is_stopped_is_waited_for,
        removing_waits_too,
        registers_are_those_of_the_process_that_has_the_device,
        a_device_is_pulled_out,
        a_device_is_plugged_in,
        a_second_device_joins_a_running_program,
        nodes_are_made_and_removed_for_who_watches,
    ]
    if os.geteuid() == 0:
        tests += [what_sysfs_enables_counts_beside_the_driver, messages_do_not_begin_while_sysfs_forbids_them]
    for test in tests:
        test()
        print(f"[       OK ] {test.__name__}", flush=True)


if __name__ == "__main__":
    main()
