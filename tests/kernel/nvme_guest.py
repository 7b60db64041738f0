#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's own driver of NVMe disks drives the emulated one, in a guest: tests/kernel/nvme_guest.py BUILD

QEMU passes the device through, by VFIO; the guest is the kernel of guest.py, with nvme_guest_init.c as its only program. It mounts
the ext4 on the disk, writes, reads and deletes. The file of the disk must have a clean file system afterwards; and, when QEMU was
killed in the middle of it, after the journal has been replayed.
"""

import lzma
import shutil
import subprocess
import sys
import time
from pathlib import Path

import guest
from debian import Unavailable

WANTED = ("crc32c_generic", "crc64_rocksoft_generic", "nvme", "ext4")
EXPECTED = [f"guest: {what}: ok" for what in ("mount", "write", "compare", "unmount")] + ["guest: done"]
DISK_BYTES = 256 << 20
KILLS = (0.3, 1.0)  # seconds after the disk was mounted


def content(path):
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def modules(kernel):
    """The modules that are needed, each behind those that it depends on; what is not a module is built in."""
    found = {path.name.split(".ko")[0].replace("-", "_"): path for path in kernel.glob("**/*.ko*")}
    ordered = {}

    def add(name):
        name = name.replace("-", "_")
        if name in ordered or name not in found:
            return
        code = content(found[name])
        start = code.find(b"\0depends=") + len(b"\0depends=")
        for other in code[start:code.index(b"\0", start)].decode().split(","):
            add(other)
        ordered[name] = code

    for name in WANTED:
        add(name)
    return ordered


def initramfs(kernel, work):
    return guest.initramfs(work, "nvme-initramfs", "nvme_guest_init.c", *guest.driver_files(modules(kernel).items()))


def boot(build, kernel, ramdisk, disk, kill_after=None):
    """What the guest says, until it ends, or QEMU is killed @kill_after seconds after the disk was mounted."""
    qemu = [guest.QEMU, "-machine", "q35,accel=tcg", "-cpu", "max", "-m", "256", "-display", "none", "-nodefaults", "-serial",
            "stdio", "-no-reboot", "-kernel", str(next(kernel.glob("**/vmlinuz*"))), "-initrd", str(ramdisk), "-append",
            "console=ttyS0 panic=-1", "-device", f"vfio-pci,host={guest.BDF},addr={guest.SLOT.split(':')[1]}"]
    command = [str(build / "uiommufd"), "run", "--device", f"nvme@{guest.BDF},file={disk}", "--", "sh", "-c",
               'echo $$; exec "$@"', "sh", *qemu]
    lines = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        pid = int(run.stdout.readline())
        for line in run.stdout:
            lines.append(line.decode(errors="replace").strip())
            if kill_after and lines[-1].endswith("guest: mount: ok"):
                time.sleep(kill_after)
                # A guest that has already ended by then is one more moment that is tried.
                subprocess.run(["kill", "-9", str(pid)], stderr=subprocess.DEVNULL, check=False)
    return lines


def fsck(disk, *options):
    return subprocess.run(["fsck.ext4", *options, str(disk)], capture_output=True, text=True, check=False)


def main():
    build = Path(sys.argv[1]).resolve()
    work = build / "kernel-tests"
    work.mkdir(exist_ok=True)
    for program in (guest.QEMU, "mkfs.ext4", "fsck.ext4"):
        if not shutil.which(program):
            sys.exit(f"{program} is not installed")
    try:
        kernel = guest.fetch(work)
    except Unavailable as reason:
        sys.exit(f"the guest's kernel cannot be had: {reason}")
    disk = work / "nvme-disk"
    ramdisk = initramfs(kernel, work)
    passed = True
    for kill_after in (None, *KILLS):
        print("killed after %s s" % kill_after if kill_after else "to the end", flush=True)
        with open(disk, "wb") as file:
            file.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(disk)], check=True)
        lines = boot(build, kernel, ramdisk, disk, kill_after)
        missing = [] if kill_after else [line for line in EXPECTED if line not in lines]
        faults = [line for line in lines if line.startswith("uiommufd: ")]
        if kill_after and fsck(disk, "-p").returncode > 1:
            missing.append("the journal can be replayed")
        if fsck(disk, "-f", "-n").returncode:
            missing.append("the file system is clean")
        print("  ok" if not missing and not faults else f"  FAILED: missing {missing}, faults {faults}")
        passed = passed and not missing and not faults
    sys.exit(not passed)


if __name__ == "__main__":
    main()
