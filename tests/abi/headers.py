# SPDX-License-Identifier: MIT
"""Where the kernel's headers come from that abi_test.py compares ours with.

find(cache) returns the folder that has linux/iommufd.h of VERSION: that of UIOMMUFD_KERNEL_HEADERS; the one fetched
before; or Debian's package linux-libc-dev, fetched into CACHE. Raises Unavailable, with the reason.
"""

import os
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from debian import Suite, Unavailable

VERSION = "7.3"
SUITE = "trixie-backports"
PACKAGE = "linux-libc-dev"
NEEDED = ("linux/iommufd.h", "linux/vfio.h")


def find(cache):
    given = os.environ.get("UIOMMUFD_KERNEL_HEADERS")
    if given:
        folder = Path(given)
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            sys.exit(f"UIOMMUFD_KERNEL_HEADERS={given} has no {missing[0]}")
        if version_of(folder) not in (VERSION, None):
            raise Unavailable(f"UIOMMUFD_KERNEL_HEADERS={given} is Linux {version_of(folder)}, not {VERSION}")
        return folder
    folder = cache / "usr" / "include"
    if not all((folder / name).is_file() for name in NEEDED):
        fetch(cache)
    return folder


def version_of(folder):
    """Its version as "7.3"; None if it does not say."""
    try:
        text = (folder / "linux" / "version.h").read_text()
    except OSError:
        return None
    code = re.search(r"#define LINUX_VERSION_CODE (\d+)", text)
    return f"{int(code[1]) >> 16}.{int(code[1]) >> 8 & 255}" if code else None


def fetch(cache):
    unpacked = cache / "unpacked"
    with Suite.open(SUITE, cache / "apt") as suite:
        versions = suite.versions(PACKAGE)
        wanted = [version for version in versions if re.match(re.escape(VERSION) + r"(\.|~|-|$)", version)]
        if not wanted:
            raise Unavailable(f"{suite} has {PACKAGE} {', '.join(versions) or 'in no version'}, not {VERSION}")
        shutil.rmtree(unpacked, ignore_errors=True)
        suite.unpack(PACKAGE, wanted[0], unpacked)
    shutil.rmtree(cache / "usr", ignore_errors=True)
    (unpacked / "usr").rename(cache / "usr")
    shutil.rmtree(unpacked)
