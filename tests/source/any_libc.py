#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library that programs of a shared machine load can be loaded by any C library: any_libc.py LIBRARY

It names none that it needs, uses few functions that every C library has, and exports what it stands in front of only.
"""

import os
import re
import subprocess
import sys

import symbols

USED = {"__errno_location", "memcpy", "memset"}
REPLACED = {"ioctl", "pread", "pread64", "__pread_chk", "__pread64_chk", "pwrite", "pwrite64"}


def needed(library):
    command = [os.environ.get("READELF", "readelf"), "-d", library]
    return re.findall(r"\(NEEDED\).*\[(.*)\]", subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    library = sys.argv[1]
    undefined = {symbol.name for symbol in symbols.read(library, "--dynamic", "--undefined-only") if symbol.type == "U"}
    exported = {symbol.name for symbol in symbols.read(library, "--dynamic", "--defined-only")}
    problems = [f"it uses {name}" for name in sorted(undefined - USED)]
    problems += [f"it exports {name}" for name in sorted(exported - REPLACED)]
    problems += [f"it does not replace {name}" for name in sorted(REPLACED - exported)]
    problems += [f"it needs {name}" for name in needed(library)]
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
