#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""iPXE's driver for the e1000 boots a guest over the network, through two QEMUs.

One QEMU passes the emulated device through to a guest, which starts iPXE from the device's expansion ROM. The other one is a
router with DHCP and TFTP, at the other end of the device's cable, a UNIX socket.

Usage: ipxe.py UIOMMUFD
Environment: QEMU, the program; default: qemu-system-x86_64.
Exit: 0 passed, 1 failed, 77 skipped: there is no QEMU with "-netdev stream", or no ROM.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
BDF = "0000:c1:00.0"
ROM = "/usr/lib/ipxe/qemu/pxe-e1000.rom"
SECONDS = 200
BYTES = 300_000
SCRIPT = """#!ipxe
echo guest: the script runs
imgfetch data && echo guest: the data is there
"""
EXPECTED = ("using 82540em on", "guest: the script runs", "guest: the data is there")


def has_stream():
    helped = subprocess.run([QEMU, "-netdev", "help"], capture_output=True, text=True, check=False).stdout
    return "stream" in helped.split()


def start_router(directory, path):
    with open(os.path.join(directory, "script"), "w", encoding="ascii") as file:
        file.write(SCRIPT)
    with open(os.path.join(directory, "data"), "wb") as file:
        file.write(os.urandom(BYTES))
    router = subprocess.Popen([QEMU, "-M", "none", "-nodefaults", "-display", "none", "-netdev",
                               f"user,id=user,tftp={directory},bootfile=script", "-netdev",
                               f"stream,id=cable,server=on,addr.type=unix,addr.path={path}", "-netdev",
                               "hubport,id=port0,hubid=0,netdev=user", "-netdev", "hubport,id=port1,hubid=0,netdev=cable"])
    deadline = time.monotonic() + SECONDS
    while not os.path.exists(path) and router.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return router


def boot(uiommufd, path):
    """What the guest says, until it has said all or the time is over."""
    command = [uiommufd, "run", "--device", f"e1000@{BDF},backend=socket,path={path}", "--", QEMU, "-machine",
               "pc,accel=tcg,graphics=off", "-m", "64", "-nodefaults", "-serial", "stdio", "-display", "none", "-device",
               f"vfio-pci,host={BDF},romfile={ROM},bootindex=0"]
    text = ""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as guest:
        timer = threading.Timer(SECONDS, guest.terminate)
        timer.start()
        for line in guest.stdout:
            text += line.decode(errors="replace")
            if EXPECTED[-1] in text or "No bootable device" in text:
                guest.terminate()
                break
        timer.cancel()
    return text


def main():
    if not shutil.which(QEMU) or not os.path.exists(ROM) or not has_stream():
        print("SKIPPED: there is no", QEMU, "with -netdev stream, or no", ROM)
        return 77
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "cable")
        router = start_router(directory, path)
        try:
            text = boot(os.path.abspath(sys.argv[1]), path)
        finally:
            router.terminate()
            router.wait()
    missing = [line for line in EXPECTED if line not in text]
    mistakes = [line for line in text.splitlines() if line.startswith("uiommufd: ") and "e1000: " in line]
    if missing or mistakes:
        print(text)
        print(f"FAIL: missing {missing}, mistakes {mistakes}")
        return 1
    print("ok: iPXE's driver boots a guest over the network")
    return 0


if __name__ == "__main__":
    sys.exit(main())
