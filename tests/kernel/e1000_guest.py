#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's own driver of the 82540EM drives the emulated one, in a guest: tests/kernel/e1000_guest.py BUILD

QEMU passes the device through, by VFIO; the guest is the kernel of guest.py, with e1000_guest_init.c as its only program. At the
other end of the cable, a UNIX socket, is a second QEMU, with a server that returns what it gets: with checksums and segmentation
by the controller, four MiB go there and come back. Before that the firmware's driver, iPXE from the ROM that QEMU has for this
device, boots a script over the network.
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
ROM = Path("/usr/lib/ipxe/qemu/pxe-e1000.rom")
SCRIPT = "#!ipxe\nimgfetch --name large tftp://${next-server}/large && imgstat && echo guest: booted by ${net0/mac}, done\nreboot\n"
LARGE = bytes(range(256)) * 4096  # one MiB
MAC = "02:10:00:00:c1:00"  # made from the BDF


def start_router(path, files):
    """It has addresses to give, serves @files by TFTP, and returns what is sent to 10.0.2.100."""
    router = subprocess.Popen([guest.QEMU, "-M", "none", "-nodefaults", "-display", "none", "-netdev",
                               f"user,id=user,guestfwd=tcp:10.0.2.100:7-cmd:cat,tftp={files},bootfile=script", "-netdev",
                               f"stream,id=cable,server=on,addr.type=unix,addr.path={path}", "-netdev",
                               "hubport,id=port0,hubid=0,netdev=user", "-netdev", "hubport,id=port1,hubid=0,netdev=cable"])
    while not path.exists() and router.poll() is None:
        time.sleep(0.05)
    return router


def run(build, cable, qemu):
    """What QEMU prints."""
    command = [str(build / "uiommufd"), "run", "--device", f"e1000@{guest.BDF},backend=socket,path={cable}", "--", guest.QEMU, "-cpu", "max",
               "-m", "256", "-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot", *qemu]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
                          check=False)
    return done.stdout.decode(errors="replace").replace("\r", "")


def boot(build, cable, kernel, ramdisk):
    return run(build, cable, [
        "-machine", "q35,accel=tcg", "-kernel", str(next(kernel.glob("**/vmlinuz*"))), "-initrd", str(ramdisk), "-append",
        "console=ttyS0 panic=-1 net.ifnames=0", "-device", f"vfio-pci,host={guest.BDF},addr={guest.SLOT.split(':')[1]}"])


def boot_from_network(build, cable):
    return run(build, cable, ["-machine", "pc,accel=tcg,graphics=off", "-boot", "n", "-device", f"vfio-pci,host={guest.BDF},romfile={ROM}"])


def judge(name, text, expected, work):
    """Whether @text has lines that begin as those of @expected, and no report."""
    (work / f"guest-{name}.log").write_text(text)
    lines = text.split("\n")
    missing = [begin for begin in expected if not any(line.startswith(begin) for line in lines)]
    faults = [line for line in lines if line.startswith("uiommufd: ")]
    for line in lines:
        if line.startswith("guest: "):
            print(" ", line)
    print("  ok" if not missing and not faults else f"  FAILED: missing {missing}, faults {faults}")
    return not missing and not faults


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
        cable, files = Path(directory) / "cable", Path(directory) / "files"
        files.mkdir()
        (files / "script").write_text(SCRIPT)
        (files / "large").write_bytes(LARGE)
        router = start_router(cable, files)
        try:
            network = boot_from_network(build, cable) if ROM.exists() else None
            text = boot(build, cable, kernel, ramdisk)
        finally:
            router.terminate()
            router.wait()
    passed = judge("e1000", text, EXPECTED, work)
    if network is None:
        print(f"  skipped: a boot over the network, without {ROM}")
    else:
        passed = judge("ipxe", network, [f"guest: booted by {MAC},"], work) and f"{len(LARGE)} bytes" in network and passed
    sys.exit(not passed)


if __name__ == "__main__":
    main()
