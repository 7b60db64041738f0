#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's own drivers drive the emulated devices as an ordinary process, User Mode Linux: tests/kernel/uml.py BUILD [FOLDER]

FOLDER, or BUILD/kernel-tests/uml, is where scripts/uml-kernel builds the kernel, or has done so. What runs in it are the programs of
the guests beside this file: dmatest copies with ioatdma, and the ext4 on an NVMe disk is used, also when the kernel is killed.
docs/kernel-drivers.md explains it.
"""

import re
import subprocess
import sys
from collections import Counter, namedtuple
from pathlib import Path

import guest
import nvme_guest

ROOT = Path(__file__).resolve().parent.parent.parent
COPIES = 5000
SECONDS = 300
BDF = guest.BDF

# parameters are the kernel's; init is the source of the only program; expected are regular expressions of lines.
Run = namedtuple("Run", "name device parameters init expected")

IOAT = Run("ioatdma", "ioat", [f"vfio_uml.device={BDF}", f"dmatest.iterations={COPIES}", "dmatest.timeout=20000", "dmatest.run=1"],
           "guest_init.c", [r"driver of 0000:00:00\.0: ioatdma$", r"dmatest: .*: summary %d tests, 0 failures" % COPIES, r"guest: done$"])
NVME = Run("nvme", "nvme", [f"vfio_uml.device={BDF}"], "nvme_guest_init.c", [re.escape(line) + "$" for line in nvme_guest.EXPECTED])


def command(uiommufd, kernel, device, ramdisk, parameters):
    return [uiommufd, "run", "--device", device, "--", str(kernel), "mem=128M", "con=null", "con0=fd:0,fd:1", f"initrd={ramdisk}",
            *parameters]


def boot(bench, run, options=""):
    """What the kernel and its program say, and the lines that are missing."""
    ramdisk = guest.initramfs(bench.work, f"uml-{run.name}-initramfs", run.init)
    words = command(bench.uiommufd, bench.kernel, f"{run.device}@{BDF}{options}", ramdisk, run.parameters)
    print("$", *words, flush=True)
    try:
        said = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
                              check=False).stdout
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"") + f"\nstill running after {SECONDS} s".encode()
    text = said.decode(errors="replace").replace("\r", "")
    (bench.work / f"uml-{run.name}.log").write_text(text)
    missing = [pattern for pattern in run.expected if not re.search(pattern, text, re.M)]
    reports = re.findall(r"^uiommufd: .*", text, re.M)
    return missing + [f"no report ({line})" for line in reports]


class Bench:
    def __init__(self, build, kernel):
        self.uiommufd, self.kernel, self.work = str(build / "uiommufd"), kernel, build / "kernel-tests"
        self.counts = Counter()

    def count(self, name, missing):
        self.counts["failed" if missing else "passed"] += 1
        print(f"  FAILED {name}: missing: {missing}; {self.work}/uml-*.log" if missing else f"  passed {name}", flush=True)


def ioat(bench):
    bench.count(f"ioatdma copies {COPIES} times without a failure", boot(bench, IOAT))


def nvme(bench):
    disk = bench.work / "uml-disk"
    with open(disk, "wb") as file:
        file.truncate(nvme_guest.DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(disk)], check=True)
    missing = boot(bench, NVME, f",file={disk}")
    if nvme_guest.fsck(disk, "-f", "-n").returncode:
        missing.append("a clean file system")
    bench.count("the NVMe driver, with ext4 on the disk", missing)


def nvme_killed(bench):
    done = subprocess.run([sys.executable, ROOT / "tests/clients/guest.py", "--uml", bench.uiommufd, bench.kernel, bench.work / "uml-killed"],
                          capture_output=True, text=True, errors="replace", check=False)
    (bench.work / "uml-killed.log").write_text(done.stdout + done.stderr)
    bench.count("ext4 survives a kill, with all that was synced", [] if done.returncode == 0 else done.stderr.splitlines()[-1:] or ["done"])


def main():
    build = Path(sys.argv[1]).resolve()
    work = build / "kernel-tests"
    work.mkdir(exist_ok=True)
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else work / "uml"
    kernel = folder.resolve() / "linux"
    if not kernel.exists():
        subprocess.run([ROOT / "scripts/uml-kernel", folder], check=True)
    bench = Bench(build, kernel)
    for test in (ioat, nvme, nvme_killed):
        test(bench)
    print(f"{bench.counts['passed']} passed, {bench.counts['failed']} failed")
    sys.exit(bench.counts["failed"] != 0)


if __name__ == "__main__":
    main()
