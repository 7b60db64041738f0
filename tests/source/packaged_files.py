#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each installed file is in a package of debian/ and of packaging/uiommufd.spec, and their lists name nothing else.

packaged_files.py ROOT TREE: what `meson install` has installed, below TREE, which is the prefix

A package build finds a forgotten file as well, but takes minutes.
"""

import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

# As packages of these systems call what meson's defaults call otherwise.
DEBIAN = [("share/doc/uiommufd/", "share/doc/uiommufd-doc/")]
MACROS = {
    "_bindir": "usr/bin",
    "_libdir": "usr/lib/*",
    "_libexecdir": "usr/libexec",
    "_includedir": "usr/include",
    "_mandir": "usr/share/man",
    "_datadir": "usr/share",
    "_docdir": "usr/share/doc",
}


def installed(tree, renamed=()):
    """The files, as below /usr with a folder for the architecture in lib."""
    for path in sorted(tree.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = str(path.relative_to(tree))
        name = re.sub(r"^lib(?:64)?/(?!\w+-linux-gnu)", "lib/any/", name)
        for before, after in renamed:
            name = name.replace(before, after)
        yield "usr/" + name


def debian_lists(root):
    for path in sorted((root / "debian").glob("*.install")):
        for line in path.read_text().splitlines():
            if line.strip():
                yield path.name, line.split()[0]


def spec_list(root):
    listed = False
    for line in (root / "packaging/uiommufd.spec").read_text().splitlines():
        if line.startswith("%") and not line.startswith(("%{", "%license")):
            listed = line.startswith("%files")
        if listed and line.startswith("%{"):
            yield "uiommufd.spec", re.sub(r"%\{(\w+)\}", lambda macro: MACROS[macro[1]], line).rstrip("/")


def check(files, patterns):
    patterns = list(patterns)
    used, failures = set(), []
    for name in files:
        of_file = [(where, pattern) for where, pattern in patterns if fnmatchcase(name, pattern) or fnmatchcase(name, pattern + "/*")]
        used.update(of_file)
        if not of_file:
            failures.append(f"in no list of {patterns[0][0].rpartition('.')[2]}: {name}")
    return failures + [f"{where}: there is no {pattern}" for where, pattern in patterns if (where, pattern) not in used]


def main():
    root, tree = (Path(argument) for argument in sys.argv[1:])
    failures = check(installed(tree, DEBIAN), debian_lists(root)) + check(installed(tree), spec_list(root))
    print(*failures, sep="\n", end="\n" if failures else "")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
