#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No line of a C file has more than 100 columns, comments included: line_width.py ROOT

Tabs are 8 columns wide. clang-format leaves comments and long strings alone, so it does not see these lines.
"""

import sys
from pathlib import Path

COLUMNS = 100
FOLDERS = ["bench", "examples", "include", "src", "tests"]


def wide_lines(path):
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.split("\n"), 1):
        width = len(line.expandtabs(8))
        if width > COLUMNS:
            yield number, width


def main():
    root = Path(sys.argv[1])
    files = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.[ch]"))
    failed = 0
    for path in files:
        for number, width in wide_lines(path):
            failed += 1
            print(f"{path.relative_to(root)}:{number}: {width} columns; at most {COLUMNS}")
    print(f"{len(files)} files, {failed} wide lines")
    sys.exit(1 if failed or not files else 0)


if __name__ == "__main__":
    main()
