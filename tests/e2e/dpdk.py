#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""DPDK's own driver for I/OAT passes DPDK's own test of it, on the emulated device.

dpdk-test finds the device in sysfs, opens its group, puts it into a type1 container, maps its memory and BAR 0, and
copies and fills with its dma_ioat driver; what it has copied it compares. It runs as the user who runs the tests and,
if that is root, as one who has no rights as well.

Usage: dpdk.py UIOMMUFD [option of run]...
Exit: 0 passed, 1 failed, 77 skipped: there is no dpdk-test, or too little memory may be locked.
"""
import os
import resource
import shutil
import subprocess
import sys
import tempfile

DPDK_TEST = "dpdk-test"
BDF = "0000:c1:00.0"
NOBODY = 65534
MEMORY_MIB = 7  # what the test needs, and all of it is mapped: less than the usual limit
TIMEOUT = 30

# What it prints when it has used the device. There is a software device as well, which passes without us.
EXPECTED = [
    f"Probe PCI driver: dmadev_ioat (8086:2021) device: {BDF}",
    f"### Test dmadev instance 0 [{BDF}]",
    "DMA Dev 0: Running copy Tests",
    "DMA Dev 0: Running burst capacity Tests",
    "DMA Dev 0: Running fill Tests",
    "Test OK",
]


def run(uiommufd, user, directory):
    os.chown(directory, user, -1)
    environment = dict(os.environ, DPDK_TEST="dmadev_autotest", XDG_RUNTIME_DIR=directory,
                       RUNTIME_DIRECTORY=directory)
    command = [uiommufd, "run", *sys.argv[2:], "--device", "ioat@" + BDF, "--", DPDK_TEST, "--no-huge", "-m", str(MEMORY_MIB),
               "--no-shconf", "--no-telemetry", "-a", BDF]
    drop = {} if user == os.geteuid() else {"user": user, "group": user, "extra_groups": []}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False, cwd="/", **drop)


def check(uiommufd, user):
    with tempfile.TemporaryDirectory() as directory:
        result = run(uiommufd, user, directory)
    # Lines of progress end in a carriage return and are many.
    output = result.stdout.decode(errors="replace").replace("\r", "\n")
    missing = [line for line in EXPECTED if line not in output]
    # DPDK unmaps its memory at the end before it takes it from the device, and is told so.
    faults = [line for line in output.splitlines()
              if line.startswith("uiommufd: ") and not ("munmap" in line and "pinned for DMA: kept" in line)]
    if result.returncode or missing or faults:
        print("\n".join(line for line in output.splitlines() if not line.startswith("Ops submitted")))
        print(f"FAIL: user {user}: exit status {result.returncode}, missing {missing}, faults {faults}")
        return False
    print(f"ok: user {user}: DPDK's driver copies and fills")
    return True


def reachable_by_nobody(uiommufd):
    """True if the build can be used by a user without rights."""
    try:
        return subprocess.run([uiommufd, "list"], user=NOBODY, group=NOBODY, extra_groups=[], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def main():
    uiommufd = os.path.abspath(sys.argv[1])
    if not shutil.which(DPDK_TEST):
        print("SKIPPED:", DPDK_TEST, "is not installed")
        return 77
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    enough = limit == resource.RLIM_INFINITY or limit > MEMORY_MIB << 20
    users = [os.geteuid()] if enough or os.geteuid() == 0 else []
    if os.geteuid() == 0 and enough and reachable_by_nobody(uiommufd):
        users.append(NOBODY)
    if not users:
        print("SKIPPED: no more than", limit, "bytes may be locked (ulimit -l)")
        return 77
    return 0 if all([check(uiommufd, user) for user in users]) else 1


if __name__ == "__main__":
    sys.exit(main())
