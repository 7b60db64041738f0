#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A driver under valgrind and under gdb, started as anyone would start them.

valgrind finds nothing in a right program, also at mapped registers, and finds the mistakes of a wrong one. gdb does not
stop at accesses to registers; it stops where the program would die of a signal, at the instruction.

Usage: debuggers.py UIOMMUFD PROGRAM, which is sanitized.c
Exit: 0 passed, 1 failed, 77 skipped: there is neither.
"""
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from blocks import marked

# Mistakes that valgrind finds, and what it says of them.
MISTAKES = {"overflow": "Invalid write of size 1", "uninitialised": "depends on uninitialised value",
            "leak": "definitely lost: 40 bytes"}
VALGRIND = ["valgrind", "--leak-check=full", "--error-exitcode=9"]
GDB = ["gdb", "-q", "--batch", "-nx", "-ex", "run", "-ex", "backtrace 1", "--args"]


def start(*command):
    return subprocess.run(command, text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=280)


def run(uiommufd, *command):
    return start(uiommufd, "run", "--device", "edu@0000:c1:00.0", "--", *command)


def shown(uiommufd, program):
    """What the commands of docs/run.md do, by their debuggers; gdb is told to run the program and to end."""
    [block] = marked("docs/run.md", "tests/e2e/debuggers.py")
    instead = {"uiommufd": [uiommufd], "edu": ["edu@0000:c1:00.0"], "./driver": [program], "gdb": ["gdb", "-q", "--batch", "-nx", "-ex", "run"]}
    commands = [shlex.split(line) for line in block.commands()]
    return {words[5]: lambda words=words: start(*[part for word in words for part in instead.get(word, [word])]) for words in commands}


def main():
    uiommufd, program = sys.argv[1:]
    results, documented = [], shown(uiommufd, program)

    def result(name, good, done):
        print(f"[       OK ] {name}" if good else f"[  FAILED  ] {name}\nstatus {done.returncode}\n{done.stdout}", flush=True)
        results.append(good)

    if shutil.which("valgrind"):
        done = run(uiommufd, *VALGRIND, program)
        result("valgrind finds nothing in a right program", done.returncode == 0 and "done" in done.stdout, done)
        done = documented["valgrind"]()
        result("valgrind runs as docs/run.md says", "ERROR SUMMARY: 0 errors" in done.stdout and "done" in done.stdout, done)
        result("valgrind's own process is not warned of", "statically linked" not in done.stdout, done)
        done = run(uiommufd, "valgrind", "-q", "cat", "/dev/nothing", "/sys/nothing")
        result("valgrind says nothing of calls of ours", "WARNING" not in done.stdout and "nothing" in done.stdout, done)
        for mistake, text in MISTAKES.items():
            done = run(uiommufd, *VALGRIND, program, mistake)
            result(f"valgrind finds {mistake}", done.returncode == 9 and text in done.stdout, done)
    else:
        print("[  SKIPPED ] there is no valgrind")
    if shutil.which("gdb"):
        done = run(uiommufd, *GDB, program)
        if "ptrace" in done.stdout and "not permitted" in done.stdout:
            print("[  SKIPPED ] gdb may not trace here")
        else:
            result("gdb does not stop at registers",
                   "exited normally" in done.stdout and "SIG" not in done.stdout, done)
            done = documented["gdb"]()
            result("gdb runs as docs/run.md says", "exited normally" in done.stdout, done)
            done = run(uiommufd, *GDB, program, "crash")
            result("gdb stops where the program dies",
                   "(signal SIGSEGV)" in done.stdout and "plant (mistake=" in done.stdout, done)
            for mistake in ("recursion", "recursion in a thread"):
                done = run(uiommufd, *GDB, program, mistake)
                result(f"gdb stops at endless {mistake}", "SIGSEGV" in done.stdout and "recurse (" in done.stdout, done)
    else:
        print("[  SKIPPED ] there is no gdb")
    sys.exit(77 if not results else 0 if all(results) else 1)


if __name__ == "__main__":
    main()
