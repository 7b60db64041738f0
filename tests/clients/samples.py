#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drives a sample server of libvfio-user, by VFIO and iommufd: samples.py gpio-pci-idio-16|server BDF

Prints "done" at the end. To be run under `uiommufd run --device vfio-user,socket=PATH`.
"""

import ctypes
import fcntl
import mmap
import os
import select
import struct
import sys
import time

# Ioctls and flags of linux/vfio.h and linux/iommufd.h.
GET_REGION_INFO, SET_IRQS, BIND_IOMMUFD, ATTACH_PT = 0x3B6C, 0x3B6E, 0x3B76, 0x3B77
IOAS_ALLOC, IOAS_MAP = 0x3B81, 0x3B85
MAP_FLAGS = 7  # fixed IOVA, readable, writable
DATA_NONE, DATA_EVENTFD, ACTION_UNMASK, ACTION_TRIGGER = 1, 4, 16, 32
CONFIG = 7
MIB = 1 << 20
SECONDS = 20


class Device:
    def __init__(self, bdf):
        name = os.listdir(f"/sys/bus/pci/devices/{bdf}/vfio-dev")[0]
        self.context = os.open("/dev/iommu", os.O_RDWR)
        self.fd = os.open(f"/dev/vfio/devices/{name}", os.O_RDWR)
        self.call(self.fd, BIND_IOMMUFD, "IIii", 16, 0, self.context, 0)
        self.ioas = self.call(self.context, IOAS_ALLOC, "III", 12, 0, 0)[2]
        self.call(self.fd, ATTACH_PT, "III", 12, 0, self.ioas)
        self.write(CONFIG, 4, struct.pack("<H", 7))  # IO, memory, bus master

    @staticmethod
    def call(fd, number, form, *values):
        argument = bytearray(struct.pack(form, *values))
        fcntl.ioctl(fd, number, argument)
        return struct.unpack(form, argument)

    def offset(self, region):
        return self.call(self.fd, GET_REGION_INFO, "IIIIQQ", 32, 0, region, 0, 0, 0)[5]

    def read(self, region, off, size):
        return os.pread(self.fd, size, self.offset(region) + off)

    def write(self, region, off, data):
        os.pwrite(self.fd, data, self.offset(region) + off)

    def map(self, memory, iova):
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self.call(self.context, IOAS_MAP, "IIIIQQQ", 40, MAP_FLAGS, self.ioas, 0, address, len(memory), iova)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found!r}, expected {wanted!r}")


def drive_gpio(device):
    """A card of 16 inputs and outputs: each write to BAR 2 turns the inputs around."""
    expect("IDs", device.read(CONFIG, 0, 4), struct.pack("<HH", 0x494F, 0x0DC8))
    before = device.read(2, 1, 1)
    device.write(2, 0, b"\xff")
    first = device.read(2, 1, 1)
    device.write(2, 0, b"\xff")
    if len({before, first, device.read(2, 1, 1)}) == 1:
        sys.exit(f"the inputs stay {before!r}")


def drive_server(device):
    """BAR 0 takes a time, at which the server interrupts and then does DMA; BAR 1 is memory.

    To what was mapped first its DMA is by messages, to what was mapped second by a mapping of its own.
    """
    fd = os.memfd_create("memory")
    os.ftruncate(fd, MIB)
    shared = mmap.mmap(fd, MIB)
    private = mmap.mmap(-1, MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    device.map(private, MIB)
    device.map(shared, 0)
    memory = mmap.mmap(device.fd, mmap.PAGESIZE, offset=device.offset(1))
    memory[:8] = b"directly"
    expect("BAR 1 through the server", device.read(1, 0, 8), b"directly")
    event = os.eventfd(0)
    device.call(device.fd, SET_IRQS, "IIIIIi", 24, DATA_EVENTFD | ACTION_TRIGGER, 0, 0, 1, event)
    for _ in range(2):
        device.write(0, 0, struct.pack("<q", int(time.time()) + 1))
        if not select.select([event], [], [], SECONDS)[0]:
            sys.exit("no interrupt")
        os.eventfd_read(event)
        device.call(device.fd, SET_IRQS, "IIIII", 20, DATA_NONE | ACTION_UNMASK, 0, 0, 1)
    # The second interrupt comes after the DMA of the first.
    for name, where in (("by descriptor", shared), ("by messages", private)):
        if not any(where[:]):
            sys.exit(f"no DMA to memory {name}")
    del memory


def main():
    device = Device(sys.argv[2])
    {"gpio-pci-idio-16": drive_gpio, "server": drive_server}[sys.argv[1]](device)
    print("done", flush=True)
    # Mappings that ctypes refers to cannot be closed.
    os._exit(0)


if __name__ == "__main__":
    main()
