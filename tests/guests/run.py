#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Virtual machines of QEMU 11 with our devices: tests/guests/run.py BUILD [EXAM...]

README.md says what each exam shows. GUESTS names the folder in which the chroot with QEMU and the guest's kernel are kept; by default that
is BUILD/guest-tests. Prints "N passed, N failed" at the end.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "kernel"), str(HERE.parent / "lib"), str(HERE.parent / "abi")]
import guest
import nvme_guest
from chroot import Chroot
from debian import Unavailable
from machine import SHARED, Failed, Machine, Server, until

VFIO_MODULES = ("irqbypass", "vfio", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci")
FIRST, SECOND = "0000:c1:00.0", "0000:c2:00.0"
VTD = ("-device", "intel-iommu,scalable-mode=on,fsts=on,caching-mode=on")
VIOMMU = ("-device", "intel-iommu,caching-mode=on")
NESTED = "intel_iommu=on,sm_on iommu.strict=1"
MIGRATIONS = 20


def vfio(bdf, slot, more=""):
    return ("-device", f"vfio-pci,host={bdf},iommufd=iommufd0,addr={slot}{more}")


def expect(text, *patterns):
    missing = [pattern for pattern in patterns if not re.search(pattern, text, re.M)]
    if missing:
        raise Failed(f"no line {missing[0]}")


# ---- nested translation ----


def nested_edu(chroot):
    """VT-d's first stage: what the guest's IOMMU driver maps for VFIO is walked by us; what it unmaps is forgotten, and then faults."""
    trace = chroot.work / "nested.trace"
    run = ("--iommu", "intel", "--trace", f"/mnt/work/{trace.name}", "--device", f"edu@{FIRST}")
    with Machine(chroot, "nested-edu", run, (*VTD, *vfio(FIRST, 5)), f"exam=vfio {NESTED}", "initramfs-vfio") as vm:
        vm.says("reboot: Power down")
        vm.process.wait(60)
        text = vm.text()
    expect(text, r"^guest: 50 copies by VFIO$", r"^guest: a stray write left the memory alone$", r"^guest: done$",
           r"^uiommufd: .* at IOVA 0x205000 .*: stage 1, SFS\.2: the entry is not present")
    calls = trace.read_text(errors="replace")
    # Stage 1 is the guest's own table, and each unmap of the guest arrives.
    if '"data_type":"VTD_S1"' not in calls:
        raise Failed("QEMU has made no nested page table")
    if calls.count('"name":"IOMMU_HWPT_INVALIDATE","ph":"B"') < 50:
        raise Failed("the guest's invalidations have not arrived")


def nested_ioat(chroot):
    """The same with ioatdma, whose probe copies memory by the guest's DMA API."""
    run = ("--iommu", "intel", "--device", f"ioat@{FIRST}")
    with Machine(chroot, "nested-ioat", run, (*VTD, *vfio(FIRST, 5)), NESTED, "initramfs-ioat") as vm:
        vm.says("reboot: Power down")
        text = vm.text()
    expect(text, r"^guest: driver of 0000:00:05.0: ioatdma$", r"^guest: DMA channel dma0chan0$", r"^guest: done$")
    if re.search(r"^uiommufd: .*DMA", text, re.M):
        raise Failed("a DMA of the driver failed")


def file_system(chroot, name):
    """The file of a disk with an ext4 on it."""
    disk = chroot.work / f"{name}.disk"
    with disk.open("wb") as file:
        file.truncate(nvme_guest.DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
    return disk


def uses_the_disk(vm, disk):
    """The guest mounts, writes, compares and unmounts; the file system is clean afterwards."""
    vm.says("reboot: Power down")
    vm.process.wait(60)
    expect(vm.text(), *(f"{line}$" for line in nvme_guest.EXPECTED))
    if nvme_guest.fsck(disk, "-f", "-n").returncode:
        raise Failed("the file system is not clean")


def silent(log):
    """We had nothing to say in @log."""
    said = re.search(r"^uiommufd: .*", log, re.M)
    if said:
        raise Failed(said[0])


def nested_nvme(chroot):
    """The same with a file system on our disk, which is clean afterwards."""
    disk = file_system(chroot, "nested-nvme")
    run = ("--iommu", "intel", "--device", f"nvme@{FIRST},file=/mnt/work/{disk.name}")
    with Machine(chroot, "nested-nvme", run, (*VTD, *vfio(FIRST, 5)), NESTED, "nvme-initramfs") as vm:
        uses_the_disk(vm, disk)
        silent(vm.text())


# ---- devices of `uiommufd serve`, by QEMU's vfio-user-pci ----


def served_ioat(chroot):
    """ioatdma, whose probe copies memory and waits for the interrupt: in memory that the server maps, by messages, behind an IOMMU."""
    variants = ((SHARED, ""), ((), ""), ((*SHARED, *VIOMMU), "intel_iommu=on iommu.strict=1"))
    with Server(chroot, "served-ioat", "ioat") as server:
        for turn, (machine, append) in enumerate(variants, 1):
            qemu = (*machine, *server.device(5))
            with Machine(chroot, f"served-ioat-{turn}", None, qemu, append, "initramfs-ioat") as vm:
                vm.says("reboot: Power down")
                expect(vm.text(), *guest.EXPECTED)
        silent(server.log.read_text())


def served_nvme(chroot):
    """A file system on our disk. The second machine is killed amid that, and the third one finds a device that was reset."""
    disk = file_system(chroot, "served-nvme")
    with Server(chroot, "served-nvme", f"nvme,file={disk}") as server:
        for turn, memory, killed in ((1, SHARED, False), (2, SHARED, True), (3, (), False)):
            qemu = (*memory, *server.device(5))
            with Machine(chroot, f"served-nvme-{turn}", None, qemu, "", "nvme-initramfs") as vm:
                if killed:
                    vm.says("guest: mount: ok")
                else:
                    uses_the_disk(vm, disk)
        silent(server.log.read_text())


# ---- one device copies into the other's BAR ----


def peers(chroot):
    run = ("--device", f"edu@{FIRST},dma_mask=0xffffffffffffffff", "--device", f"edu@{SECOND}")
    with Machine(chroot, "peers", run, (*vfio(FIRST, 5), *vfio(SECOND, 6)), "exam=p2p") as vm:
        vm.says("reboot: Power down")
        text = vm.text()
    expect(text, r"^guest: the other's source was 0x0 and is 0x123000, its destination is 0x456000$", r"^guest: done$")


# ---- migration ----


def copier(chroot, name, incoming=None, device=f"edu@{FIRST}"):
    options = (*vfio(FIRST, 5, ",enable-migration=on"), *(("-incoming", incoming) if incoming else ()))
    return Machine(chroot, name, ("--device", device), options, "exam=copy")


def copies(vm):
    """How many the guest has said that it has made."""
    if "FAILED" in vm.text():
        raise Failed("a copy differs")
    counts = re.findall(r"^guest: (\d+) copies$", vm.text(), re.M)
    return int(counts[-1]) if counts else 0


def goes_on(vm, after):
    return until("the guest copies", lambda: copies(vm) > after and copies(vm))


def outcome(source):
    """How the migration that has begun ends."""
    def status():
        now = source.monitor("query-migrate").get("status")
        return now if now in ("completed", "failed", "cancelled") else None

    return until("the end of the migration", status)


def migrate(source, uri, **capabilities):
    source.connect()
    source.monitor("migrate-set-parameters", **{"max-bandwidth": 1 << 30})
    source.monitor("migrate-set-capabilities", capabilities=[{"capability": name, "state": state} for name, state in capabilities.items()])
    source.monitor("migrate", uri=uri)
    return outcome(source)


def migrations(chroot):
    """From process to process, while the guest copies through the device without pause."""
    source, turns = copier(chroot, "migrate-0"), 0
    try:
        made = goes_on(source, 0)
        for turn in range(1, MIGRATIONS + 1):
            (chroot.work / "stream").unlink(missing_ok=True)
            target = copier(chroot, f"migrate-{turn}", "unix:/mnt/work/stream")
            until("the target listens", (chroot.work / "stream").exists)
            status = migrate(source, "unix:/mnt/work/stream")
            copies(source)
            source.end()
            source = target
            if status != "completed":
                raise Failed(f"migration {turn}: {status}")
            made = goes_on(source, made)
            turns = turn
    finally:
        source.end()
    print(f"  {turns} migrations, {made} copies", flush=True)


def between(chroot, alter):
    """A socket, BETWEEN, that passes on to the target what @alter makes of each part of the stream; it closes once that is nothing."""
    path = chroot.work / "between"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def forward():
        with listener, listener.accept()[0] as source, socket.socket(socket.AF_UNIX) as target:
            target.connect(str(chroot.work / "stream"))
            try:
                while data := alter(source.recv(1 << 16)):
                    target.sendall(data)
            except OSError:
                pass  # the target has closed

    threading.Thread(target=forward, daemon=True).start()


BETWEEN = "unix:/mnt/work/between"


def refused(chroot, name, device, uri, **capabilities):
    """A migration to @device that fails; the source lives on. What the target said."""
    (chroot.work / "stream").unlink(missing_ok=True)
    with copier(chroot, f"{name}-source") as source, copier(chroot, f"{name}-target", "unix:/mnt/work/stream", device) as target:
        goes_on(source, 0)
        until("the target listens", (chroot.work / "stream").exists)
        status = migrate(source, uri, **capabilities)
        if status != "failed":
            raise Failed(f"the migration is {status}")
        target.process.wait(60)
        if source.monitor("query-status")["status"] not in ("running", "postmigrate"):
            raise Failed("the source is not as it was")
        if source.monitor("query-status")["status"] == "postmigrate":
            source.monitor("cont")
        goes_on(source, copies(source))
        return target.text()


def truncated(chroot):
    """A stream that ends too early is an error at both ends, and the source lives on."""
    left = 3 << 20

    def cut(data):
        nonlocal left
        data = data[:left]
        left -= len(data)
        return data

    between(chroot, cut)
    refused(chroot, "truncated", f"edu@{FIRST}", BETWEEN)


def damaged(chroot):
    """So is a stream in which a byte of the device's part is wrong."""
    magic, seen = b"uiommufd", bytearray()

    def damage(data):
        # The magic may be in two parts of the stream; what is wrong is in the first that comes behind it.
        seen[:] = seen[-len(magic) + 1:] + data
        at = seen.find(magic)
        if at < 0:
            return data
        at += len(magic) + 12 - (len(seen) - len(data))  # the model's name
        return data[:at] + b"?" + data[at + 1:] if 0 <= at < len(data) else data

    between(chroot, damage)
    text = refused(chroot, "damaged", f"edu@{FIRST}", BETWEEN)
    expect(text, r"load of migration failed: Invalid argument")


def other_device(chroot):
    """So is the state of a device with other options, which the target refuses with a reason."""
    text = refused(chroot, "other", f"edu@{FIRST},dma_mask=0xffff", "unix:/mnt/work/stream", **{"return-path": True})
    expect(text, r"load of migration failed: Invalid argument")


# ---- descriptors of others ----


LAUNCHER = "/mnt/work/launcher"
BY_FD = ("-device", "vfio-pci,id=edu,fd=DEVICE,iommufd=iommufd0,addr=5")  # without an ID, QEMU 11 crashes


def shared(chroot):
    """A QEMU that opens what it uses itself, on a machine in another process."""
    with Machine(chroot, "shared", ("--shared", "--device", f"edu@{FIRST}"), vfio(FIRST, 5), "exam=copy") as vm:
        goes_on(vm, 100)


def launched(chroot):
    """One that inherits them."""
    run = ("--shared", "--device", f"edu@{FIRST}")
    with Machine(chroot, "launched", run, BY_FD, "exam=copy", launcher=(LAUNCHER, "exec")) as vm:
        goes_on(vm, 100)


def received(chroot):
    """One that gets them over a socket, from a program that has ended when it uses them; both have joined a machine."""
    start = ["/mnt/build/uiommufd", "machine", "--name", "guests", "--foreground", "--device", f"edu@{FIRST}"]
    join, path = ("--join", "guests"), "/mnt/work/descriptors"
    (chroot.work / "descriptors").unlink(missing_ok=True)
    with (chroot.work / "server.log").open("wb") as output:
        server = chroot.start(start, output)
        sender = None
        try:
            until("the machine", lambda: "guests" in (chroot.work / "server.log").read_text(encoding="utf-8"))
            with Machine(chroot, "received", join, BY_FD, "exam=copy", launcher=(LAUNCHER, "receive", path)) as vm:
                sender = chroot.start(["/mnt/build/uiommufd", "run", *join, "--", LAUNCHER, "send", path], output)
                if sender.wait():
                    raise Failed("the sender")
                goes_on(vm, 100)
        finally:
            server.terminate()
            server.wait()


EXAMS = {
    "shared": shared,
    "launched": launched,
    "received": received,
    "nested-edu": nested_edu,
    "nested-ioat": nested_ioat,
    "nested-nvme": nested_nvme,
    "served-ioat": served_ioat,
    "served-nvme": served_nvme,
    "peers": peers,
    "migrations": migrations,
    "truncated": truncated,
    "damaged": damaged,
    "other-device": other_device,
}


# ---- what they need ----


def ramdisk(work, kernel, name, init, modules=()):
    guest.initramfs(work, name, init, *guest.driver_files((module, guest.module(kernel, module)) for module in modules))


def prepare(build):
    cache = Path(os.environ.get("GUESTS") or build / "guest-tests").resolve()
    work = build / "guest-tests" / "work"
    cache.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    chroot, kernel = Chroot(cache, build, work), guest.fetch(cache)
    shutil.copy(next(kernel.glob("**/vmlinuz*")), work / "vmlinuz")
    ramdisk(work, kernel, "initramfs", HERE / "init.c")
    ramdisk(work, kernel, "initramfs-vfio", HERE / "init.c", VFIO_MODULES)
    ramdisk(work, kernel, "initramfs-ioat", "guest_init.c", guest.MODULES)
    nvme_guest.initramfs(kernel, work)
    guest.program(work, HERE / "launcher.c")
    return chroot


def main():
    build, *names = sys.argv[1:]
    try:
        chroot = prepare(Path(build).resolve())
    except Unavailable as reason:
        sys.exit(f"what the guests need cannot be had: {reason}")
    failed = 0
    for name in names or EXAMS:
        try:
            EXAMS[name](chroot)
            print(f"{name}: passed", flush=True)
        except (Failed, OSError, subprocess.TimeoutExpired) as reason:
            print(f"{name}: FAILED: {reason} (logs: {chroot.work})", flush=True)
            failed += 1
    print(f"{len(names or EXAMS) - failed} passed, {failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
