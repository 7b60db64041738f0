#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An unmodified QEMU passes a device of `uiommufd serve` through to a guest, with vfio-user-pci.

As in qemu.py, QEMU's qtest protocol stands in the place of a guest. Guest memory is shared by descriptor, or is not, so
that DMA becomes messages; a device is reset, removed with its QEMU, and used by the next one.

Usage: vfio_user_qemu.py UIOMMUFD
Environment: QEMU, the program, or a command that runs one ("chroot DIRECTORY qemu-system-x86_64"); default:
qemu-system-x86_64. QEMU_ROOT: its root directory, if that is another; /tmp in there is used.
Exit: 0 passed, 1 failed, 77 skipped: there is no QEMU that has vfio-user-pci.
"""
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import qemu

QEMU = shlex.split(os.environ.get("QEMU", "qemu-system-x86_64"))
ROOT = os.environ.get("QEMU_ROOT", "/")
SHARED = ["-object", "memory-backend-memfd,id=ram,size=64M,share=on", "-machine", "q35,accel=tcg,memory-backend=ram"]
PRIVATE = ["-machine", "q35,accel=tcg"]


class Machine(qemu.Machine):
    """A QEMU, with its processor stopped, whose device is behind the socket @path."""

    def __init__(self, path, memory):  # pylint: disable=super-init-not-called
        device = '{"driver":"vfio-user-pci","addr":"%d","socket":{"type":"unix","path":"%s"}}' % (qemu.SLOT, path)
        command = [*QEMU, *memory, "-S", "-m", "64", "-display", "none", "-nodefaults", "-qtest", "stdio",
                   "-qtest-log", "/dev/null", "-device", device]
        self.qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def has_vfio_user():
    if not shutil.which(QEMU[0]):
        return False
    devices = subprocess.run([*QEMU, "-device", "help"], capture_output=True, text=True, check=False).stdout
    return '"vfio-user-pci"' in devices


def main():
    if not has_vfio_user():
        print("SKIPPED:", " ".join(QEMU), "is not there, or has no vfio-user-pci")
        return 77
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "tmp")) as directory:
        path = os.path.join(directory, "socket")
        with subprocess.Popen([sys.argv[1], "serve", "edu", "--socket", path], stderr=subprocess.PIPE,
                              text=True) as server:
            while not os.path.exists(path):
                time.sleep(0.01)
            inside = "/" + os.path.relpath(path, ROOT)
            for way, memory in (("memory by descriptor", SHARED), ("memory by messages", PRIVATE)):
                print("with", way)
                machine = Machine(inside, memory)
                try:
                    qemu.drive(machine)
                finally:
                    machine.close()
            server.send_signal(signal.SIGTERM)
            lines = server.stderr.read()
            qemu.expect("the server ends", server.wait(), 0)
            qemu.expect("without a word", lines, "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
