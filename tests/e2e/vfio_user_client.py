#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Examples drive the device of `uiommufd serve` through `uiommufd run --device vfio-user`, and cannot tell.

Usage: vfio_user_client.py UIOMMUFD EDU_COPY NVME_BLOCKS
Exit: 0 passed, 1 failed.
"""
import os
import signal
import subprocess
import sys
import tempfile
import time

UIOMMUFD = sys.argv[1]


def check(condition, what):
    if not condition:
        sys.exit("FAILED: " + what)


def run(device, *program):
    return subprocess.run([UIOMMUFD, "run", "--device", device, "--", *program], capture_output=True, text=True,
                          timeout=100, check=False)


def drive(directory, model, program):
    path = os.path.join(directory, model)
    with subprocess.Popen([UIOMMUFD, "serve", model, "--socket", path]) as server:
        while not os.path.exists(path):
            time.sleep(0.01)
        for options in ("", ",messages"):
            done = run("vfio-user,socket=%s%s" % (path, options), program)
            check(done.returncode == 0 and "verified" in done.stdout,
                  "%s%s: %s%s" % (program, options, done.stdout, done.stderr))
        # A process that never opens the device, and children of one.
        done = run("vfio-user,socket=" + path, "sh", "-c", "ls /dev/vfio/devices; %s > /dev/null && echo good" % program)
        check(done.stdout == "vfio0\ngood\n", "from a shell: %s%s" % (done.stdout, done.stderr))
        server.send_signal(signal.SIGTERM)
        check(server.wait(20) == 0, "the server ends")


def refuse(directory):
    nothing = os.path.join(directory, "nothing")
    for path in (nothing, "/dev/null"):
        done = run("vfio-user,socket=" + path, "true")
        check(done.returncode == 2 and done.stderr.count("\n") == 1, "%s: %d, %s" % (path, done.returncode, done.stderr))


def main():
    with tempfile.TemporaryDirectory() as directory:
        drive(directory, "edu", sys.argv[2])
        drive(directory, "nvme", sys.argv[3])
        refuse(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
