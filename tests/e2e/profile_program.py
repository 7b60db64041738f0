#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program whose DMA is known: what tests/e2e/profile.py profiles. It drives one edu.

profile_program.py sweep small|large  reads 16 MiB page by page, twice, through page table entries of 4 KiB or of any size
profile_program.py sparse             maps 64 MiB, and touches three pages
profile_program.py churn              maps a page, reads it, unmaps it: 64 times
"""

import ctypes
import fcntl
import mmap
import os
import struct
import sys

IOAS_ALLOC, IOAS_MAP, IOAS_UNMAP, OPTION = 0x3B81, 0x3B85, 0x3B86, 0x3B87
BIND, ATTACH = 0x3B76, 0x3B77
HUGE_PAGES = 1
PAGE, HUGE, MIB = 4096, 2 << 20, 1 << 20
BASE = 64 * MIB  # the device has 28 address bits


class Device:
    def __init__(self, huge=True):
        self.device = os.open("/dev/vfio/devices/vfio0", os.O_RDWR)
        self.iommu = os.open("/dev/iommu", os.O_RDWR)
        self.call(self.device, BIND, "=IIiIQ", 24, 0, self.iommu, 0, 0)
        self.ioas = struct.unpack("=III", self.call(self.iommu, IOAS_ALLOC, "=III", 12, 0, 0))[2]
        self.call(self.iommu, OPTION, "=IIHHIQ", 24, HUGE_PAGES, 0, 0, self.ioas, huge)
        self.call(self.device, ATTACH, "=IIII", 16, 0, self.ioas, 0)
        os.pwrite(self.device, struct.pack("=H", 6), (7 << 40) + 4)

    @staticmethod
    def call(fd, number, structure, *values):
        return fcntl.ioctl(fd, number, struct.pack(structure, *values))

    def map(self, length):
        """Memory at a multiple of 2 MiB, mapped at BASE."""
        self.memory = mmap.mmap(-1, length + HUGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        address += -address % HUGE
        self.map_at(address, length)

    def map_at(self, address, length):
        self.call(self.iommu, IOAS_MAP, "=IIIIQQQ", 40, 7, self.ioas, 0, address, length, BASE)

    def unmap(self, length):
        self.call(self.iommu, IOAS_UNMAP, "=IIQQ", 24, self.ioas, BASE, length)

    def close(self):
        """Before the memory goes."""
        os.close(self.device)
        os.close(self.iommu)

    def read(self, iova):
        """The device reads a page."""
        for offset, value in ((0x80, iova), (0x88, 0x40000), (0x90, PAGE), (0x98, 1)):
            os.pwrite(self.device, struct.pack("=Q" if offset < 0x98 else "=I", value), offset)
        while os.pread(self.device, 4, 0x98)[0] & 1:
            pass


def sweep(size):
    device = Device(huge=size == "large")
    device.map(16 * MIB)
    for _ in range(2):
        for page in range(16 * MIB // PAGE):
            device.read(BASE + page * PAGE)
    device.close()


def sparse():
    device = Device()
    device.map(64 * MIB)
    for page in (0, 1, 5000):
        device.read(BASE + page * PAGE)
    device.close()


def churn():
    device = Device()
    device.memory = mmap.mmap(-1, PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(device.memory))
    for _ in range(64):
        device.map_at(address, PAGE)
        device.read(BASE)
        device.unmap(PAGE)
    device.close()


if __name__ == "__main__":
    {"sweep": sweep, "sparse": sparse, "churn": churn}[sys.argv[1]](*sys.argv[2:])
