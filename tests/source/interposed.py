#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The functions that the preload replaces: src/preload/start/interposed.def, the code, the docs.

Each function is defined in calls/FAMILY.c and exported by it, no other file of the preload exports
anything, and docs/interposed.md says the same as the list. With --write the page is written anew.
"""

import re
import sys
import textwrap
from pathlib import Path

ROW = re.compile(r'^INTERPOSED(_\w+)?\((\w+), *(?:(\w+)(?:, *)?)?((?:\s*"[^"]*")*)(\w+)?\)', re.MULTILINE)

HEADER = """# Replaced functions

`uiommufd run` puts its library in front of the C library, which a program calls for the functions
below. For paths, descriptors and addresses that are not emulated each passes the call on. The table
is made from `src/preload/start/interposed.def` by `tests/source/interposed.py --write`.
"""


def read_list(text):
    """The families as (name, why), and the functions as (name, family, alias of or None, why)."""
    families, functions = [], []
    for kind, first, second, strings, of in ROW.findall(text):
        why = "".join(re.findall(r'"([^"]*)"', strings))
        if kind == "_FAMILY":
            families.append((first, why))
        elif kind == "_ALIAS":
            functions.append((first, second, of, ""))
        else:
            functions.append((first, second, None, why))
    return families, functions


def page(families, functions):
    lines = [HEADER]
    for family, why in families:
        lines += [f"## {family}", "", textwrap.fill(why, 118), "", "| function | also as | why |", "| --- | --- | --- |"]
        for name, its_family, alias_of, reason in functions:
            if its_family != family or alias_of:
                continue
            also = ", ".join(f"`{other}`" for other, _, of, _ in functions if of == name)
            lines.append(f"| `{name}` | {also} | {reason} |")
        lines.append("")
    return "\n".join(lines)


def exported(text):
    """The names that a source file exports, with what they are another name of or None."""
    names = {name: None for name in re.findall(r"^EXPORT\b[^;{]*?\b(\w+)\s*\(", text, re.MULTILINE)}
    names.update(re.findall(r"^EXPORT_ALIAS\((\w+), (\w+)\);", text, re.MULTILINE))
    for macro in re.findall(r"^#define (\w+)\([^)]*\)[ \t\\]*\n[ \t]*EXPORT\b", text, re.MULTILINE):
        names.update(
            {name: None for name in re.findall(rf"^{macro}\((?:\w+, )??(\w+),\s*\(", text, re.MULTILINE)})
    return names


def check_code(root, families, functions):
    folder = root / "src" / "preload"
    problems = []
    for family, _ in families:
        path = folder / "calls" / f"{family}.c"
        if not path.exists():
            problems.append(f"family {family}: there is no {path.relative_to(root)}")
            continue
        listed = {name: of for name, its_family, of, _ in functions if its_family == family}
        found = exported(path.read_text(encoding="utf-8"))
        for name in sorted(set(listed) | set(found)):
            if listed.get(name, 0) != found.get(name, 0):
                problems.append(f"{path.relative_to(root)}: {name} is not there as interposed.def lists it")
    for path in sorted(folder.rglob("*.c")):
        if re.search(r"^EXPORT", path.read_text(encoding="utf-8"), re.MULTILINE) and (
                path.parent.name != "calls" or path.stem not in dict(families)):
            problems.append(f"{path.relative_to(root)}: exports functions, and is no family of interposed.def")
    return problems


def main():
    root = Path(sys.argv[1])
    families, functions = read_list((root / "src/preload/start/interposed.def").read_text(encoding="utf-8"))
    problems = check_code(root, families, functions)
    text, docs = page(families, functions), root / "docs" / "interposed.md"
    if "--write" in sys.argv:
        docs.write_text(text, encoding="utf-8")
    elif not docs.exists() or docs.read_text(encoding="utf-8") != text:
        problems.append("docs/interposed.md is not what tests/source/interposed.py --write makes of the list")

    print("\n".join(problems) or f"{len(functions)} functions")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
