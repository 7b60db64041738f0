#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`uiommufd run --profile`: the model shows what is known of real hardware, and of the program.

profile.py UIOMMUFD EDU_COPY
"""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

PROGRAM = Path(__file__).with_name("profile_program.py")
TIMEOUT = 200
PAGES = 16 * 256  # of the sweep


def check(condition, *what):
    if not condition:
        raise AssertionError(*what)


def profile(uiommufd, scratch, *program, kind="intel", options=()):
    """The only profile of a run, by way of its file."""
    file = scratch / "p.json"
    command = [uiommufd, "run", "--iommu", kind, "--device", "edu", f"--profile={file}", *options, "--", *map(str, program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    check(done.returncode == 0 and not done.stderr, done)
    (found,) = json.loads(file.read_text())["profiles"]
    return found


def models(found):
    (iommu,) = found["iommus"]
    return {model["name"]: model for model in iommu["models"]}


def lost(found, model):
    """The part of the link that waiting for walks costs, as docs/profile.md defines it."""
    (iommu,) = found["iommus"]
    wire = iommu["bytes"] * 8 / found["model"]["link_gbps"]
    wait = models(found)[model]["walk_reads"] * found["model"]["read_ns"]
    return wait / (wire + wait)


def a_working_set_above_the_iotlb_costs_a_fifth_of_the_link_which_huge_pages_regain(uiommufd, _, scratch):
    small = profile(uiommufd, scratch, sys.executable, PROGRAM, "sweep", "small")
    check(models(small)["actual"]["misses"] == 2 * PAGES, models(small))
    check(0.18 < lost(small, "actual") < 0.22, lost(small, "actual"))
    # The alternative, and the same program with such entries, agree.
    check(lost(small, "aligned") < 0.001 and lost(small, "contiguous") < 0.001, models(small))
    large = profile(uiommufd, scratch, sys.executable, PROGRAM, "sweep", "large")
    check(models(large)["actual"] == {**models(small)["contiguous"], "name": "actual"}, models(large), models(small))
    check(models(large)["actual"]["misses"] == 8, models(large))


def an_iotlb_that_is_large_enough_misses_each_page_once(uiommufd, _, scratch):
    found = profile(uiommufd, scratch, sys.executable, PROGRAM, "sweep", "small", options=["--profile-model", f"iotlb={PAGES}/8"])
    check(models(found)["actual"]["misses"] == PAGES, models(found))
    check(models(found)["actual"]["lookups"] == 2 * PAGES * 4096 // 256, models(found))


def touched_is_what_dma_accessed(uiommufd, _, scratch):
    found = profile(uiommufd, scratch, sys.executable, PROGRAM, "sparse", kind="amd")
    (mapping,) = found["mappings"]
    check(found["mapped_most"] == 64 << 20 and mapping["touched_pages"] == 3, found)
    heat = mapping["heat"]
    check(len(heat) == 64 and heat[0] == 32 and heat[5000 * 64 // (64 * 256)] == 16 and sum(heat) == 48, heat)


def each_unmap_is_an_invalidation_and_batches_save_most(uiommufd, _, scratch):
    found = profile(uiommufd, scratch, sys.executable, PROGRAM, "churn", options=["--profile-model", "batch=16"])
    actual, batched = models(found)["actual"], models(found)["batched"]
    check(actual["misses"] == 64 and actual["dropped"] == 64 and actual["invalidations"] >= 64, actual)
    check(batched["invalidations"] == actual["invalidations"] // 16 and batched["misses"] == 4, batched)
    # The interpreter's stack is not always the same.
    sums = [sum(site[key] for site in found["sites"]) for key in ("mappings", "invalidations", "touched_pages")]
    check(sums == [64, 64, 64], found["sites"])


def call_sites_are_named(uiommufd, edu_copy, scratch):
    found = profile(uiommufd, scratch, edu_copy, "-n", "100000")
    check(len(found["sites"]) == 2, found["sites"])
    for site in found["sites"]:
        functions = [frame.get("function") for frame in site["frames"]]
        check(functions[:2] == ["map", "main"] and site["frames"][0]["file"].endswith("edu-copy.c"), site)


def it_prints_text_at_the_end_and_pictures_from_a_file(uiommufd, edu_copy, scratch):
    command = [uiommufd, "run", "--device", "edu", "--profile", "--", edu_copy, "-n", "100000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    for line in ("mapped 200 KiB at most, touched 200 KiB", "IOMMU amd0 (amd): IOTLB of 512 entries", "as it was",
                 "device 0000:01:00.0: 50 requests", "#0 map"):
        check(line in done.stderr, line, done.stderr)
    profile(uiommufd, scratch, edu_copy, "-n", "100000")
    text = subprocess.run([uiommufd, "profile", scratch / "p.json"], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    check("call sites by walk reads, 2 of 2" in text.stdout, text)
    picture = subprocess.run([uiommufd, "profile", "--svg", scratch / "p.json"], capture_output=True, text=True, timeout=TIMEOUT,
                             check=True).stdout
    xml.etree.ElementTree.fromstring(picture)
    check("look-ups a page" in picture and ">misses<" in picture, picture)


def wrong_usage_is_one_line(uiommufd, _, scratch):
    (scratch / "bad").write_text("{}")
    for status, *command in ((2, "run", "--profile-model", "iotlb=7/2", "--", "true"), (2, "run", "--profile=", "--", "true"),
                             (2, "run", f"--profile={scratch}/no/where", "--", "true"), (2, "profile"),
                             (125, "profile", scratch / "bad"), (125, "profile", scratch / "missing")):
        done = subprocess.run([uiommufd, *command], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        check(done.returncode == status and done.stderr.count("\n") == 1, command, done)


TESTS = [a_working_set_above_the_iotlb_costs_a_fifth_of_the_link_which_huge_pages_regain,
         an_iotlb_that_is_large_enough_misses_each_page_once, touched_is_what_dma_accessed,
         each_unmap_is_an_invalidation_and_batches_save_most, call_sites_are_named,
         it_prints_text_at_the_end_and_pictures_from_a_file, wrong_usage_is_one_line]


def main():
    uiommufd, edu_copy = (os.path.abspath(path) for path in sys.argv[1:3])
    skipped = os.environ.get("E2E_SKIP", "").split()  # shared.py
    for test in [test for test in TESTS if test.__name__ not in skipped]:
        with tempfile.TemporaryDirectory() as scratch:
            test(uiommufd, edu_copy, Path(scratch))
        print(f"[       OK ] {test.__name__}", flush=True)


if __name__ == "__main__":
    main()
