#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QEMU's own driver of NVMe disks, in qemu-img and qemu-io, uses the emulated controller; no guest is involved.

What is written through the driver is in the file of the disk, and the reverse; discarding, writing zeros and flushing
work; both block sizes and several namespaces do. Then the command line: what is wrong with a disk is one line, and
nothing is left behind.

Usage: nvme.py UIOMMUFD
Exit: 0 passed, 1 failed, 77 skipped: there is no qemu-io.
"""
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time

BDF = "0000:c1:00.0"
MIB = 1 << 20
SIZE = 16 * MIB
TIMEOUT = 60


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"FAIL: {what}: found {found!r}, expected {wanted!r}")
    print("ok:", what)


class Disk:
    """A machine with a controller whose disk is a file, or memory."""

    def __init__(self, uiommufd, *options, file=None):
        self.uiommufd, self.file = uiommufd, file
        device = ",".join([f"nvme@{BDF}", *([f"file={file}"] if file else []), *options])
        self.command = [uiommufd, "run", "--device", device, "--"]

    def run(self, *program):
        result = subprocess.run([*self.command, *program], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        # QEMU gives memory back that is pinned. In the C library, that is seen on shared machines only.
        faults = [line for line in result.stderr.splitlines() if line.startswith("uiommufd: ") and " takes away " not in line]
        if result.returncode or faults:
            raise SystemExit(f"FAIL: {' '.join(program)}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def io(self, *commands, namespace=1):
        arguments = [word for command in commands for word in ("-c", command)]
        output = self.run("qemu-io", "-f", "raw", *arguments, f"nvme://{BDF}/{namespace}")
        if "failed" in output or "error" in output.lower():
            raise SystemExit(f"FAIL: {commands}: {output}")
        return output

    def content(self):
        with open(self.file, "rb") as file:
            return file.read()


def test_memory(uiommufd):
    disk = Disk(uiommufd, "size=16M")
    output = disk.run("qemu-img", "info", f"nvme://{BDF}/1")
    expect("qemu-img finds the size", "16 MiB (16777216 bytes)" in output, True)
    disk.io("write -P 0xa5 0 1M", "write -P 0x5a 1000k 300k", "read -P 0xa5 0 1000k", "read -P 0x5a 1000k 300k",
            "write -z 64k 64k", "read -P 0 64k 64k", "discard 256k 256k", "flush")
    print("ok: qemu-io writes and reads memory")


def test_file(uiommufd, directory):
    path = os.path.join(directory, "disk")
    data = os.urandom(3 * MIB) * 5 + bytes(MIB)
    source = os.path.join(directory, "source")
    with open(source, "wb") as file:
        file.write(data)
    for options in ((), ("lba=4096",), ("queues=1", "mdts=1")):
        with open(path, "wb") as file:
            file.truncate(SIZE)
        disk = Disk(uiommufd, *options, file=path)
        disk.run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", source, f"nvme://{BDF}/1")
        expect(f"qemu-img convert writes the file, {options}", disk.content() == data, True)
        disk.run("qemu-img", "compare", "-f", "raw", "-F", "raw", source, f"nvme://{BDF}/1")
    disk = Disk(uiommufd, "namespaces=2", file=path)
    disk.io("write -P 0x11 0 1M", namespace=1)
    disk.io("write -P 0x22 0 1M", "read -P 0x22 0 1M", namespace=2)
    disk.io("read -P 0x11 0 1M", namespace=1)
    expect("namespaces are parts of the file", (disk.content()[0], disk.content()[SIZE // 2]), (0x11, 0x22))


def refusal(uiommufd, device):
    result = subprocess.run([uiommufd, "run", "--device", device, "--", "true"], capture_output=True, text=True,
                            timeout=TIMEOUT, check=False)
    return result.returncode, result.stderr.strip()


def is_free_after_run(uiommufd, path):
    with open(path, "rb") as file:
        # Without a timeout, which would make Python look only now and then.
        subprocess.run([uiommufd, "run", "--device", f"nvme,file={path}", "--", "true"], check=True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_refusals(uiommufd, directory):
    small, missing, locked = (os.path.join(directory, name) for name in ("small", "missing", "locked"))
    with open(small, "wb") as file:
        file.truncate(5000)
    with open(locked, "wb") as file:
        file.truncate(MIB)
    cases = {
        f"nvme,file={small},size=8K": f"file={small} has 5000 bytes: 8192 are needed",
        f"nvme,file={small},namespaces=2": f"file={small} has 5000 bytes: 8192 are needed",
        f"nvme,file={missing}": f"file={missing}: No such file or directory",
        f"nvme,file={directory}": f"file={directory}: Is a directory",
        "nvme,size=1": "size=1 is refused: it is bytes of a namespace, with K, M, G or T; default: an equal part of "
                       "the file, or 64M",
        "nvme,fast": '"fast" is no option: write name=value',
    }
    for device, line in cases.items():
        expect(f"--device {device}", refusal(uiommufd, device), (2, f"uiommufd: {line}"))
    expect("nothing is created", os.path.exists(missing), False)
    if os.geteuid():
        os.chmod(small, 0o444)
        expect("a file that cannot be written", refusal(uiommufd, f"nvme,file={small}"),
               (2, f'uiommufd: file={small}: Permission denied: it is to be written, unless there is "readonly"'))
        expect("but read", refusal(uiommufd, f"nvme,file={small},readonly"), (0, ""))
    with subprocess.Popen([uiommufd, "run", "--device", f"nvme,file={locked}", "--", "sh", "-c", "echo up; read line"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        expect("a disk of another run", refusal(uiommufd, f"nvme,file={locked}"),
               (2, f"uiommufd: file={locked}: another run or device uses it"))
        other.communicate("\n", timeout=TIMEOUT)
    expect("the same afterwards", refusal(uiommufd, f"nvme,file={locked}"), (0, ""))
    expect("a disk is free when its run has ended", [is_free_after_run(uiommufd, locked) for _ in range(20)], [True] * 20)
    both = subprocess.run([uiommufd, "run", "--device", f"nvme,file={locked},readonly", "--device",
                           f"nvme,file={locked},readonly", "--", "true"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    expect("two devices may read one", (both.returncode, both.stderr), (0, ""))


PART = 64 << 10  # what one write of the killed program covers
PARTS = SIZE // PART
A_FLUSH = 4  # writes before each flush
WRITES = 4000  # more than are made before the kill
FLUSHED = b"> 16 MiB\r"  # what `length`, which follows each flush, says


def written_until_killed(disk, script, flushes, delay):
    """Kills a qemu-io that executes @script, @delay seconds after it has said for the @flushes-th time that a flush has ended. What it said."""
    said = b""
    terminal, output = os.openpty()  # so that each line is written when it is made
    with open(script, "rb") as commands, open(terminal, "rb", buffering=0) as lines, subprocess.Popen(
            [*disk.command, "sh", "-c", 'echo $$; exec "$@"', "sh", "qemu-io", "-f", "raw", f"nvme://{BDF}/1"], stdin=commands,
            stdout=output, stderr=output) as run:
        os.close(output)
        try:
            while part := lines.read(4096):
                said += part
                if run.returncode is None and said.count(FLUSHED) >= flushes:
                    time.sleep(delay)
                    os.kill(int(said.split()[0]), 9)
                    run.wait(TIMEOUT)
        except OSError:
            pass  # the other end is closed: that was all
    expect("the program was killed", run.returncode, -9)
    return said


def test_kill(uiommufd, directory):
    """A program that writes and flushes without pause is killed. A completed flush has promised what was written before it."""
    path, script = os.path.join(directory, "killed"), os.path.join(directory, "script")
    with open(path, "wb") as file:
        file.truncate(SIZE)
    disk = Disk(uiommufd, file=path)
    holds = [{0}] * PARTS
    for turn in range(5):
        patterns = [(turn * WRITES + i) % 251 + 1 for i in range(WRITES)]
        with open(script, "w", encoding="ascii") as file:
            for i in range(WRITES):
                file.write(f"write -P {patterns[i]} {i % PARTS * PART} {PART}\n" + ("flush\nlength\n" if i % A_FLUSH == A_FLUSH - 1 else ""))
        said = written_until_killed(disk, script, 5 + 20 * turn, turn * 0.003)
        promised, begun = said.count(FLUSHED) * A_FLUSH, said.count(b"wrote") + 1
        if begun >= WRITES:
            raise SystemExit("FAIL: the program has come to its end")
        for i in range(begun):
            holds[i % PARTS] = {patterns[i]} if i < promised else holds[i % PARTS] | {patterns[i]}
        content = disk.content()
        found = [set(content[i * PART:(i + 1) * PART]) for i in range(PARTS)]
        expect(f"a killed program loses nothing of {promised} writes that were flushed",
               [i for i in range(PARTS) if not found[i] <= holds[i]], [])
        holds = found


def main():
    if not shutil.which("qemu-io") or not shutil.which("qemu-img"):
        print("SKIPPED: qemu-io and qemu-img (Debian: qemu-utils) are not installed")
        return 77
    with tempfile.TemporaryDirectory() as directory:
        test_memory(sys.argv[1])
        test_file(sys.argv[1], directory)
        test_refusals(sys.argv[1], directory)
        test_kill(sys.argv[1], directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
