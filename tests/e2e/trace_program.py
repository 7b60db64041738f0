#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program whose trace is known: what tests/e2e/trace.py traces.

trace_program.py errors   maps, maps there again (EEXIST), unmaps
trace_program.py fork     does it in two processes
trace_program.py exec     does it, and again as another program
trace_program.py killed   maps pages one by one, until SIGKILL ends it in the middle
"""

import ctypes
import fcntl
import mmap
import os
import signal
import struct
import sys
import threading
import time

IOAS_ALLOC, IOAS_MAP, IOAS_UNMAP = 0x3B81, 0x3B85, 0x3B86
MEMORY = mmap.mmap(-1, 64 * 4096)
ADDRESS = ctypes.addressof(ctypes.c_char.from_buffer(MEMORY))
MANY = 20000


def call(fd, number, structure, *values):
    argument = bytearray(struct.pack(structure, *values))
    try:
        fcntl.ioctl(fd, number, argument)
    except OSError as error:
        return error.errno, argument
    return 0, argument


def map_page(fd, ioas, iova):
    return call(fd, IOAS_MAP, "=IIIIQQQ", 40, 7, ioas, 0, ADDRESS, 4096, iova)[0]


def errors():
    fd = os.open("/dev/iommu", os.O_RDWR)
    ioas = struct.unpack("=III", call(fd, IOAS_ALLOC, "=III", 12, 0, 0)[1])[2]
    results = [map_page(fd, ioas, 0x1000), map_page(fd, ioas, 0x1000),
               call(fd, IOAS_UNMAP, "=IIQQ", 24, ioas, 0x1000, 4096)[0], call(fd, IOAS_MAP, "=I", 8)[0]]
    assert results[0] == 0 and results[1] == 17 and results[2] == 0 and results[3], results
    return fd, ioas


def fork():
    errors()
    child = os.fork()
    errors()
    if not child:
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0


def execute():
    errors()
    os.execv(sys.executable, [sys.executable, __file__, "errors"])


def killed():
    fd, ioas = errors()
    threading.Thread(target=lambda: (time.sleep(0.3), os.kill(os.getpid(), signal.SIGKILL))).start()
    for page in range(10**9):
        map_page(fd, ioas, 0x100000 + page % MANY * 4096)
        call(fd, IOAS_UNMAP, "=IIQQ", 24, ioas, 0x100000 + page % MANY * 4096, 4096)


if __name__ == "__main__":
    {"errors": errors, "fork": fork, "exec": execute, "killed": killed}[sys.argv[1]]()
