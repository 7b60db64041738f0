#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program with known numbers, for tests/e2e/top.py: it drives one edu, and does what the lines on its input say.

map           maps a page more
read, write   one DMA of 4096 or of 64 bytes
fault         one DMA of 64 bytes to what is not mapped
interrupt     one interrupt alone

It waits for each DMA by its interrupt, so that the register accesses are known, too: each DMA is five writes, an
interrupt two. It answers each line by "done".
"""

import ctypes
import mmap
import os
import struct
import sys

from profile_program import BASE, PAGE, Device

SET_IRQS, MSI, TRIGGER_BY_EVENTFD = 0x3B6E, 1, 0x24
SOURCE, TARGET, COUNT, COMMAND, RAISE, ACKNOWLEDGE = 0x80, 0x88, 0x90, 0x98, 0x60, 0x64
START, TO_RAM, INTERRUPT = 1, 2, 4
BUFFER = 0x40000


class Counted(Device):
    def __init__(self):
        super().__init__()
        self.told = ctypes.CDLL(None, use_errno=True).eventfd(0, 0)
        self.call(self.device, SET_IRQS, "=IIIIIi", 24, TRIGGER_BY_EVENTFD, MSI, 0, 1, self.told)
        self.pages = []

    def map_page(self):
        self.pages.append(mmap.mmap(-1, PAGE))
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.pages[-1]))
        iova = BASE + 2 * PAGE * (len(self.pages) - 1)
        self.call(self.iommu, 0x3B85, "=IIIIQQQ", 40, 7, self.ioas, 0, address, PAGE, iova)

    def write(self, offset, value):
        os.pwrite(self.device, struct.pack("=I", value), offset)

    def acknowledge(self, event):
        os.read(self.told, 8)
        self.write(ACKNOWLEDGE, event)

    def dma(self, source, target, count, command):
        for register, value in ((SOURCE, source), (TARGET, target), (COUNT, count), (COMMAND, command | START | INTERRUPT)):
            self.write(register, value)
        self.acknowledge(0x100)

    def obey(self, word):
        if word == "map":
            self.map_page()
        elif word == "read":
            self.dma(BASE, BUFFER, PAGE, 0)
        elif word == "write":
            self.dma(BUFFER, BASE, 64, TO_RAM)
        elif word == "fault":
            self.dma(BUFFER, BASE + PAGE, 64, TO_RAM)
        elif word == "interrupt":
            self.write(RAISE, 1)
            self.acknowledge(1)


def main():
    device = Counted()
    print("done", flush=True)
    for line in sys.stdin:
        for word in line.split():
            device.obey(word)
        print("done", flush=True)


main()
