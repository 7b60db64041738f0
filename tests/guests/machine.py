# SPDX-License-Identifier: MIT
"""A QEMU under uiommufd, or beside a server of it, with its serial console in a file and its monitor (QMP) on a socket."""

import json
import os
import re
import signal
import socket
import subprocess
import time

SECONDS = 240  # for anything that a guest is waited for
MEGABYTES = 160
SHARED = ("-machine", "memory-backend=ram", "-object", f"memory-backend-memfd,id=ram,size={MEGABYTES}M,share=on")


class Failed(Exception):
    pass


def until(what, happens, seconds=SECONDS):
    """What @happens returns, once that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = happens()
        if result:
            return result
        time.sleep(0.1)
    raise Failed(f"{what}: not within {seconds} s")


class Monitor:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("r")
        self.file.readline()
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            line = self.file.readline()
            if not line:
                raise Failed(f"{command}: QEMU is gone")
            answer = json.loads(line)
            if "error" in answer:
                raise Failed(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


class Server:
    """`uiommufd serve` with the options of @serve."""

    def __init__(self, chroot, name, *serve):
        self.socket, self.log = chroot.work / f"{name}.socket", chroot.work / f"{name}.served.log"
        self.socket.unlink(missing_ok=True)
        with self.log.open("wb") as output:
            self.process = subprocess.Popen([chroot.build / "uiommufd", "serve", *serve, "--socket", self.socket],
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        until("the server's socket", self.socket.exists, 30)

    def device(self, slot):
        """Options of QEMU for the device."""
        path = {"type": "unix", "path": f"/mnt/work/{self.socket.name}"}
        return ("-device", json.dumps({"driver": "vfio-user-pci", "socket": path, "addr": str(slot)}))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait(30)


class Machine:
    """@run: options of `uiommufd run`; without any QEMU runs alone. @qemu: options of QEMU beyond those of every machine. @launcher: what
    starts it, with arguments; it replaces IOMMU by the number of a descriptor."""

    def __init__(self, chroot, name, run, qemu, append="", ramdisk="initramfs", launcher=()):
        self.log = chroot.work / f"{name}.log"
        self.control = chroot.work / f"{name}.qmp"
        self.control.unlink(missing_ok=True)
        under = ("/mnt/build/uiommufd", "run", *run, "--", *launcher) if run else ()
        iommufd = ("-object", "iommufd,id=iommufd0" + (",fd=IOMMU" if launcher else "")) if run else ()
        command = [*under, "qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-m", str(MEGABYTES), "-display",
                   "none", "-nodefaults", "-no-reboot", "-serial", "stdio", "-qmp",
                   f"unix:/mnt/work/{self.control.name},server=on,wait=off", *iommufd, "-kernel", "/mnt/work/vmlinuz", "-initrd",
                   f"/mnt/work/{ramdisk}", "-append", f"console=ttyS0 panic=-1 quiet no_timer_check {append}", *qemu]
        with self.log.open("wb") as output:
            self.process = chroot.start(command, output)
        self.monitor = None

    def connect(self):
        def attempt():
            if self.process.poll() is not None:
                raise Failed(f"QEMU has ended: {self.text()[-300:]}")
            try:
                return Monitor(self.control)
            except OSError:
                return None

        if not self.monitor:
            self.monitor = until("the monitor of QEMU", attempt)
        return self.monitor

    def text(self):
        return self.log.read_bytes().decode(errors="replace").replace("\r", "")

    def says(self, pattern, seconds=SECONDS):
        """Waits until the guest, or QEMU, has said @pattern."""
        def look():
            found = re.search(pattern, self.text(), re.M)
            if not found and self.process.poll() is not None:
                time.sleep(0.2)
                found = re.search(pattern, self.text(), re.M)
                if not found:
                    raise Failed(f"QEMU has ended without {pattern}: {self.text()[-600:]}")
            return found

        return until(pattern, look, seconds)

    def end(self):
        """Ends it, whatever it does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.end()
