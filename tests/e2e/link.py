#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The smallest driver of an e1000: it waits until the link is up. With an argument it then waits to be ended."""

import glob
import mmap
import os
import signal
import sys
import time

CTRL, STATUS = 0x0, 0x8
SET_LINK_UP, LINK_UP = 1 << 6, 1 << 1


def main():
    fd = os.open(glob.glob("/sys/bus/pci/devices/*/resource0")[0], os.O_RDWR)
    registers = memoryview(mmap.mmap(fd, mmap.PAGESIZE)).cast("I")
    registers[CTRL // 4] |= SET_LINK_UP
    while not registers[STATUS // 4] & LINK_UP:
        time.sleep(0.01)
    print("the link is up", flush=True)
    if len(sys.argv) > 1:
        signal.pause()


if __name__ == "__main__":
    main()
