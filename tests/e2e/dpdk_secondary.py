#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A secondary process of DPDK beside its primary, on one machine: dpdk_secondary.py UIOMMUFD

dpdk-testpmd has the network device, and all its memory is mapped for DMA. dpdk-proc-info, started apart from it, gets the
device's descriptors from it over a socket, maps the BAR at the same address and prints the port.

Exit: 0 passed, 1 failed, 77 skipped: DPDK is not installed, or there are no huge pages, which its processes share.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

TESTPMD, INFO = "dpdk-testpmd", "dpdk-proc-info"
BDF = "0000:c1:00.0"
MEMORY_MIB = 64
NAME = f"dpdk-{os.getpid()}"
TIMEOUT = 60
EXPECTED = [rf"-- driver net_e1000_em device {BDF}", r"Link up at 1 Gbps", r"-- mac 02:10:00:00:C1:00"]


def free_huge_pages():
    with open("/proc/meminfo", encoding="ascii") as lines:
        sizes = dict(line.split(":") for line in lines)
    return int(sizes["HugePages_Free"]) * int(sizes["Hugepagesize"].split()[0]) >> 10


def why_not():
    if not shutil.which(TESTPMD) or not shutil.which(INFO):
        return "DPDK is not installed"
    if free_huge_pages() < MEMORY_MIB:
        return f"it takes {MEMORY_MIB} MiB of free huge pages (vm.nr_hugepages)"
    return None if os.geteuid() == 0 else "it takes root, to mount a hugetlbfs"


def run(uiommufd, directory):
    huge = os.path.join(directory, "huge")
    environment = dict(os.environ, XDG_RUNTIME_DIR=directory, RUNTIME_DIRECTORY=directory)
    common = {"env": environment, "cwd": "/", "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    join = [uiommufd, "run", "--join", NAME, "--"]
    device = ["--huge-dir", huge, "-a", BDF]
    with subprocess.Popen([*join, TESTPMD, "-m", str(MEMORY_MIB), "--proc-type", "primary", *device, "--", "-i",
                           "--total-num-mbufs=2048", "--mbcache=32"], stdin=subprocess.PIPE, **common) as primary:
        said = ""
        while "Checking link statuses" not in said and (line := primary.stdout.readline()):
            said += line
        info = subprocess.run([*join, INFO, *device, "--", "--show-port"], timeout=TIMEOUT, check=False, **common)
        primary.stdin.write("quit\n")
        primary.stdin.close()
        said += primary.stdout.read()
        status = primary.wait(TIMEOUT)
    missing = [line for line in EXPECTED if not re.search(line, info.stdout)]
    if info.returncode or missing or status or "Bye..." not in said:
        print(said, info.stdout, sep="\n")
        print(f"FAIL: primary {status}, secondary {info.returncode}, missing {missing}")
        return 1
    print("ok: a secondary process of DPDK prints the port of its primary")
    return 0


def main():
    uiommufd = os.path.abspath(sys.argv[1])
    if reason := why_not():
        print("SKIPPED:", reason)
        return 77
    if len(sys.argv) == 2:  # once more, where what is mounted is ours
        return subprocess.run(["unshare", "--mount", sys.executable, *sys.argv, "apart"], check=False).returncode
    with tempfile.TemporaryDirectory() as directory:
        huge = os.path.join(directory, "huge")
        os.mkdir(huge)
        subprocess.run(["mount", "-t", "hugetlbfs", "none", huge], check=True)
        os.environ["XDG_RUNTIME_DIR"] = directory
        subprocess.run([uiommufd, "machine", "--name", NAME, "--device", "e1000@" + BDF], check=True)
        try:
            return run(uiommufd, directory)
        finally:
            subprocess.run([uiommufd, "machine", "--stop", NAME], check=True)
            subprocess.run(["umount", huge], check=True)


if __name__ == "__main__":
    sys.exit(main())
