#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The blocks of the documents with their marks, for documents.py and for tests that take a block out of a document.

blocks.py DOCUMENT TEST

prints the lines of the blocks of DOCUMENT (docs/run.md) that say <!-- test: by TEST --> (tests/e2e/verilator.sh). There
has to be one at least. A test in Python calls marked().
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"c", "sh", "console", "text"}
MARK = re.compile(r"<!-- test: (\w+)(?: (.*?))? -->$")


class Block:
    def __init__(self, document, number, language, marks):
        self.document = document
        self.number = number  # of the line that opens it, from 1
        self.where = f"{document}:{number}"
        self.language = language
        self.lines = []
        self.marks = marks

    def all(self, name):
        return [text for mark, text in self.marks if mark == name]

    def first(self, name):
        return next(iter(self.all(name)), None)

    def commands(self):
        """Each in one line, without the comments, and without what a console prints."""
        if self.language == "console":
            lines = [command for command, _ in steps(self.lines)]
        else:
            lines = [re.sub(r"\s+# .*$", "", line) for line in self.lines if not line.startswith("#")]
        return re.sub(r"\\\n\s*", "", "\n".join(line for line in lines if line.strip())).splitlines()


def blocks(path, root=ROOT):
    """The blocks of a document, and the complaints about it."""
    found, failures, marks, begun = [], [], [], None
    previous = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(root)}:{number}"
        if begun:
            if line == "```":
                found.append(begun)
                begun = None
            else:
                begun.lines.append(line)
        elif line.startswith("```"):
            begun = Block(str(path.relative_to(root)), number, line[3:], marks)
            marks = []
            if line[3:] not in LANGUAGES:
                failures.append(f"{where}: a block must say its language: {', '.join(sorted(LANGUAGES))}")
        elif MARK.match(line):
            marks.append(MARK.match(line).groups(""))
        elif marks:
            failures.append(f"{where}: marks, and no block below them")
            marks = []
        elif re.match(r"    \S", line) and not previous:
            failures.append(f"{where}: code by indentation; use a block")
        previous = line
    return found, failures


def steps(lines):
    """The commands of a console block, each with the lines below it. A command goes on behind a backslash."""
    found = []
    for line in lines:
        if found and not found[-1][1] and found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        elif line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def marked(document, test, count=1, root=ROOT):
    """The blocks of @document, of which there are @count, that say that @test runs them."""
    found = [block for block in blocks(root / document, root)[0] if test in block.all("by")]
    if len(found) != count:
        sys.exit(f"{document}: {len(found)} blocks are marked as run by {test}, not {count}")
    return found


def main():
    document, test = sys.argv[1:]
    found = [block for block in blocks(ROOT / document)[0] if test in block.all("by")]
    if not found:
        sys.exit(f"{document}: no block is marked as run by {test}")
    for block in found:
        print(*block.lines, sep="\n")


if __name__ == "__main__":
    main()
