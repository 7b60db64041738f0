#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`uiommufd replay` makes the calls of a trace again, and says which answers differ.

replay.py UIOMMUFD EDU_COPY TYPE1_COPY NESTED_PGFAULT
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ERRORS = [sys.executable, Path(__file__).with_name("trace_program.py"), "errors"]
TIMEOUT = 100


def check(condition, *what):
    if not condition:
        raise AssertionError(*what)


def record(uiommufd, file, options, *program):
    subprocess.run([uiommufd, "run", "--quiet", *options, "--trace", file, "--", *program], capture_output=True, timeout=TIMEOUT,
                   check=True)
    return file


def replay(uiommufd, *arguments):
    return subprocess.run([uiommufd, "replay", *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT, check=False)


def the_same_machine_gives_the_same_answers(uiommufd, programs, scratch):
    edu_copy, type1_copy, nested = programs
    for options, *program in ((["--device", "edu"], edu_copy, "-n", "9000"), ([], *ERRORS), (["--device", "edu"], type1_copy),
                              (["--iommu", "smmuv3", "--device", "edu"], nested, "smmuv3")):
        done = replay(uiommufd, record(uiommufd, scratch / "t", options, *program))
        check(done.returncode == 0 and re.fullmatch(r"\d+ calls of process \d+: all answers are the same\n", done.stdout), done)


def another_machine_shows_where_it_differs(uiommufd, programs, scratch):
    trace = record(uiommufd, scratch / "t", ["--iommu", "amd", "--device", "edu"], programs[0], "-n", "9000")
    done = subprocess.run([uiommufd, "run", "--iommu", "power", "--device", "edu", "--", uiommufd, "replay", "--native", trace],
                          capture_output=True, text=True, timeout=TIMEOUT, check=False)
    check(done.returncode == 1 and "IOMMU_IOAS_IOVA_RANGES: num_iovas was 3, now 2" in done.stdout, done)
    check(re.search(r"^\d+ calls of process \d+: \d+ differ$", done.stdout, re.M), done)


def answers_that_were_others_are_named(uiommufd, _, scratch):
    trace = record(uiommufd, scratch / "t", [], *ERRORS)
    text = trace.read_text()
    for old, new, expected in (('"error":"EEXIST"', '"error":"ENOSPC"', "IOMMU_IOAS_MAP: ENOSPC, .* was the answer, now EEXIST"),
                               ('"result":0,"iova":"0x1000"', '"result":0,"iova":"0x5000"', "IOMMU_IOAS_MAP: iova was 0x5000, now 0x1000"),
                               ('"path":"/dev/iommu"', '"path":"/dev/iommu2"', "/dev/iommu2 was opened, now ENOENT")):
        check(old in text, old)
        trace.write_text(text.replace(old, new, 1))
        done = replay(uiommufd, trace)
        check(done.returncode == 1 and re.search(expected, done.stdout), expected, done)
    done = replay(uiommufd, "--open", "/dev/iommu2=/dev/iommu", trace)
    check(done.returncode == 0, done)


def one_process_is_replayed(uiommufd, _, scratch):
    trace = record(uiommufd, scratch / "t", [], ERRORS[0], ERRORS[1], "fork")
    done = replay(uiommufd, trace)
    check(done.returncode == 0 and re.search(r"\d+ calls of other processes were left out: --pid", done.stdout), done)
    pids = {event["pid"] for event in json.loads(trace.read_text()) if event["ph"] == "B"}
    check(len(pids) == 2, pids)
    for pid in pids:
        check(f"calls of process {pid}: all" in replay(uiommufd, "--pid", pid, trace).stdout, pid)


def bad_files_and_usage_are_one_line(uiommufd, _, scratch):
    (scratch / "bad").write_text("[]\n")
    for status, *arguments in ((125, scratch / "bad"), (125, scratch / "missing"), (2,), (2, "--pid", "x", "t"), (2, "--open", "x", "t")):
        done = replay(uiommufd, *arguments)
        check(done.returncode == status and done.stderr.count("\n") == 1, arguments, done)
    trace = record(uiommufd, scratch / "t", [], *ERRORS)
    trace.write_text(trace.read_text()[:-300])
    done = replay(uiommufd, trace)
    check(done.returncode == 0 and "1 line is no event" in done.stderr, done)


TESTS = [the_same_machine_gives_the_same_answers, another_machine_shows_where_it_differs, answers_that_were_others_are_named,
         one_process_is_replayed, bad_files_and_usage_are_one_line]


def main():
    uiommufd, *programs = (os.path.abspath(path) for path in sys.argv[1:])
    for test in TESTS:
        with tempfile.TemporaryDirectory() as scratch:
            test(uiommufd, programs, Path(scratch))
        print(f"[       OK ] {test.__name__}", flush=True)


if __name__ == "__main__":
    main()
