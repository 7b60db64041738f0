#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What names a system call that is newer than the oldest glibc has its number: call_numbers.py ROOT

base/sys.h gives the numbers that such a glibc lacks. A file that uses one without including it compiles everywhere but there.
The programs of tests/e2e and tests/conformance, which need functions of glibc 2.34 anyway, are not looked at.
"""

import re
import sys
from pathlib import Path

FOLDERS = ["bench", "examples", "src", "tests/fault", "tests/fuzz", "tests/lib", "tests/property", "tests/unit"]
DEFINED = re.compile(r"^#define (SYS_\w+) ", re.MULTILINE)
INCLUDE = '#include "base/sys.h"\n'


def lacking(text, numbers):
    """The names of @numbers that @text uses and may not have."""
    if INCLUDE in text:
        return []
    return sorted(set(re.findall(r"\bSYS_\w+", text)) & numbers - set(DEFINED.findall(text)))


def main():
    root = Path(sys.argv[1])
    numbers = set(DEFINED.findall((root / "src/base/sys.h").read_text(encoding="utf-8")))
    files = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.[ch]"))
    failed = 0
    for path in files:
        for name in lacking(path.read_text(encoding="utf-8"), numbers):
            failed += 1
            print(f"{path.relative_to(root)}: {name} is not in every glibc: include base/sys.h")
    print(f"{len(files)} files, {len(numbers)} numbers, {failed} that may be missing")
    sys.exit(1 if failed or not files or not numbers else 0)


if __name__ == "__main__":
    main()
