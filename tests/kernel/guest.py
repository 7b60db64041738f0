#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's own driver for I/OAT drives the emulated engine, in a guest: tests/kernel/guest.py BUILD

QEMU passes the device through, by VFIO; the guest is a kernel of Debian, of which nothing is installed, with guest_init.c as its only
program. The driver's probe copies memory and waits for the interrupt, and only then offers its channel.
"""

import lzma
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "abi")]
import headers
from debian import Suite, Unavailable

QEMU = "qemu-system-x86_64"
BDF = "0000:c1:00.0"
SLOT = "00:05.0"  # where the guest sees the device
MODULES = ("dca", "ioatdma")
CONSOLE = ("dev/console", 0o020600, b"", 5, 1)
SECONDS = 300
FETCH_SECONDS = 1200

EXPECTED = (
    rf"^guest: driver of 0000:{re.escape(SLOT)}: ioatdma$",
    r"^guest: DMA channel dma0chan0$",
    r"^guest: +\d+: +[1-9]\d* .*ioat-msix",
    r"^guest: done$",
)

# (name, more of QEMU's machine, of the kernel's command line, what is to be seen). Behind a vIOMMU, all that the guest maps for the
# device goes through QEMU to us, mapping by mapping.
GUESTS = (
    ("plain", (), "", EXPECTED),
    ("viommu", ("-device", "intel-iommu,caching-mode=on"), "intel_iommu=on", (*EXPECTED, r"DMAR: Intel\(R\) Virtualization")),
)


def fetch(work):
    """The folder of an unpacked kernel package."""
    kernel = work / "image"
    if kernel.is_dir():
        return kernel
    wanted = re.compile(rf"linux-binary-({re.escape(headers.VERSION)}[\d.+~]*(deb\d+)?-amd64)")
    with Suite.open(headers.SUITE, work / "apt") as suite:
        releases = sorted(match[1] for match in map(wanted.fullmatch, suite.names("linux-binary-")) if match)
        if not releases:
            raise Unavailable(f"{suite} has no image of Linux {headers.VERSION}")
        partial = work / "image.partial"
        shutil.rmtree(partial, ignore_errors=True)
        for package in (f"linux-binary-{releases[-1]}", f"linux-modules-{releases[-1]}"):
            suite.unpack(package, suite.versions(package)[0], partial, FETCH_SECONDS)
        partial.rename(kernel)
    return kernel


def module(kernel, name):
    found = next(kernel.glob(f"**/{name}.ko*"))
    return lzma.decompress(found.read_bytes()) if found.suffix == ".xz" else found.read_bytes()


def archive(entries):
    """An initramfs: a cpio archive of (name, mode, content), and of a device's numbers."""
    out = bytearray()
    for inode, (name, mode, content, *device) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = [inode, mode, 0, 0, 1, 0, len(content), 0, 0, *(device or (0, 0)), len(name) + 1, 0]
        out += b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out)


def program(work, source):
    """The path of the program that is compiled from @source."""
    path = work / Path(source).stem
    subprocess.run(["gcc", "-O2", "-Wall", "-static", "-o", str(path), str(HERE / source)], check=True)
    return path


def initramfs(work, name, source, *more):
    """The path of an archive with the program of @source as /init, empty folders, and (name, mode, content) of @more."""
    init = program(work, source)
    folders = [(folder, 0o040755, b"") for folder in ("dev", "mnt", "modules", "proc", "sys")]
    path = work / name
    path.write_bytes(archive([*folders, CONSOLE, ("init", 0o100755, init.read_bytes()), *more]))
    return path


def driver_files(modules):
    """Files for initramfs(), from (name, content): a program of it loads them in this order."""
    return [(f"modules/{i:02}-{name}.ko", 0o100644, content) for i, (name, content) in enumerate(modules)]


def boot(uiommufd, kernel, ramdisk, machine, parameters):
    """What the guest says."""
    command = [uiommufd, "run", "--device", f"ioat@{BDF}", "--", QEMU, "-machine", "q35,accel=tcg", "-cpu", "max", "-m", "256",
               "-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot",
               "-kernel", str(next(kernel.glob("**/vmlinuz*"))), "-initrd", str(ramdisk),
               "-append", f"console=ttyS0 panic=-1 {parameters}", *machine,
               "-device", f"vfio-pci,host={BDF},addr={SLOT.split(':')[1]}"]
    print("$", *command, flush=True)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
    return done.stdout.decode(errors="replace").replace("\r", "")


def check(text, expected, log):
    log.write_text(text)
    for line in re.findall(r"^guest: .*$", text, re.M):
        print(" ", line)
    missing = [pattern for pattern in expected if not re.search(pattern, text, re.M)]
    for pattern in missing:
        print(f"  FAILED: no line {pattern} in {log}")
    return not missing


def main():
    build = Path(sys.argv[1]).resolve()
    work = build / "kernel-tests"
    work.mkdir(exist_ok=True)
    if not shutil.which(QEMU):
        sys.exit(f"{QEMU} is not installed")
    try:
        kernel = fetch(work)
    except Unavailable as reason:
        sys.exit(f"the guest's kernel cannot be had: {reason}")
    ramdisk = initramfs(work, "initramfs", "guest_init.c", *driver_files((name, module(kernel, name)) for name in MODULES))
    passed = True
    for name, machine, parameters, expected in GUESTS:
        print(name)
        text = boot(str(build / "uiommufd"), kernel, ramdisk, machine, parameters)
        passed = check(text, expected, work / f"guest-{name}.log") and passed
    sys.exit(not passed)


if __name__ == "__main__":
    main()
