#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An unmodified QEMU passes the emulated device through to a guest.

QEMU is started with vfio-pci for the device, and with its qtest protocol in the place of a guest: what a driver
in the guest would do to PCI config space, to the BAR and to memory is done from here. The device is found, its BAR
placed, and its DMA moves data between two places of guest memory.

The command is that of docs/run.md. Both ways that QEMU has are taken: VFIO's container and groups, and iommufd (from QEMU 9.0 on).

Usage: qemu.py UIOMMUFD
Environment: QEMU, the program; default: qemu-system-x86_64.
Exit: 0 passed, 1 failed, 77 skipped: there is no QEMU.
"""
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from blocks import marked

QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
BDF = "0000:c1:00.0"
SLOT = 5  # where the guest sees the device: 00:05.0
BAR = 0xE0000000
SOURCE, TARGET = 0x100000, 0x200000  # guest memory
DATA = bytes(range(256)) * 8

# Registers of edu, and bits of its commands.
IDENTIFICATION, LIVENESS = 0x00, 0x04
DMA_SOURCE, DMA_TARGET, DMA_COUNT, DMA_COMMAND = 0x80, 0x88, 0x90, 0x98
DMA_START, DMA_FROM_DEVICE = 1, 2
DEVICE_BUFFER = 0x40000


class Machine:
    """A QEMU with its processor stopped: this test drives the machine instead."""

    def __init__(self, uiommufd, device, *arguments):
        [block] = marked("docs/run.md", "tests/e2e/qemu.py")
        instead = {
            "uiommufd": [uiommufd],
            "qemu-system-x86_64": [QEMU],
            f"vfio-pci,host={BDF}": [f"vfio-pci,host={BDF},addr={SLOT}{device}"],
            "...": ["-machine", "q35,accel=tcg", "-S", "-m", "64", "-display", "none", "-nodefaults", "-qtest", "stdio",
                    "-qtest-log", "/dev/null", *arguments],
        }
        command = [word for shown in shlex.split(block.commands()[0]) for word in instead.get(shown, [shown])]
        self.qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.qemu.stdin.write(line + "\n")
        self.qemu.stdin.flush()
        while True:
            answer = self.qemu.stdout.readline()
            if not answer:
                raise SystemExit("FAIL: QEMU ended: exit status %s" % self.qemu.wait())
            if not answer.startswith("IRQ"):
                break
        words = answer.split()
        if words[0] != "OK":
            raise SystemExit(f"FAIL: {line}: {answer.strip()}")
        return words[1] if len(words) > 1 else None

    def config_address(self, offset):
        self.ask("outl 0xcf8 %#x" % (0x80000000 | SLOT << 11 | offset))

    def config_read(self, offset):
        self.config_address(offset)
        return int(self.ask("inl 0xcfc"), 16)

    def config_write(self, offset, value):
        self.config_address(offset)
        self.ask("outl 0xcfc %#x" % value)

    def read(self, offset):
        return int(self.ask("readl %#x" % (BAR + offset)), 16)

    def write(self, offset, value):
        self.ask("writel %#x %#x" % (BAR + offset, value))

    def dma(self, source, target, count, command):
        self.write(DMA_SOURCE, source)
        self.write(DMA_TARGET, target)
        self.write(DMA_COUNT, count)
        self.write(DMA_COMMAND, command | DMA_START)
        while self.read(DMA_COMMAND) & DMA_START:
            pass

    def close(self):
        self.qemu.stdin.close()
        self.qemu.terminate()
        self.qemu.wait()


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"FAIL: {what}: found {found!r}, expected {wanted!r}")
    print("ok:", what)


def drive(machine):
    expect("the guest sees the device", machine.config_read(0), 0x11E81234)
    machine.config_write(0x10, 0xFFFFFFFF)
    expect("its BAR has 1 MiB", machine.config_read(0x10) & 0xFFFFFFF0, 0xFFF00000)
    machine.config_write(0x10, BAR)
    machine.config_write(0x04, 0x6)  # memory and bus mastering
    expect("identification register", machine.read(IDENTIFICATION), 0x010000ED)
    machine.write(LIVENESS, 0x12345678)
    expect("liveness register inverts", machine.read(LIVENESS), 0x12345678 ^ 0xFFFFFFFF)
    machine.ask("write %#x %#x 0x%s" % (SOURCE, len(DATA), DATA.hex()))
    machine.dma(SOURCE, DEVICE_BUFFER, len(DATA), 0)
    machine.dma(DEVICE_BUFFER, TARGET, len(DATA), DMA_FROM_DEVICE)
    expect("DMA moved guest memory", machine.ask("read %#x %#x" % (TARGET, len(DATA))), "0x" + DATA.hex())


def has_iommufd():
    objects = subprocess.run([QEMU, "-object", "help"], capture_output=True, text=True, check=False).stdout
    return "iommufd" in objects.split()


def main():
    if not shutil.which(QEMU):
        print("SKIPPED:", QEMU, "is not installed")
        return 77
    ways = {"container": ("",)}
    if has_iommufd():
        ways["iommufd"] = (",iommufd=io", "-object", "iommufd,id=io")
    for way, arguments in ways.items():
        print("by", way)
        machine = Machine(sys.argv[1], *arguments)
        try:
            drive(machine)
        finally:
            machine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
