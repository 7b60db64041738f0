#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A Linux guest of QEMU has our NVMe disk by vfio-pci, with ext4 on it, and QEMU is killed while it writes.

Usage: guest.py [--uml] UIOMMUFD KERNEL FOLDER. KERNEL has nvme and ext4 built in, as Debian's cloud kernel; with --uml it is a program
(docs/kernel-drivers.md), which runs without QEMU and is killed itself. The guest runs busybox (static), which writes files, syncs, and says
their sums. What it said is in the file system afterwards, and fsck finds nothing wrong once it has replayed the journal. Prints "done"
if all is well, and what the kernel and uiommufd said.
"""

import argparse
import contextlib
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
BDF = "0000:c1:00.0"
FILES = 20  # that are synced before the kill
INIT = b"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /mnt
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t ext4 /dev/nvme0n1 /mnt || exit
echo mounted
i=0
while :; do
	/bin/busybox dd if=/dev/urandom of=/mnt/file$i bs=64k count=8 2>/dev/null || echo a write failed
	sum=$(/bin/busybox md5sum /mnt/file$i)
	/bin/busybox sync
	echo synced $i $sum
	i=$((i + 1))
done
"""


def entry(name, mode, body=b"", device=(0, 0)):
    """A file of a cpio archive (newc)."""
    name = name.encode() + b"\0"
    fields = [0, mode, 0, 0, 1, 0, len(body), 0, 0, *device, len(name), 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + body + bytes(-len(body) % 4)


def initrd(busybox):
    folder, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    return b"".join([
        entry("bin", folder), entry("dev", folder), entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
        entry("bin/busybox", program, Path(busybox).read_bytes()), entry("init", program, INIT), entry("TRAILER!!!", 0)])


def in_qemu(kernel, archive):
    return [QEMU, "-machine", "q35,accel=tcg", "-cpu", "max", "-m", "256", "-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot",
            "-kernel", kernel, "-initrd", archive, "-append", "console=ttyS0 panic=-1 quiet", "-device", f"vfio-pci,host={BDF}"]


def as_process(kernel, archive):
    return [kernel, "mem=128M", "quiet", "con=null", "con0=fd:0,fd:1", f"initrd={archive}", f"vfio_uml.device={BDF}"]


def start(uiommufd, machine, disk):
    command = [uiommufd, "run", "--device", f"nvme@{BDF},file={disk}", "--", *machine]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def children(pid):
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                yield int(stat.parent.name)


def kill_all(pid):
    """Kills the process and what it has started, which may be in sessions of their own: User Mode Linux is."""
    family = [pid]
    for member in family:
        family += children(member)
    for member in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, 9)


def until_killed(run):
    """The sums of what the guest has synced, by file. Everything that runs is killed in the middle of a write."""
    sums, said = {}, []
    for line in run.stdout:
        said.append(line)
        found = re.search(r"synced (\d+) ([0-9a-f]{32})", line)
        if found:
            sums[f"file{found[1]}"] = found[2]
        if len(sums) == FILES:
            break
    kill_all(run.pid)
    said += run.stdout.readlines()
    run.wait()
    return sums, "".join(said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uml", action="store_true")
    for name in ("uiommufd", "kernel", "folder"):
        parser.add_argument(name)
    arguments = parser.parse_args()
    folder = Path(arguments.folder)
    folder.mkdir(exist_ok=True)
    disk, archive = folder / "disk", folder / "initrd"
    with disk.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
    archive.write_bytes(initrd(shutil.which("busybox")))
    machine = (as_process if arguments.uml else in_qemu)(arguments.kernel, archive)
    sums, said = until_killed(start(arguments.uiommufd, machine, disk))
    print(said)
    if len(sums) < FILES:
        sys.exit(f"only {len(sums)} files were synced")
    if "uiommufd:" in said or "a write failed" in said:
        sys.exit("a report, or an error of the guest")
    # 1: the journal was replayed.
    if subprocess.run(["e2fsck", "-p", disk], check=False).returncode > 1:
        sys.exit("e2fsck -p finds what it cannot mend by itself")
    subprocess.run(["e2fsck", "-f", "-n", disk], check=True)
    for name, expected in sums.items():
        subprocess.run(["debugfs", "-R", f"dump /{name} {folder / 'file'}", disk], check=True, stderr=subprocess.DEVNULL)
        if hashlib.md5((folder / "file").read_bytes(), usedforsecurity=False).hexdigest() != expected:
            sys.exit(f"{name} was synced, and has changed")
    print("done")


if __name__ == "__main__":
    main()
