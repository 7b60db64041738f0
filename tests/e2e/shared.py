#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The end-to-end tests once more, on a machine that programs share: shared.py DOCUMENT BUILD.

Runs tests of the build directory BUILD with UIOMMUFD_OPTIONS=--shared. What may fail is what DOCUMENT, docs/shared.md,
says: names of single tests in its table, each beside the reason. A name there that no test has is an error, too.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
from pathlib import Path

# Tests of the suite "e2e" that are run, beside those that are of the suite "conformance", too.
PROGRAMS = """
bar changes children command descriptors direct direct_memory doorbells_trapped double_fetch early hostile limits memlock
memory names nvme pinned plugin pointers sandbox signals small_stack threads uring vfs transparent tree device_threads_register
device_threads_ioeventfd hotplug migrate trace profile qemu
""".split()
WITH_BLANKS = re.compile(r"(edu|type1|ioat)-copy \w+|nvme-blocks \w+|limits stated \w+|peer copy")
TIMEOUT = 100


def documented(document):
    """The names of tests that the document has beside reasons."""
    table = re.search(r"<!-- left out -->\n(.*?)\n\n", document, re.S)
    names = [name for row in table[1].splitlines()[2:] for name in re.findall(r"`(\S+)`", row.split("|")[2])]
    assert names, "there is no such table"
    return names


def unknown(names, folders):
    """Those that no test has."""
    text = "".join(file.read_text(errors="replace") for folder in folders for file in folder.glob("*.[cps]*"))
    return [name for name in names if name.isidentifier() and name not in text]


def is_wanted(test):
    return "conformance" in test["suite"][0] or test["name"] in PROGRAMS or bool(WITH_BLANKS.fullmatch(test["name"]))


def run(test, build, left_out):
    """What went wrong, or "", and the names of the tests that failed."""
    environment = dict(os.environ, **test["env"], UIOMMUFD_OPTIONS="--shared", E2E_SKIP=" ".join(left_out))
    try:
        done = subprocess.run(test["cmd"], cwd=build, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=TIMEOUT, text=True, errors="replace", check=False)
    except subprocess.TimeoutExpired:
        return "takes too long", set()
    failed = set(re.findall(r"\[ +(?:FAILED|ERROR) +\] ([a-zA-Z_]\w+)", done.stdout))
    unexpected = [name for name in failed if not any(re.fullmatch(pattern, name) for pattern in left_out)]
    if unexpected or (done.returncode not in (0, 77) and not failed):
        return f"status {done.returncode}\n{done.stdout}", failed
    return "", failed


def main():
    document, build = Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[2]
    tests = json.loads(Path(build, "meson-info", "intro-tests.json").read_text(encoding="utf-8"))
    tests = [test for test in tests if any("e2e" in suite for suite in test["suite"]) and is_wanted(test)]
    left_out = documented(document)
    here = Path(__file__).resolve().parent
    missing = unknown(left_out, [here, here.parent / "conformance"])
    if missing:
        print("[  FAILED  ] the document names tests that are not there:", *missing)
    status = bool(missing)
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for test, (wrong, failed) in zip(tests, pool.map(lambda test: run(test, build, left_out), tests)):
            print(f"[  FAILED  ] {test['name']}: {wrong}" if wrong else f"[       OK ] {test['name']}", *sorted(failed), flush=True)
            status |= bool(wrong)
    return status


if __name__ == "__main__":
    sys.exit(main())
