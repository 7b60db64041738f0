#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's own drivers drive the emulated devices as an ordinary process, User Mode Linux: tests/kernel/uml.py BUILD [FOLDER]

FOLDER, or BUILD/kernel-tests/uml, is where scripts/uml-kernel builds the kernel, or has done so. What runs in it are the programs of
the guests beside this file: dmatest copies with ioatdma, and the ext4 on an NVMe disk is used, also when the kernel is killed.
Further builds have debug information, for gdb, and the kernel's address sanitizer and gcov. The commands are those of
docs/kernel-drivers.md, which explains them.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter, namedtuple
from pathlib import Path

import guest  # which finds the folder of the next one
from blocks import marked, steps
import nvme_guest

ROOT = Path(__file__).resolve().parent.parent.parent
GCOV_PERCENT = 40
SECONDS = 300
BDF = guest.BDF

# What the document shows, in its order.
PLAIN, COPYING, DEBUGGING, DEBUG, SANITIZED, COVERED = marked("docs/kernel-drivers.md", "tests/kernel/uml.py", 6)
DMATEST = shlex.split(COPYING.commands()[0])
COPIES = int(next(word for word in DMATEST if word.startswith("dmatest.iterations=")).partition("=")[2])

# parameters are the kernel's; init is the source of the only program; expected are regular expressions of lines.
Run = namedtuple("Run", "name device parameters init expected")

# Options of the further builds beside those of the document. LKDTM is Linux's own module of deliberate mistakes.
MORE = {"kasan": ["LKDTM"]}

IOAT = Run("ioatdma", "ioat", [word for word in DMATEST if "." in word and "=" in word] + ["dmatest.timeout=20000"],
           "guest_init.c", [r"driver of 0000:00:00\.0: ioatdma$", r"dmatest: .*: summary %d tests, 0 failures" % COPIES, r"guest: done$"])
NVME = Run("nvme", "nvme", [f"vfio_uml.device={BDF}"], "nvme_guest_init.c", [re.escape(line) + "$" for line in nvme_guest.EXPECTED])

STOPPED = IOAT._replace(name="gdb", parameters=IOAT.parameters[:1])
KASAN = IOAT._replace(name="kasan", expected=[r"KernelAddressSanitizer initialized", *IOAT.expected])
MISTAKE = Run("kasan-mistake", "ioat", ["lkdtm.cpoint_name=DIRECT", "lkdtm.cpoint_type=SLAB_LINEAR_OVERFLOW"], "guest_init.c",
              [r"BUG: KASAN: slab-out-of-bounds in lkdtm_SLAB_LINEAR_OVERFLOW"])


def command(shown, bench, run, options, variant):
    """The words @shown with the kernel of @variant for the document's, and the device and the parameters of @run."""
    ramdisk = guest.initramfs(bench.work, f"uml-{run.name}-initramfs", run.init)
    instead = {"uiommufd": bench.uiommufd, "~/uml/linux": str(bench.kernel(variant)), "initrd=initramfs": f"initrd={ramdisk}",
               f"ioat@{BDF}": f"{run.device}@{BDF}{options}"}
    words = [instead.get(word, word) for word in shown]
    return [word for word in words if not re.match(r"(vfio_uml|dmatest)\.", word)] + run.parameters


def boot(bench, run, options="", variant="", shown=DMATEST):
    """What is missing of what the kernel and its program should have said."""
    words = command(shown, bench, run, options, variant)
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
    def __init__(self, build, folder):
        self.uiommufd, self.folder, self.work = str(build / "uiommufd"), folder, build / "kernel-tests"
        self.counts = Counter()

    def kernel(self, variant=""):
        """The kernel, built now if it is not there."""
        kernel = self.folder / ("linux-" + variant if variant else "linux")
        if not kernel.exists():
            [words] = [words for words in map(shlex.split, PLAIN.commands() + DEBUG.commands() + SANITIZED.commands())
                       if words[3:4] == ([variant] if variant else [])]
            words = [str(self.folder) if word == "~/uml" else word for word in words] + MORE.get(variant, [])
            subprocess.run(words, check=True, cwd=ROOT)
        return kernel

    def count(self, name, missing):
        self.counts["failed" if missing else "passed"] += 1
        print(f"  FAILED {name}: missing: {missing}; {self.work}/uml-*.log" if missing else f"  passed {name}", flush=True)


def ioat(bench):
    # The document shows the line without its rates.
    wanted = [re.escape(line) for line in steps(COPYING.lines)[0][1] if line != "..."]
    bench.count(f"ioatdma copies {COPIES} times without a failure", boot(bench, IOAT._replace(expected=IOAT.expected + wanted)))


def gdb(bench):
    """gdb stops in the driver; with the build that has debug information it knows the line."""
    if not shutil.which("gdb"):
        print("  skipped gdb: it is not installed")
        return
    words = shlex.split(DEBUGGING.commands()[0])
    words[words.index("gdb"):words.index("gdb") + 1] = ["gdb", "-q", "-batch", "-nx"]
    for variant, place in ("", r"hit Breakpoint \d+, 0x[0-9a-f]+ in ioat_pci_probe"), ("debug", r"hit Breakpoint \d+, ioat_pci_probe \(.*\) at .*:\d+"):
        bench.count(f"gdb stops in the driver {variant}".strip(), boot(bench, STOPPED._replace(expected=[place]), variant=variant, shown=words))


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
    done = subprocess.run([sys.executable, ROOT / "tests/clients/guest.py", "--uml", bench.uiommufd, bench.kernel(), bench.work / "uml-killed"],
                          capture_output=True, text=True, errors="replace", check=False)
    (bench.work / "uml-killed.log").write_text(done.stdout + done.stderr)
    bench.count("ext4 survives a kill, with all that was synced", [] if done.returncode == 0 else done.stderr.splitlines()[-1:] or ["done"])


def kasan(bench):
    missing = boot(bench, KASAN, variant="kasan")
    if "BUG: KASAN" in (bench.work / "uml-kasan.log").read_text():
        missing.append("no report of KASAN")
    bench.count("ioatdma under the kernel's address sanitizer", missing)
    bench.count("the kernel's address sanitizer reports a mistake", boot(bench, MISTAKE, variant="kasan"))


def gcov(bench):
    """A kernel built with gcov leaves its counters beside its objects when it powers off."""
    bench.kernel("gcov")
    objects = bench.folder / "build-gcov/drivers/dma/ioat"
    for counters in objects.glob("*.gcda"):
        counters.unlink()
    missing = boot(bench, IOAT._replace(name="gcov"), variant="gcov")
    [(shown, printed)] = steps(COVERED.lines)
    listed = subprocess.run(["sh", "-c", shown.replace("~/uml", shlex.quote(str(bench.folder)))], capture_output=True, text=True,
                            check=False).stdout.replace(str(bench.folder), "/home/me/uml")
    number = re.compile(r"[\d.]+% of \d+")
    missing += [line for line in printed if number.sub("", line) not in number.sub("", listed).splitlines()]
    lines = re.search(r"^File '.*drivers/dma/ioat/dma\.c'\nLines executed:([0-9.]+)% of", listed, re.M)
    if not lines or float(lines[1]) < GCOV_PERCENT:
        missing.append(f"{GCOV_PERCENT} % of the lines of ioat/dma.c")
    bench.count("gcov tells what ioatdma has executed", missing)


def main():
    build = Path(sys.argv[1]).resolve()
    work = build / "kernel-tests"
    work.mkdir(exist_ok=True)
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else work / "uml"
    bench = Bench(build, folder.resolve())
    for test in (ioat, gdb, nvme, nvme_killed, kasan, gcov):
        test(bench)
    print(f"{bench.counts['passed']} passed, {bench.counts['failed']} failed")
    sys.exit(bench.counts["failed"] != 0)


if __name__ == "__main__":
    main()
