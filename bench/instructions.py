#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No operation takes more instructions than its budget.

instructions.py FIXED_WORK BUDGET [--write]

Runs each operation of FIXED_WORK under callgrind, which counts the instructions of measured() and of what it calls.
BUDGET has a line for each operation: its name and the instructions of one call. More than TOLERANCE above is a failure;
so is less than SLACK below, so that what was gained is written down. A change that needs more says so in that file.
--write writes the file anew.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOLERANCE = 1.02
SLACK = 0.90


def count(program, operation, directory):
    out = Path(directory) / operation
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=measured", f"--callgrind-out-file={out}", program, operation]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{operation}: {result.stderr}")
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)[1])


def main():
    program, budget_file = sys.argv[1], Path(sys.argv[2])
    listing = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    text = budget_file.read_text() if budget_file.exists() else ""
    budget = dict(re.findall(r"^([\w-]+)\s+(\d+)$", text, re.M))
    failures, lines = [], []
    with tempfile.TemporaryDirectory() as directory:
        for operation, rounds in re.findall(r"^(\S+) (\d+)$", listing, re.M):
            used = count(program, operation, directory) // int(rounds)
            allowed = int(budget.get(operation, 0))
            lines.append(f"{operation:<24}{used:>8}")
            print(f"{operation:<24}{used:>8} of {allowed}")
            if used > allowed * TOLERANCE:
                failures.append(f"{operation} takes {used} instructions, its budget is {allowed}")
            elif used < allowed * SLACK:
                failures.append(f"{operation} takes {used} instructions: lower its budget of {allowed}")
    known = {line.split()[0] for line in lines}
    failures += [f"{name} is no operation" for name in budget if name not in known]
    if "--write" in sys.argv:
        head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
        budget_file.write_text(head + "\n".join(lines) + "\n")
        return
    print("\n".join(failures))
    sys.exit(1 if failures or not lines else 0)


if __name__ == "__main__":
    main()
