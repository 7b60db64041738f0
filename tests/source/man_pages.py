#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every exported function has a man page in section 3, and roff has nothing to say about it.

man_pages.py LIBRARY DIRECTORY: the shared object, and the directory man3 with the pages.

The comment that CONTRIBUTING.md shows becomes a page, too.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from blocks import ROOT, marked

SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "RETURN VALUE", "CONTEXT"]


def exported(library):
    output = subprocess.run(["nm", "-D", "--defined-only", library], check=True, text=True, capture_output=True)
    return sorted(set(re.findall(r" T (uiommufd_\w+)", output.stdout)))


def page(directory, function):
    """The text of the page, by way of its alias. None: there is no such page."""
    path = directory / f"{function}.3"
    if not path.exists():
        return None
    text = path.read_text()
    alias = re.match(r"\.so (\S+)\n$", text)
    return (directory.parent / alias[1]).read_text() if alias else text


def missing(text, function):
    """What the page of @function lacks."""
    if text is None:
        return ["page"]
    sections = dict(re.findall(r"^\.SH (.*)\n((?:(?!\.SH ).*\n)*)", text, re.M))
    lacks = [name for name in SECTIONS if not sections.get(name, "").strip()]
    if function not in sections.get("NAME", ""):
        lacks.append("its name in NAME")
    if not re.search(rf"\b{function}\(", sections.get("SYNOPSIS", "")):
        lacks.append("its prototype in SYNOPSIS")
    return lacks


def shown():
    """What the page of the function that CONTRIBUTING.md shows lacks."""
    [block] = marked("CONTRIBUTING.md", "tests/source/man_pages.py")
    with tempfile.TemporaryDirectory() as scratch:
        header, pages = Path(scratch, "thing.h"), Path(scratch, "man3")
        header.write_text("\n".join(["/*", " * thing - what this is", " */", *block.lines, ""]))
        done = subprocess.run([ROOT / "scripts/man3", "--out", pages, "--version", "1", header], text=True, capture_output=True,
                              check=False)
        if done.returncode:
            return [done.stderr]
        return [f"{block.where}: no {part}" for part in missing(page(pages, "uiommufd_thing_create"), "uiommufd_thing_create")]


def warnings(path):
    command = ["groff", "-man", "-ww", "-z", "-Tutf8", str(path)]
    result = subprocess.run(command, text=True, capture_output=True, cwd=path.parent.parent, check=False)
    return result.stdout + result.stderr


def main():
    library, directory = sys.argv[1], Path(sys.argv[2]).resolve()
    functions = exported(library)
    failures = shown()
    for function in functions:
        failures += [f"{function}: no {part}" for part in missing(page(directory, function), function)]
    pages = sorted(directory.glob("*.3"))
    if shutil.which("groff"):
        failures += [text for text in map(warnings, pages) if text]
    else:
        print("groff is not installed: its warnings are not looked for")
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{len(functions)} functions, {len(pages)} pages, {len(failures)} failures")
    sys.exit(1 if failures or not functions else 0)


if __name__ == "__main__":
    main()
