#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each system call of the preload's own fails in turn: the program (injected.c) sees a clean errno, and never a crash.

Usage: injected.py UIOMMUFD PROGRAM
Exit: 0 passed, 1 failed, 77 skipped: a build without assertions, which has no injected failures.
"""
import errno
import os
import subprocess
import sys

ERRORS = [errno.ENOMEM, errno.EMFILE, errno.EINTR]
MOST_CALLS = 2000


def run(uiommufd, program, error, n):
    command = [uiommufd, "run", "--device", "edu@0000:c1:00.0", "--", "env", f"UIOMMUFD_FAIL_CALL={n},{error}", program,
               str(error)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, errors="replace")
    return done, [line for line in done.stderr.splitlines() if " fails with " in line]


def main():
    uiommufd, program = sys.argv[1:]
    failures = calls = 0
    for error in ERRORS:
        name = errno.errorcode[error]
        for n in range(1, MOST_CALLS):
            done, hit = run(uiommufd, program, error, n)
            # What the example's driver calls it does not repeat; it says what failed.
            told = done.returncode == 1 and hit and "e2e_injected: " in done.stderr and os.strerror(error) in done.stderr
            if not told and (done.returncode or not done.stdout.endswith("done\n")):
                print(f"[  FAILED  ] {name} at call {n}: status {done.returncode}\n{done.stdout[-300:]}{done.stderr[-600:]}",
                      flush=True)
                failures += 1
            if not hit:
                break
            calls += 1
        print(f"[       OK ] {n - 1} calls fail with {name}" if not failures else f"{failures} of {calls} calls", flush=True)
    if not calls:
        sys.exit(77)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
