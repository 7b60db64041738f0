#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program under a seccomp filter, as containers do: refuse_calls.py NUMBER,... PROGRAM [ARGUMENT]...

Each of the system calls returns EPERM. Numbers are those of x86-64.
"""

import ctypes
import os
import struct
import sys

LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050001
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
FILTER = 2  # SECCOMP_MODE_FILTER


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def main():
    numbers = [int(number) for number in sys.argv[1].split(",")]
    steps = [(LOAD, 0, 0, 0)]
    steps += [(JUMP_IF_EQUAL, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    words = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None)
    program = Program(len(steps), ctypes.addressof(words))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0):
        sys.exit("no seccomp filter can be set here")
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
