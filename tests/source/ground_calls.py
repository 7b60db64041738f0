#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The engine calls no function of the C library that the preload library replaces.

ground_calls.py ARCHIVE PRELOAD [--allow MEMBER:NAME]...

ARCHIVE has the objects of the folders below preload/ (base/ ... embed/). When they are part of the preload library, a
call of mmap() by the engine would reach the library's own mmap(), which may call the engine. System calls of the engine
go through base/, where the objects are that --allow names: MEMBER is the end of the object's name.
"""

import argparse
import sys
from collections import defaultdict

import symbols


def allowed(symbol, exceptions):
    return any(symbol.name == name and symbol.member.endswith(member) for member, name in exceptions)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive")
    parser.add_argument("preload")
    parser.add_argument("--allow", action="append", default=[], metavar="MEMBER:NAME")
    arguments = parser.parse_args()
    exceptions = [tuple(text.rsplit(":", 1)) for text in arguments.allow]

    replaced = {symbol.name for symbol in symbols.read(arguments.preload, "--dynamic", "--defined-only")}
    used = list(symbols.read(arguments.archive, "--undefined-only"))
    found = defaultdict(list)
    for symbol in used:
        if symbol.name in replaced and not allowed(symbol, exceptions):
            found[symbol.member].append(symbol.name)

    for member, names in sorted(found.items()):
        print(f"{member} uses {', '.join(sorted(names))}")
    print(f"{len(replaced)} functions are replaced, {sum(map(len, found.values()))} uses of them in the engine")
    sys.exit(1 if found or not replaced or not used else 0)


if __name__ == "__main__":
    main()
