#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The folders of src/ stand in an order: code includes from its own folder and from those above it.

The order is the one in which the top meson.build names them. A folder with subfolders names theirs
in the same way in its own meson.build, and they are checked among themselves; a file directly in
such a folder belongs to all of them, so it is included by any and includes none. Also: a header
called *_internal.h is its folder's own, names of files are unique, includes of ours name the whole path ("base/check.h",
"preload/start/real.h"), and public headers include none of what is not installed.
"""

import re
import sys
from collections import Counter
from pathlib import Path

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
LIST = re.compile(r"foreach (?:folder|sub) : \[([^\]]+)\]")


def read_order(meson):
    """The folders that @meson lists, or None."""
    found = LIST.search(meson.read_text(encoding="utf-8"))
    return re.findall(r"'([^']+)'", found[1]) if found else None


def read_orders(root):
    """The order of each folder that has one: of src/ as "", of its folders by name."""
    orders = {"": read_order(root / "meson.build")}
    if not orders[""]:
        sys.exit("meson.build no longer lists the folders in a foreach; tell include_order.py where the order is")
    for folder in orders[""]:
        order = read_order(root / "src" / folder / "meson.build")
        if order:
            orders[folder] = order
    return orders


def includes(path):
    text = path.read_text(encoding="utf-8")
    for found in INCLUDE.finditer(text):
        yield text.count("\n", 0, found.start(1)) + 1, found[1]


def subfolder(path):
    """The second of the folders that @path names, or "" for a file directly in the first."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def objection_within(order, folder, file, header):
    """As objection(), for two files of @folder, whose subfolders stand in @order."""
    user, target = subfolder(file), subfolder(header)
    if target and target not in order:
        return f"{folder}/{target} is no subfolder of the list in src/{folder}/meson.build"
    if user == target or not target:
        return None
    if not user:
        return f"a file directly in {folder}/ is above its subfolders"
    if order.index(target) > order.index(user):
        return f"{folder}/{target}/ is below {folder}/{user}/ in the order of dependency"
    return None


def objection(orders, file, header):
    """Why @file, a path in src/, may not include @header, or None."""
    order = orders[""]
    folder = file.split("/")[0]
    target, slash, name = header.partition("/")
    if not slash:
        return "name its folder too"
    if target not in order:
        return f"src/{target} is no folder of the list in meson.build"
    if target == folder:
        return objection_within(orders.get(folder, []), folder, file, header)
    if order.index(target) > order.index(folder):
        return f"{target}/ is below {folder}/ in the order of dependency"
    if name.endswith("_internal.h"):
        return f"that header is {target}/'s own"
    return None


def misplaced(orders, file):
    """Why @file, a path in src/, lies where no list has it, or None."""
    folder, sub = file.split("/")[0], subfolder(file)
    if folder not in orders[""]:
        return f"src/{folder} is missing from the list in meson.build"
    if sub and sub not in orders.get(folder, []):
        return f"src/{folder}/{sub} is missing from a list in src/{folder}/meson.build"
    return None


def main():
    root = Path(sys.argv[1])
    orders = read_orders(root)
    problems = []

    for path in sorted((root / "src").rglob("*.[ch]")):
        file = path.relative_to(root / "src").as_posix()
        why = misplaced(orders, file)
        if why:
            problems.append(f"src/{file}: {why}")
            continue
        for line, header in includes(path):
            why = objection(orders, file, header)
            if why:
                problems.append(f"src/{file}:{line}: includes {header}: {why}")

    names = Counter(path.name for path in (root / "src").rglob("*.[ch]"))
    problems += [f"src/: {count} files are called {name}" for name, count in names.items() if count > 1]

    for path in sorted((root / "include").rglob("*.h")):
        for line, header in includes(path):
            problems.append(f"{path.relative_to(root)}:{line}: includes \"{header}\": public headers use <...>")

    print("\n".join(problems) or "in order")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
