#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the tests which tests/conformance/rows.txt names exist: conformance_rows.py ROOT"""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path

TEST = re.compile(r"\bs\d\d_\w+")
# Tests whose names are made up of a prefix, a command and a rule.
GENERATED = re.compile(r'"(s\d\d_\d+_)%s_%s"')


def main():
    root = Path(sys.argv[1])
    directory = root / "tests" / "conformance"
    names = set()
    prefixes = set()
    for path in directory.glob("*.c"):
        text = path.read_text(encoding="utf-8")
        # Named where it is defined, and where it is run.
        names |= {name for name in TEST.findall(text) if len(re.findall(rf"\b{name}\b", text)) > 1}
        prefixes |= set(GENERATED.findall(text))

    failed = 0
    rows = directory / "rows.txt"
    for number, line in enumerate(rows.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        row, colon, tests = line.partition(": ")
        if not colon or not tests:
            print(f"{rows}:{number}: {row}: no test")
            failed += 1
            continue
        if tests.startswith("- "):
            wanted = re.findall(r"\btests/[\w/.]+", tests)
        else:
            wanted = tests.split(", ")
        for test in wanted:
            found = (
                (root / test).is_file()
                if "/" in test
                else any(fnmatch(name, test) for name in names) or any(test.startswith(prefix + "IOMMU_") for prefix in prefixes)
            )
            if not found:
                print(f"{rows}:{number}: {test}: no such test")
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
