#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`uiommufd run --trace`: the file loads as in a viewer, and says what the program did.

trace.py UIOMMUFD EDU_COPY
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = Path(__file__).with_name("trace_program.py")
TIMEOUT = 100
QUIET = ["--quiet"]


def check(condition, *what):
    if not condition:
        raise AssertionError(*what)


class Trace:
    """A trace, loaded as strictly as a viewer may."""

    def __init__(self, path):
        self.events = json.loads(Path(path).read_text())
        self.names, self.slices, self.counters = {}, [], {}
        open_slices, latest = {}, {}
        for event in self.events:
            for key in ("name", "ph", "pid", "tid"):
                check(key in event, key, event)
            check(event["ph"] in "BEiCM", event)
            track = event["pid"], event["tid"]
            if event["ph"] == "M":
                self.names[track, event["name"]] = event["args"].get("name")
                continue
            check(isinstance(event["ts"], (int, float)), event)
            check(event["ts"] >= latest.get(track, 0), "time goes back", event)
            latest[track] = event["ts"]
            if event["ph"] == "B":
                open_slices.setdefault(track, []).append(event)
            elif event["ph"] == "E":
                check(open_slices.get(track), "no slice is open", event)
                begin = open_slices[track].pop()
                check(begin["name"] == event["name"], begin, event)
                self.slices.append((begin, event))
            elif event["ph"] == "C":
                (value,) = event["args"].values()
                self.counters.setdefault((event["pid"], event["name"]), []).append((event["ts"], value))
            else:
                check(event["s"] == "t", event)
        self.unfinished = [begin for rest in open_slices.values() for begin in rest]

    def calls(self, name):
        return [(begin["args"], end["args"]) for begin, end in self.slices if begin["name"] == name]

    def named(self, name, category=None):
        return [e for e in self.events if e["name"] == name and category in (None, e.get("cat"))]


def run(uiommufd, trace, *command, status=0, options=()):
    done = subprocess.run([uiommufd, "run", *QUIET, *options, "--trace", trace, "--", *map(str, command)],
                          capture_output=True, text=True, timeout=TIMEOUT, check=False)
    check(done.returncode == status, done.returncode, done.stderr)
    return done


def a_device_program_loads_in_a_viewer(uiommufd, edu_copy, scratch):
    source = scratch / "source"
    source.write_bytes(bytes(range(250)) * 40)
    run(uiommufd, scratch / "t.json", edu_copy, source, options=["--device", "edu"])
    trace = Trace(scratch / "t.json")
    check(not trace.unfinished, trace.unfinished)
    tracks = {name for (_, what), name in trace.names.items() if what == "thread_name"}
    check({"edu-copy", "0000:01:00.0"} <= tracks, tracks)
    dmas = [(b, e) for b, e in trace.slices if b["cat"] == "dma"]
    moved = sum(int(begin["args"]["length"], 16) for begin, _ in dmas)
    check(moved == 20000, moved)  # each byte in and out
    check(len(trace.named("msi", "interrupt")) == len(dmas), "an interrupt for each DMA")
    writes = [e["args"] for e in trace.named("register write") if e["args"]["bar"] == 0 and e["args"]["offset"] == "0x98"]
    check(len(writes) == len(dmas), writes)
    mapped = [int(e["args"]["length"], 16) for e in trace.named("map")]
    for name in ("mapped", "pinned"):
        values = [value for (_, counter), points in trace.counters.items() if counter == name for _, value in points]
        check(max(values) == sum(mapped), name, values, mapped)
    (rate,) = [points for (_, name), points in trace.counters.items() if name == "DMA of 0000:01:00.0"]
    area = sum(value * (after - at) / 1e6 for (at, value), (after, _) in zip(rate, rate[1:]))
    check(rate[-1][1] == 0 and round(area) == moved, area, moved)


def a_fault_is_an_event_on_the_track_of_its_device(uiommufd, edu_copy, scratch):
    source = scratch / "source"
    source.write_bytes(b"x" * 100)
    program = f"""
import mmap, os, struct
import fcntl
device = os.open("/dev/vfio/devices/vfio0", os.O_RDWR)
iommu = os.open("/dev/iommu", os.O_RDWR)
fcntl.ioctl(device, 0x3b76, struct.pack("=IIiIQ", 24, 0, iommu, 0, 0))
ioas = struct.unpack("=III", fcntl.ioctl(iommu, 0x3b81, struct.pack("=III", 12, 0, 0)))[2]
fcntl.ioctl(device, 0x3b77, struct.pack("=IIII", 16, 0, ioas, 0))
os.pwrite(device, struct.pack("=H", 6), (7 << 40) + 4)
for offset, value in ((0x80, 0xdead000), (0x88, 0x40000), (0x90, 64), (0x98, 1)):
    os.pwrite(device, struct.pack("=I", value), offset)
while struct.unpack("=I", os.pread(device, 4, 0x98))[0] & 1:
    pass
"""
    run(uiommufd, scratch / "t.json", sys.executable, "-c", program, options=["--device", "edu"])
    trace = Trace(scratch / "t.json")
    (fault,) = trace.named("DMA fault")
    check(fault["args"]["iova"] == "0xdead000" and fault["args"]["access"] == "read", fault)
    check(trace.names[(fault["pid"], fault["tid"]), "thread_name"] == "0000:01:00.0", fault)
    (dma,) = [e for b, e in trace.slices if b["cat"] == "dma"]
    check(dma["args"]["result"] == "fault", dma)


def calls_have_decoded_arguments_and_results(uiommufd, _, scratch):
    run(uiommufd, scratch / "t.json", sys.executable, PROGRAM, "errors")
    trace = Trace(scratch / "t.json")
    first, second, third = trace.calls("IOMMU_IOAS_MAP")
    check(first[0]["flags"] == "READABLE|WRITEABLE|FIXED_IOVA" and first[0]["length"] == "0x1000", first)
    check(first[1]["result"] == 0 and first[1]["iova"] == "0x1000", first)
    check(second[1]["result"] == -1 and second[1]["error"] == "EEXIST", second)
    check("0x1000-0x1fff" in second[1]["why"], second)
    check(third[1]["error"] == "EINVAL" and third[0]["size"] == 8, third)
    (points,) = [p for (_, name), p in trace.counters.items() if name == "mapped"]
    check([value for _, value in points] == [4096, 0], points)


def processes_of_one_program_share_a_file(uiommufd, _, scratch):
    for mode, count in (("fork", 2), ("exec", 1)):
        run(uiommufd, scratch / "t.json", sys.executable, PROGRAM, mode)
        trace = Trace(scratch / "t.json")
        maps = [begin["pid"] for begin, _ in trace.slices if begin["name"] == "IOMMU_IOAS_MAP"]
        check(len(set(maps)) == count and len(maps) == {"fork": 9, "exec": 6}[mode], mode, maps)


def a_name_with_the_process_makes_a_file_for_each(uiommufd, _, scratch):
    run(uiommufd, scratch / "each.%p.json", sys.executable, PROGRAM, "fork")
    files = list(scratch.glob("each.*.json"))
    check(len(files) == 2, files)
    for file in files:
        (pid,) = {e["pid"] for e in Trace(file).events if e["ph"] != "M"}
        check(file.name == f"each.{pid}.json", file, pid)


def a_killed_program_leaves_a_file_that_loads(uiommufd, _, scratch):
    for _ in range(5):
        run(uiommufd, scratch / "t.json", sys.executable, PROGRAM, "killed", status=-9)
        trace = Trace(scratch / "t.json")
        check(len(trace.calls("IOMMU_IOAS_MAP")) > 100, "the last calls are there")


def it_prints_like_strace(uiommufd, _, scratch):
    run(uiommufd, scratch / "t.json", sys.executable, PROGRAM, "errors")
    recorded = subprocess.run([uiommufd, "trace", scratch / "t.json"], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    live = subprocess.run([uiommufd, "trace", *QUIET, "--", sys.executable, PROGRAM, "errors"],
                          capture_output=True, text=True, timeout=TIMEOUT, check=True)
    for text in (recorded.stdout, live.stderr):
        check(re.search(r"^\[pid \d+\] open\(\"/dev/iommu\"\) = \d+$", text, re.M), text)
        check(re.search(r"^\[pid \d+\] ioctl\(\d+, IOMMU_IOAS_MAP, \{size=40, flags=READABLE\|WRITEABLE\|FIXED_IOVA, ioas_id=1, "
                        r"user_va=0x[0-9a-f]+, length=0x1000, iova=0x1000\}\) = -1 EEXIST \(File exists\) <.*0x1000-0x1fff.*>$",
                        text, re.M), text)
        check(re.search(r"IOMMU_IOAS_ALLOC, \{size=12, flags=0\} => \{out_ioas_id=1\}\) = 0$", text, re.M), text)


def a_bad_file_is_one_line(uiommufd, _, scratch):
    run(uiommufd, scratch / "t.json", sys.executable, PROGRAM, "errors")
    whole = (scratch / "t.json").read_text()
    cases = {"empty": "", "text": "hello\n", "json": '[{"name":"x"}]\n'}
    for name, text in cases.items():
        (scratch / name).write_text(text)
        done = subprocess.run([uiommufd, "trace", scratch / name], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        check(done.returncode == 125 and done.stderr.count("\n") == 1 and name in done.stderr, done)
    (scratch / "cut").write_text(whole[: len(whole) * 2 // 3])
    done = subprocess.run([uiommufd, "trace", scratch / "cut"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    check(done.returncode == 0 and "cut: 1 line is no event" in done.stderr and "IOMMU_IOAS_ALLOC" in done.stdout, done)
    done = subprocess.run([uiommufd, "run", "--trace", scratch / "no" / "where", "--", "true"], capture_output=True, text=True,
                          timeout=TIMEOUT, check=False)
    check(done.returncode == 125 and done.stderr.count("\n") == 1, done)


TESTS = [a_device_program_loads_in_a_viewer, a_fault_is_an_event_on_the_track_of_its_device,
         calls_have_decoded_arguments_and_results, processes_of_one_program_share_a_file,
         a_name_with_the_process_makes_a_file_for_each, a_killed_program_leaves_a_file_that_loads, it_prints_like_strace,
         a_bad_file_is_one_line]


def main():
    uiommufd, edu_copy = (os.path.abspath(path) for path in sys.argv[1:3])
    skipped = os.environ.get("E2E_SKIP", "").split()  # shared.py
    for test in [test for test in TESTS if test.__name__ not in skipped]:
        with tempfile.TemporaryDirectory() as scratch:
            test(uiommufd, edu_copy, Path(scratch))
        print(f"[       OK ] {test.__name__}", flush=True)


if __name__ == "__main__":
    main()
