#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library leaves no names in a program but those that start with uiommufd_.

exported_names.py ARCHIVE SHARED: looks at all global names that the archive defines, as they meet the names of a
program that is linked with it, and at those that the shared object exports. Both define the same ones.
"""

import sys

import symbols

PREFIX = "uiommufd_"


def is_version(symbol):
    """A symbol version is a name without an address: UIOMMUFD_1.0."""
    return symbol.type == "A" and symbol.name.startswith(PREFIX.upper())


def main():
    archive, shared = sys.argv[1:]
    defined = list(symbols.read(archive, "--extern-only", "--defined-only"))
    exported = [symbol for symbol in symbols.read(shared, "--dynamic", "--defined-only") if not is_version(symbol)]
    problems = [f"{path}: {symbol.member} defines {symbol.name}"
                for path, found in ((archive, defined), (shared, exported))
                for symbol in found if not symbol.name.startswith(PREFIX)]

    public = [{symbol.name for symbol in found if symbol.name.startswith(PREFIX)} for found in (defined, exported)]
    problems += [f"{name} is in the archive and not in the shared object" for name in sorted(public[0] - public[1])]
    problems += [f"{name} is in the shared object and not in the archive" for name in sorted(public[1] - public[0])]
    if not public[0]:
        problems.append(f"{archive} defines nothing that starts with {PREFIX}")

    print("\n".join(problems))
    print(f"{len(public[0])} names with the prefix, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
