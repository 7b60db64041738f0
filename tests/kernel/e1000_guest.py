#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's own driver of the 82540EM drives the emulated one, in a guest: tests/kernel/e1000_guest.py BUILD

QEMU passes the device through, by VFIO; the guest is the kernel of guest.py, with e1000_guest_init.c as its only program. At the
other end of the cable, a UNIX socket, is a second QEMU, with a server that returns what it gets: with checksums and segmentation
by the controller, four MiB go there and come back.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import guest
from debian import Unavailable

EXPECTED = ["guest: up: ok", "guest: connect: ok", "guest: echo: ok", "guest: speed: 1000", "guest: receive errors: 0",
            "guest: send errors: 0", "guest: done"]
SECONDS = 300


def start_router(path):
    router = subprocess.Popen([guest.QEMU, "-M", "none", "-nodefaults", "-display", "none", "-netdev",
                               "user,id=user,guestfwd=tcp:10.0.2.100:7-cmd:cat", "-netdev",
                               f"stream,id=cable,server=on,addr.type=unix,addr.path={path}", "-netdev",
                               "hubport,id=port0,hubid=0,netdev=user", "-netdev", "hubport,id=port1,hubid=0,netdev=cable"])
    while not path.exists() and router.poll() is None:
        time.sleep(0.05)
    return router


def boot(build, kernel, ramdisk, cable):
    """What the guest says."""
    qemu = [guest.QEMU, "-machine", "q35,accel=tcg", "-cpu", "max", "-m", "256", "-display", "none", "-nodefaults", "-serial",
            "stdio", "-no-reboot", "-kernel", str(next(kernel.glob("**/vmlinuz*"))), "-initrd", str(ramdisk), "-append",
            "console=ttyS0 panic=-1 net.ifnames=0", "-device", f"vfio-pci,host={guest.BDF},addr={guest.SLOT.split(':')[1]}"]
    command = [str(build / "uiommufd"), "run", "--device", f"e1000@{guest.BDF},backend=socket,path={cable}", "--", *qemu]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
                          check=False)
    return done.stdout.decode(errors="replace").replace("\r", "")


def main():
    build = Path(sys.argv[1]).resolve()
    work = build / "kernel-tests"
    work.mkdir(exist_ok=True)
    if not shutil.which(guest.QEMU):
        sys.exit(f"{guest.QEMU} is not installed")
    try:
        kernel = guest.fetch(work)
    except Unavailable as reason:
        sys.exit(f"the guest's kernel cannot be had: {reason}")
    driver = ("modules/e1000.ko", 0o100644, guest.module(kernel, "e1000"))
    ramdisk = guest.initramfs(work, "e1000-initramfs", "e1000_guest_init.c", driver)
    with tempfile.TemporaryDirectory() as directory:
        cable = Path(directory) / "cable"
        router = start_router(cable)
        try:
            text = boot(build, kernel, ramdisk, cable)
        finally:
            router.terminate()
            router.wait()
    (work / "guest-e1000.log").write_text(text)
    lines = text.split("\n")
    missing = [line for line in EXPECTED if line not in lines]
    faults = [line for line in lines if line.startswith("uiommufd: ")]
    for line in lines:
        if line.startswith("guest: "):
            print(" ", line)
    print("  ok" if not missing and not faults else f"  FAILED: missing {missing}, faults {faults}")
    sys.exit(bool(missing or faults))


if __name__ == "__main__":
    main()
