#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An unmodified QEMU passes devices of `uiommufd serve` through to a guest, with vfio-user-pci: edu, ioat, nvme.

As in qemu.py, QEMU's qtest protocol stands in the place of a guest. Guest memory is shared by descriptor, or is not, so
that DMA becomes messages; a device is reset, removed with its QEMU, and used by the next one: its disk keeps what was
written.

Usage: vfio_user_qemu.py UIOMMUFD
Environment: QEMU, the program, or a command that runs one ("chroot DIRECTORY qemu-system-x86_64"); default:
qemu-system-x86_64. QEMU_ROOT: its root directory, if that is another; /tmp in there is used.
Exit: 0 passed, 1 failed, 77 skipped: there is no QEMU that has vfio-user-pci.
"""
import json
import os
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import qemu
from blocks import marked

QEMU = shlex.split(os.environ.get("QEMU", "qemu-system-x86_64"))
ROOT = os.environ.get("QEMU_ROOT", "/")
SHARED, PRIVATE = [], ["-machine", "q35"]
SECONDS = 20


class Machine(qemu.Machine):
    """A QEMU, with its processor stopped, whose device is behind the socket @path."""

    def __init__(self, path, memory):  # pylint: disable=super-init-not-called
        [block] = marked("docs/vfio-user.md", "tests/e2e/vfio_user_qemu.py")
        words = shlex.split(block.commands()[0])
        device = json.loads(words[words.index("-device") + 1])
        device["addr"], device["socket"]["path"] = str(qemu.SLOT), path
        # The document shares memory. It has more than a test needs.
        shown = memory if memory else [word.replace("size=1G", "size=64M") for word in words[1:words.index("-device")]]
        command = [*QEMU, *shown, "-accel", "tcg", "-S", "-m", "64", "-display", "none", "-nodefaults", "-qtest", "stdio",
                   "-qtest-log", "/dev/null", "-device", json.dumps(device)]
        self.qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


    # Registers of one width, and guest memory.

    def get(self, width, offset):
        return int(self.ask("read%s %#x" % (width, qemu.BAR + offset)), 16)

    def set(self, width, offset, value):
        self.ask("write%s %#x %#x" % (width, qemu.BAR + offset, value))

    def load(self, address, size):
        return bytes.fromhex(self.ask("read %#x %#x" % (address, size))[2:])

    def store(self, address, data):
        self.ask("write %#x %#x 0x%s" % (address, len(data), data.hex()))

    def await_(self, what, condition):
        end = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > end:
                raise SystemExit("FAIL: " + what + ": not in time")
            time.sleep(0.001)

    def place(self, device_id):
        qemu.expect("the guest sees the device", self.config_read(0), device_id)
        self.config_write(0x10, qemu.BAR)
        self.config_write(0x14, 0)
        self.config_write(0x04, 0x6)  # memory and bus mastering


# ---- ioat ----

IOAT_ID = 0x20218086
CBVER, CHANCTRL, CHANCMD, DMACOUNT, CHANSTS, CHAINADDR, CHANCMP = 0x08, 0x80, 0x84, 0x86, 0x88, 0x90, 0x98
CHANCMD_RESET, WRITE_COMPLETION, STATE_MASK, STATE_IDLE = 0x20, 0x08, 7, 1


def drive_ioat(machine, _first):
    """The engine copies guest memory in two descriptors, and writes where it is."""
    ring, completion, source, target, half = 0x100000, 0x101000, 0x110000, 0x120000, 0x1800
    data = os.urandom(2 * half)
    machine.place(IOAT_ID)
    qemu.expect("it is of version 3", machine.get("b", CBVER) >> 4, 3)
    machine.set("b", CHANCMD, CHANCMD_RESET)
    machine.await_("the reset", lambda: not machine.get("b", CHANCMD) & CHANCMD_RESET)
    machine.store(source, data)
    for i, control in enumerate((0, WRITE_COMPLETION)):
        machine.store(ring + 64 * i, struct.pack("<IIQQQ", half, control, source + half * i, target + half * i,
                                                 ring + 64 * (i + 1)))
    machine.store(completion, bytes(8))
    machine.set("q", CHANCMP, completion)
    machine.set("q", CHAINADDR, ring)
    machine.set("w", DMACOUNT, 2)
    done = STATE_IDLE | ring + 64
    machine.await_("the completion", lambda: machine.load(completion, 8) == struct.pack("<Q", done))
    qemu.expect("the engine is idle", machine.get("q", CHANSTS) & STATE_MASK, STATE_IDLE)
    qemu.expect("it has copied", machine.load(target, 2 * half) == data, True)


# ---- nvme ----

NVME_ID = 0x00101B36
CAP, CC, CSTS, AQA, ASQ, ACQ, DOORBELLS = 0x00, 0x14, 0x1C, 0x24, 0x28, 0x30, 0x1000
CC_ENABLE = 1 | 6 << 16 | 4 << 20  # entries of 64 and of 16 bytes
IDENTIFY, CREATE_SQ, CREATE_CQ, WRITE, READ = 0x06, 0x01, 0x05, 0x01, 0x02
SLOTS, LBA, BLOCKS, PAGE = 16, 8, 16, 4096


class Queues:
    """A submission queue and its completion queue, used one command at a time."""

    def __init__(self, machine, number, submission, completion):
        self.machine, self.number = machine, number
        self.submission, self.completion = submission, completion
        self.count = 0
        machine.store(completion, bytes(16 * SLOTS))

    def command(self, opcode, namespace, first, second=0, *words):
        slot, phase = self.count % SLOTS, 1 - self.count // SLOTS % 2
        self.count += 1
        entry = struct.pack("<BBHIQQQQ6I", opcode, 0, self.count, namespace, 0, 0, first, second, *words, *[0] * (6 - len(words)))
        self.machine.store(self.submission + 64 * slot, entry)
        stride = 4 << (self.machine.get("q", CAP) >> 32 & 15)
        self.machine.set("l", DOORBELLS + 2 * self.number * stride, self.count % SLOTS)
        answer = self.completion + 16 * slot
        self.machine.await_("a completion", lambda: self.machine.load(answer + 14, 1)[0] & 1 == phase)
        self.machine.set("l", DOORBELLS + (2 * self.number + 1) * stride, self.count % SLOTS)
        qemu.expect("command %#x succeeds" % opcode, struct.unpack("<HH", self.machine.load(answer + 12, 4)),
                    (self.count, phase))


def drive_nvme(machine, first):
    """A disk is identified, written and read; the next guest finds what this one wrote."""
    admin = Queues(machine, 0, 0x100000, 0x101000)
    blocks = Queues(machine, 1, 0x102000, 0x103000)
    buffer, pages = 0x110000, 0x120000
    data = bytes(i * i // 7 % 251 for i in range(512 * BLOCKS))
    machine.place(NVME_ID)
    machine.set("l", CC, 0)
    machine.await_("the reset", lambda: not machine.get("l", CSTS) & 1)
    machine.set("l", AQA, (SLOTS - 1) << 16 | SLOTS - 1)
    machine.set("q", ASQ, admin.submission)
    machine.set("q", ACQ, admin.completion)
    machine.set("l", CC, CC_ENABLE)
    machine.await_("the controller", lambda: machine.get("l", CSTS) & 1)
    admin.command(IDENTIFY, 0, buffer, 0, 1)
    qemu.expect("the model", machine.load(buffer + 24, 40).strip(), b"uiommufd NVMe controller")
    admin.command(CREATE_CQ, 0, blocks.completion, 0, (SLOTS - 1) << 16 | 1, 1)
    admin.command(CREATE_SQ, 0, blocks.submission, 0, (SLOTS - 1) << 16 | 1, 1 << 16 | 1)
    if first:
        machine.store(buffer, data)
        blocks.command(WRITE, 1, buffer, buffer + PAGE, LBA, 0, BLOCKS - 1)
    blocks.command(READ, 1, pages, pages + PAGE, LBA, 0, BLOCKS - 1)
    qemu.expect("what was written is read", machine.load(pages, len(data)) == data, True)


# ---- all ----

DRIVERS = {
    "edu": lambda machine, _first: qemu.drive(machine),
    "ioat": drive_ioat,
    "nvme": drive_nvme,
}


def has_vfio_user():
    if not shutil.which(QEMU[0]):
        return False
    devices = subprocess.run([*QEMU, "-device", "help"], capture_output=True, text=True, check=False).stdout
    return '"vfio-user-pci"' in devices


def check(uiommufd, model, directory):
    """One server, and two QEMUs after each other."""
    path = os.path.join(directory, model)
    with subprocess.Popen([uiommufd, "serve", model, "--socket", path], stderr=subprocess.PIPE, text=True) as server:
        try:
            while not os.path.exists(path):
                time.sleep(0.01)
            inside = "/" + os.path.relpath(path, ROOT)
            for first, (way, memory) in enumerate((("memory by descriptor", SHARED), ("memory by messages", PRIVATE))):
                print(f"{model}, with {way}")
                machine = Machine(inside, memory)
                try:
                    DRIVERS[model](machine, not first)
                finally:
                    machine.close()
        finally:
            server.send_signal(signal.SIGTERM)
        lines = server.stderr.read()
        qemu.expect("the server ends", server.wait(), 0)
        qemu.expect("without a word", lines, "")


def main():
    if not has_vfio_user():
        print("SKIPPED:", " ".join(QEMU), "is not there, or has no vfio-user-pci")
        return 77
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "tmp")) as directory:
        for model in DRIVERS:
            check(sys.argv[1], model, directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
