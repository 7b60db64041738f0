#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each report in docs/reports.md comes from the program beside it, once, and reads as shown.

reports.py UIOMMUFD COMPILER...         checks all of them
reports.py --update UIOMMUFD COMPILER...  writes what the programs print now into the document
With --only=TITLE before UIOMMUFD, once or several times, only these sections.

A section "### KIND" or "### KIND: which one" has a program (a block c) and the report (the block text after it). The
mark <!-- options: ... --> before the program gives options of `uiommufd run` in place of "--device edu", and
<!-- compiler: ... --> another compiler, without which the program is skipped. A program that reads its standard input
finds it open until something has been reported: what a device does on its own has no other end to wait for. Times, numbers of threads,
addresses of memory, and lines of the C library and of the shared headers differ from run to run and are not compared.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from blocks import marked

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reports.md"
DEFAULT = "--device edu"
TIMEOUT = 60
VOLATILE = [
    (r"\d+(\.\d+)? (us|ms|s) ago", "N ago"),
    (r"thread \d+ \([^)]*\)", "thread N"),
    (r"0x[57][0-9a-f]{11}\b", "0xADDRESS"),
    (r"reports_(rig|nvme).h:\d+", r"reports_\1.h"),
    (r"    #\d+", "    #"),
    (r"user_va 0x[0-9a-f]+", "user_va"),
    (r"\( ([0-9a-f]{2} )+\)", "( bytes )"),
]


class Section:
    def __init__(self, title):
        self.title = title
        self.kind = title.split(":")[0]
        self.options = DEFAULT
        self.compiler = None
        self.blocks = {}  # language: (index of the first line, lines)

    def name(self):
        return re.sub(r"\W+", "-", self.title).strip("-").lower()


def read_sections(lines):
    found, language, begin = [], None, 0
    for number, line in enumerate(lines):
        if language is not None:
            if line == "```":
                if found:
                    found[-1].blocks[language] = (begin, lines[begin:number])
                language = None
        elif line.startswith("### "):
            found.append(Section(line[4:]))
        elif line.startswith("```"):
            language, begin = line[3:], number + 1
        elif line.startswith("<!-- options: ") and found:
            found[-1].options = line[len("<!-- options: "):].removesuffix(" -->")
        elif line.startswith("<!-- compiler: ") and found:
            found[-1].compiler = line[len("<!-- compiler: "):].removesuffix(" -->").split()
    return [section for section in found if "c" in section.blocks]


def normal(lines):
    text = "\n".join(line for line in lines if "__interceptor_" not in line)
    for pattern, replacement in VOLATILE:
        text = re.sub(pattern, replacement, text)
    return text.splitlines()


def build(section, compiler, scratch):
    """False: the compiler that the section asks for cannot build it here."""
    source = scratch / f"{section.name()}.c"
    source.write_text("\n".join(section.blocks["c"][1]) + "\n")
    try:
        subprocess.run([*(section.compiler or compiler), "-D_GNU_SOURCE", "-g", "-O0", "-Wall", "-Werror", f"-I{ROOT}/tests/e2e",
                        f"-I{ROOT}/include", "-o", scratch / section.name(), source], check=True, cwd=scratch)
    except (OSError, subprocess.CalledProcessError):
        if not section.compiler:
            raise
        return False
    return True


def await_report(program, log):
    """Returns when something has been reported, the program has ended, or the time is up."""
    end = time.monotonic() + TIMEOUT
    while not log.read_text().endswith("\n") and program.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


def run(section, uiommufd, scratch):
    """The report's lines, and a complaint."""
    name = section.name()
    log = scratch / f"{name}.json"
    log.touch()
    log.chmod(0o666)  # for a program that gives up its rights
    program = subprocess.Popen([uiommufd, "run", *section.options.split(), "--report", log, "--", f"./{name}"], cwd=scratch,
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                               env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    if "getchar()" in "".join(section.blocks["c"][1]):
        await_report(program, log)
    try:
        _, errors = program.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        program.kill()
        raise
    reports = [json.loads(line) for line in log.read_text().splitlines()]
    kinds = [report["kind"] for report in reports]
    complaint = None if kinds == [section.kind] else f"the reports are {kinds}; status {program.returncode}"
    return errors.splitlines(), complaint


def main():
    arguments = sys.argv[1:]
    update = arguments[0] == "--update"
    only = [argument[len("--only="):] for argument in arguments if argument.startswith("--only=")]
    uiommufd, *compiler = [argument for argument in arguments if not argument.startswith(("--update", "--only="))]
    lines = PAGE.read_text().splitlines()
    sections, failures, shift = read_sections(lines), 0, 0
    # What says that it is run here is just what is.
    claimed = {block.number for block in marked("docs/reports.md", "tests/e2e/reports.py", len(sections))}
    if claimed != {section.blocks["c"][0] for section in sections}:
        sys.exit(f"{PAGE}: other blocks are marked as run here than are: {claimed}")
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o711)
        for section in [one for one in sections if not only or one.title in only]:
            if not build(section, compiler, Path(scratch)):
                print(f"[  SKIPPED ] {section.title}: {' '.join(section.compiler)} cannot build it", flush=True)
                continue
            got, complaint = run(section, Path(uiommufd).resolve(), Path(scratch))
            begin, shown = section.blocks.get("text", (None, []))
            if update and begin is not None:
                lines[begin + shift:begin + shift + len(shown)] = got
                shift += len(got) - len(shown)
            elif not complaint and normal(got) != normal(shown):
                complaint = "printed:\n" + "\n".join(got)
            if complaint:
                print(complaint)
                failures += 1
            print(f"[  FAILED  ] {section.title}" if complaint else f"[       OK ] {section.title}", flush=True)
    if update:
        PAGE.write_text("\n".join(lines) + "\n")
    sys.exit(bool(failures) or not sections)


if __name__ == "__main__":
    main()
