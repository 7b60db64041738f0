#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every header compiles as the only thing that a file includes: public ones without a warning in each C and C++.

headers_alone.py ROOT --cc COMPILER... [--cxx COMPILER...]
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-deprecated-declarations", "-fsyntax-only"]
C_STANDARDS = ["c99", "c11", "c17"]
CXX_STANDARDS = ["c++11", "c++14", "c++17", "c++20", "c++2b"]


def dialects(arguments):
    for standard in C_STANDARDS:
        yield arguments.cc, "c", standard
    for standard in CXX_STANDARDS if arguments.cxx else []:
        yield arguments.cxx, "c++", standard


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
        for compiler, language, standard in dialects(arguments):
            command = [*compiler, f"-std={standard}", "-pedantic-errors", "-x", language, "-I", str(public)]
            jobs.append((f"{name} as {standard}", command, name))
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
