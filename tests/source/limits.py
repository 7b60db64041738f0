#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each errno that docs/limits.md states is checked by the test that its line names.

limits.py ROOT. A line with an errno has `<!-- test: FILE FUNCTION -->`: the function of that file below
tests/, which mentions each errno of the line.
"""

import re
import sys
from pathlib import Path

ERRNO = re.compile(r"\bE[A-Z2]{3,}\b")
NOT_ERRNO = {"EDU"}
MARK = re.compile(r"<!-- test: (\S+) (\w+) -->")


def paragraphs(text):
    """Rows of tables one by one, everything else by paragraphs; each with its first line's number."""
    found, begin = [], None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("|") or not line:
            begin = None
        if line.startswith("|"):
            found.append([number, line])
        elif line and begin is None:
            begin = [number, line]
            found.append(begin)
        elif line:
            begin[1] += " " + line
    return found


def body(root, name, function):
    for path in root.glob(f"tests/**/{name}"):
        match = re.search(rf"^static void {function}\([^)]*\)\n\{{\n(.*?)^\}}", path.read_text(), re.M | re.S)
        if match:
            return match[1]
    return None


def main():
    root = Path(sys.argv[1])
    failures, checked = [], 0
    for number, text in paragraphs((root / "docs" / "limits.md").read_text()):
        where = f"docs/limits.md:{number}"
        stated = set(ERRNO.findall(MARK.sub("", text))) - NOT_ERRNO
        mark = MARK.search(text)
        if not stated:
            continue
        if not mark:
            failures.append(f"{where}: {', '.join(sorted(stated))} without a test")
            continue
        code = body(root, mark[1], mark[2])
        if code is None:
            failures.append(f"{where}: there is no {mark[2]} in tests/**/{mark[1]}")
            continue
        checked += len(stated)
        failures += [f"{where}: {mark[2]} does not check {name}" for name in sorted(stated) if name not in code]
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{checked} errno checked, {len(failures)} failures")
    sys.exit(1 if failures or not checked else 0)


if __name__ == "__main__":
    main()
