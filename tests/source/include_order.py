#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The folders of src/ stand in an order: code includes from its own folder and from those above it.

The order is the one in which the top meson.build names them. Also: a header called *_internal.h is
its folder's own, includes of ours name the folder ("base/check.h"), and public headers include none
of what is not installed.
"""

import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
FOLDERS = re.compile(r"foreach folder : \[([^\]]+)\]")


def read_order(meson):
    found = FOLDERS.search(meson)
    if not found:
        sys.exit("meson.build no longer lists the folders in a foreach; tell include_order.py where the order is")
    return re.findall(r"'([^']+)'", found[1])


def includes(path):
    text = path.read_text(encoding="utf-8")
    for found in INCLUDE.finditer(text):
        yield text.count("\n", 0, found.start(1)) + 1, found[1]


def objection(order, folder, header):
    """Why a file in @folder may not include @header, or None."""
    target, slash, name = header.partition("/")
    if not slash:
        return "name its folder too"
    if target not in order:
        return f"src/{target} is no folder of the list in meson.build"
    if target == folder:
        return None
    if order.index(target) > order.index(folder):
        return f"{target}/ is below {folder}/ in the order of dependency"
    if name.endswith("_internal.h"):
        return f"that header is {target}/'s own"
    return None


def main():
    root = Path(sys.argv[1])
    order = read_order((root / "meson.build").read_text(encoding="utf-8"))
    problems = []

    for path in sorted((root / "src").rglob("*.[ch]")):
        folder = path.relative_to(root / "src").parts[0]
        if folder not in order:
            problems.append(f"{path.relative_to(root)}: src/{folder} is missing from the list in meson.build")
            continue
        for line, header in includes(path):
            why = objection(order, folder, header)
            if why:
                problems.append(f"{path.relative_to(root)}:{line}: includes {header}: {why}")

    for path in sorted((root / "include").rglob("*.h")):
        for line, header in includes(path):
            problems.append(f"{path.relative_to(root)}:{line}: includes \"{header}\": public headers use <...>")

    print("\n".join(problems) or "in order")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
