#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs Linux's own tests of iommufd and VFIO, unmodified, under `uiommufd run`: tests/kernel/run.py BUILD [PROGRAM]...

The kernel's source is that of UIOMMUFD_KERNEL_SOURCE, or that of Linux 7.3 from Debian's backports; of it, only what builds the tests
is unpacked, into BUILD/kernel-tests. Succeeds if no test fails but those of known.txt.
"""

import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "abi")]
import headers
from debian import Suite, Unavailable

SECONDS = 300
SOURCE_SECONDS = 1200

# What the Makefiles of the two suites reach.
PARTS = [
    "Makefile", "scripts/subarch.include", "include/linux/pci_ids.h",
    "tools/arch/*", "tools/build/*", "tools/include/*", "tools/scripts/*",
    "tools/testing/selftests/*.h", "tools/testing/selftests/*.mk", "tools/testing/selftests/kselftest/*",
    "tools/testing/selftests/iommu/*", "tools/testing/selftests/vfio/*",
    "drivers/iommu/iommufd/iommufd_test.h", "drivers/dma/ioat/*.h", "drivers/dma/idxd/*.h",
    "drivers/net/ethernet/intel/igb/*.h",
]

Program = namedtuple("Program", "suite name machine arguments label", defaults=[None])
BDF = "0000:01:00.0"
MOCK = ["--mock"]
IOAT = ["--device", f"ioat@{BDF}"]
PROGRAMS = [
    Program("iommu", "iommufd", MOCK, []),
    Program("iommu", "iommufd", ["--shared", *MOCK], [], "shared"),
    Program("iommu", "iommufd_fail_nth", MOCK, []),
    Program("vfio", "vfio_iommufd_setup_test", IOAT, [BDF]),
    Program("vfio", "vfio_dma_mapping_test", IOAT, [BDF]),
    Program("vfio", "vfio_dma_mapping_mmio_test", IOAT, [BDF]),
    Program("vfio", "vfio_pci_device_test", IOAT, [BDF]),
    Program("vfio", "vfio_pci_driver_test", IOAT, [BDF]),
    Program("vfio", "vfio_pci_device_init_perf_test", IOAT, [BDF]),
]

RESULT = re.compile(r"^(ok|not ok) \d+ (\S+)(.*)$", re.MULTILINE)

CAP_SYS_RESOURCE = 24

# Of 2 MiB, what the largest test maps.
HUGE_PAGES = 66


def unpack(archive, target):
    """The parts of the kernel's source that the tests need, as a folder."""
    print(f"unpacking {archive.name}, the parts that the tests need", flush=True)
    target.mkdir(parents=True)
    subprocess.run(["tar", "-xf", str(archive), "-C", str(target), "--strip-components=1", "--wildcards",
                    *("*/" + part for part in PARTS)], stderr=subprocess.DEVNULL, check=False)
    if not (target / "tools/testing/selftests/iommu/Makefile").is_file():
        shutil.rmtree(target)
        raise Unavailable(f"{archive} has no tests of iommufd")


def fetch(work):
    source = work / "source"
    if source.is_dir():
        return source
    with Suite.open(headers.SUITE, work / "apt") as suite:
        package = f"linux-source-{headers.VERSION}"
        versions = suite.versions(package)
        if not versions:
            raise Unavailable(f"{suite} has no {package}")
        suite.unpack(package, versions[0], work / "package", SOURCE_SECONDS)
    unpack(next((work / "package/usr/src").glob("linux-source-*.tar.*")), source)
    shutil.rmtree(work / "package")
    return source


def build(source, suite, include, output):
    output.mkdir(exist_ok=True)
    system = [f"-isystem {folder}" for folder in (include, *include.glob("x86_64-linux-gnu"))]
    subprocess.run(["make", "--silent", "-C", str(source / "tools/testing/selftests" / suite), f"OUTPUT={output}",
                    f"KHDR_INCLUDES={' '.join(system)}"],
                   stdout=subprocess.DEVNULL, check=True)


def privileged():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^CapEff:\s*(\w+)", status, re.M)[1], 16) >> CAP_SYS_RESOURCE & 1


def check_huge_pages():
    reserved = int(Path("/proc/sys/vm/nr_hugepages").read_text())
    if reserved < HUGE_PAGES:
        print(f"{reserved} huge pages are reserved: tests that want them will fail. To run them, as root:\n"
              f"    sysctl vm.nr_hugepages={HUGE_PAGES}")


def known_failures():
    for line in (HERE / "known.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern, _, reason = line.partition(" ")
            yield pattern, reason.strip()


def run(program, output, uiommufd, log):
    """(test, result, what it says) for each test of @program."""
    # Some options are for CAP_SYS_RESOURCE. In a user namespace of its own everybody has it.
    namespace = [] if privileged() else ["unshare", "--user", "--map-root-user"]
    command = [*namespace, uiommufd, "run", *program.machine, "--", str(output / program.name), *program.arguments]
    print("$", *command, flush=True)
    with log.open("w") as out:
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=output,
                                  timeout=SECONDS)
            ended = f"exit status {done.returncode}"
        except subprocess.TimeoutExpired:
            ended = f"still running after {SECONDS} s"
    text = log.read_text(errors="replace")
    # In known.txt, and in what is printed, the tests on a shared machine have a prefix.
    prefix = f"{program.label}/" if program.label else ""
    results = [(prefix + name, "skipped" if "SKIP" in said else "passed" if ok == "ok" else "failed", said.strip(" #"))
               for ok, name, said in RESULT.findall(text)]
    planned = re.search(r"^1\.\.(\d+)", text, re.M)
    if not planned or int(planned[1]) != len(results):
        results.append((prefix + program.name, "failed", ended))
    return results


def report(program, results, log):
    """Prints what did not pass; returns the counts."""
    known = list(known_failures())
    counts = Counter()
    for name, result, said in results:
        reason = next((reason for pattern, reason in known if fnmatch.fnmatch(name, pattern)), None)
        if result == "failed" and reason:
            result = "known"
        elif result == "failed":
            print(f"  FAILED {name} {said}")
        counts[result] += 1
    if counts["failed"]:
        print(f"  {log} has the details")
    print(f"  {'/'.join(filter(None, (program.label, program.name)))}: {', '.join(f'{counts[word]} {word}' for word in counts)}", flush=True)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("programs", metavar="PROGRAM", nargs="*")
    arguments = parser.parse_args()
    work = arguments.build.resolve() / "kernel-tests"
    work.mkdir(exist_ok=True)
    try:
        given = os.environ.get("UIOMMUFD_KERNEL_SOURCE")
        source = Path(given) if given else fetch(work)
        include = headers.find(arguments.build.resolve() / "linux-headers")
    except Unavailable as reason:
        sys.exit(f"the kernel's tests cannot be had: {reason}")
    check_huge_pages()
    totals = Counter()
    try:
        for suite in ("iommu", "vfio"):
            build(source, suite, include, work / suite)
    except subprocess.CalledProcessError:
        sys.exit(f"the kernel's tests in {source} do not build")
    for program in PROGRAMS:
        if not arguments.programs or program.name in arguments.programs:
            log = work / f"{'_'.join(filter(None, (program.label, program.name)))}.log"
            results = run(program, work / program.suite, str(arguments.build.resolve() / "uiommufd"), log)
            totals += report(program, results, log)
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['known']} failed as known.txt says, "
          f"{totals['skipped']} skipped")
    sys.exit(totals["failed"] != 0 or not totals["passed"])


if __name__ == "__main__":
    main()
