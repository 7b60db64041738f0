#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packages, changelogs and documents name one version: versions.py ROOT VERSION"""

import re
import sys
from pathlib import Path

# Where a version is written, and what precedes it.
PLACES = {
    "debian/changelog": r"\Auiommufd \((.+)-[^-]+\)",
    "packaging/uiommufd.spec": r"^Version:\s+(.+)$",
    "packaging/APKBUILD": r"^pkgver=(.+)$",
    "packaging/PKGBUILD": r"^pkgver=(.+)$",
    "README.md": r"^Version (\d+\.\d+)",
}


def main():
    root, version = Path(sys.argv[1]), sys.argv[2]
    failures = 0
    for place, pattern in PLACES.items():
        found = re.search(pattern, (root / place).read_text(), re.MULTILINE)
        names = found[1] if found else None
        if names != version and f"{names}.0" != version:
            failures += 1
            print(f"{place} names version {names}, meson.build {version}")
    print(f"{len(PLACES) - failures} of {len(PLACES)} places name version {version}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
