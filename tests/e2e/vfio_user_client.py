#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Examples drive the device of `uiommufd serve` through `uiommufd run --device vfio-user`, and cannot tell.

Usage: vfio_user_client.py UIOMMUFD EDU_COPY NVME_BLOCKS MIGRATE
Exit: 0 passed, 1 failed.
"""
import contextlib
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


@contextlib.contextmanager
def served(directory, model, name):
    """The path of a socket of `uiommufd serve`, which ends when it is told to."""
    path = os.path.join(directory, name)
    with subprocess.Popen([UIOMMUFD, "serve", model, "--socket", path]) as server:
        try:
            while not os.path.exists(path):
                time.sleep(0.01)
            yield path
        finally:
            server.send_signal(signal.SIGTERM)
        check(server.wait(20) == 0, "the server ends")


def drive(directory, model, program):
    with served(directory, model, model) as path:
        for options in ("", ",messages"):
            done = run(f"vfio-user,socket={path}{options}", program)
            check(done.returncode == 0 and "verified" in done.stdout,
                  "%s%s: %s%s" % (program, options, done.stdout, done.stderr))
        # A process that never opens the device, and children of one.
        done = run("vfio-user,socket=" + path, "sh", "-c", "ls /dev/vfio/devices; %s > /dev/null && echo good" % program)
        check(done.stdout == "vfio0\ngood\n", "from a shell: %s%s" % (done.stdout, done.stderr))


def migrate(directory, program):
    """From server to server and back, while there is DMA to do."""
    with served(directory, "edu", "here") as here, served(directory, "edu", "there") as there:
        for options in ("", ",messages"):
            devices = [word for path in (here, there) for word in ("--device", f"vfio-user,socket={path}{options}")]
            done = subprocess.run([UIOMMUFD, "run", *devices, "--", program], capture_output=True, text=True, timeout=100, check=False)
            check(done.returncode == 0 and not done.stderr, f"migration{options}: {done.stdout}{done.stderr}")


def refuse(directory):
    nothing = os.path.join(directory, "nothing")
    for path in (nothing, "/dev/null"):
        done = run("vfio-user,socket=" + path, "true")
        check(done.returncode == 2 and done.stderr.count("\n") == 1, "%s: %d, %s" % (path, done.returncode, done.stderr))


def main():
    with tempfile.TemporaryDirectory() as directory:
        drive(directory, "edu", sys.argv[2])
        drive(directory, "nvme", sys.argv[3])
        migrate(directory, sys.argv[4])
        refuse(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
