#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every header compiles as the only thing that a file includes: ours as C, public ones as C++ too.

headers_alone.py ROOT --cc COMPILER... [--cxx COMPILER...]
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-deprecated-declarations", "-fsyntax-only"]


def compiles(job):
    name, command, include = job
    # Twice: the second time the include guard has to hold.
    source = f"#include <{include}>\n#include <{include}>\n"
    result = subprocess.run([*command, *WARNINGS, "-"], input=source, text=True, capture_output=True)
    return name, result.returncode == 0, result.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--cc", nargs="+", required=True)
    parser.add_argument("--cxx", nargs="+")
    arguments = parser.parse_args()
    public = arguments.root / "include"
    private = arguments.root / "src"

    jobs = []
    for header in sorted(public.rglob("*.h")):
        name = str(header.relative_to(public))
        jobs.append((f"{name} as C11", [*arguments.cc, "-std=c11", "-x", "c", "-I", str(public)], name))
        if arguments.cxx:
            jobs.append((f"{name} as C++11", [*arguments.cxx, "-std=c++11", "-x", "c++", "-I", str(public)], name))
    for header in sorted(private.rglob("*.h")):
        name = str(header.relative_to(private))
        command = [*arguments.cc, "-std=gnu11", "-D_GNU_SOURCE", "-x", "c", "-I", str(public), "-I", str(private)]
        jobs.append((name, command, name))

    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, ok, errors in pool.map(compiles, jobs):
            if not ok:
                failed += 1
                print(f"{name} does not compile alone:\n{errors}")
    print(f"{len(jobs) - failed} of {len(jobs)} compile alone")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
