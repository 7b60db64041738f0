#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Checks citations of the reference in docs/abi: abi_citations.py ROOT [--rows | --links]

A citation is [IOAS-MAP.3], [IOAS-MAP.1..3] or [IOAS-MAP]; [IOAS-MAP.9] also means rows 9a, 9b, ...
Each one in the source, the tests and docs/ has to name a row or section, each row has to have a
test or a reason in docs/abi/untested.txt, and nothing may cite by chapter and number.

--rows prints each row with its tests; --links renews the links at the end of each chapter.
"""

import re
import sys
from pathlib import Path

NAME = r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*"
ROW = r"\d+[a-z]?"
CITED = rf"({NAME})(?:\.({ROW})(?:\.\.({ROW}))?)?"
CITATION = re.compile(rf"(?<![\w\])])\[{CITED}\](?!: \S*#)")
HEADING = re.compile(rf"#+ (.*) \[({NAME})\]$")
ROW_START = re.compile(rf"(?:\| |\d+\. )\[({NAME})\.({ROW})\]")
# Rows are arguments of the tests about them: CASE(ioas, map_of_length_0_is_EINVAL, "IOAS-MAP.6").
CASE = re.compile(r'\bCASE\(\s*\w+,\s*(\w+),\s*((?:"[^"]*"\s*)+)\)')
ARGUMENT = re.compile(rf'"({CITED}(?:, {CITED})*)"')
CHAPTERS = "model|ioas|hwpt-device|faults-viommu|vfio|type1|config-space|sysfs|test-abi|extensions|formats"
BY_NUMBER = re.compile(rf"\bspec(?:ification)? \d\d\b|\b\d\d-(?:{CHAPTERS})\b")
# Folders in which citations by chapter and number are still allowed.
BY_NUMBER_ALLOWED = ["src", "include"] + [
    f"tests/{folder}" for folder in ("e2e", "fault", "fuzz", "lib", "property", "unit")
]
SEARCHED = ["src", "include", "tests", "bench", "examples", "docs"]
SUFFIXES = {".c", ".h", ".py", ".sh", ".md", ".build", ".cc", ".in"}


def slug(heading):
    """The anchor that Markdown viewers give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


class Reference:
    """The rows and sections of docs/abi."""

    def __init__(self, root):
        self.directory = root / "docs" / "abi"
        self.rows = {}  # of each table: the numbers of its rows, in order
        self.sections = {}  # of each section and table: file and anchor
        self.files = {}  # of each chapter: the names of its tables
        self.problems = []
        for path in sorted(self.directory.glob("*.md")):
            if path.name != "README.md":
                self.read(path)

    def read(self, path):
        anchor = ""
        tables = self.files.setdefault(path.name, [])
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            where = f"{path}:{number}"
            heading = HEADING.match(line)
            if heading:
                anchor = slug(line.lstrip("# "))
                if heading[2] in self.sections:
                    self.problems.append(f"{where}: {heading[2]}: a second section or table of this name")
                self.sections[heading[2]] = (path.name, anchor)
            elif line.startswith("#"):
                self.problems.append(f"{where}: a heading without a name")
            row = ROW_START.match(line)
            if row:
                if row[2] in self.rows.setdefault(row[1], []):
                    self.problems.append(f"{where}: {row[1]}.{row[2]}: a second row of this name")
                self.rows[row[1]].append(row[2])
                self.sections.setdefault(row[1], (path.name, anchor))
                if row[1] not in tables:
                    tables.append(row[1])
            elif line.startswith("| ") and not line.startswith(("| row |", "| ---", "|  | *")):
                self.problems.append(f"{where}: a row without a name")

    def find(self, name, first=None, last=None):
        """The rows cited, or None if there is no such row or section. A section without rows is []."""
        if name not in self.sections:
            return None
        rows = self.rows.get(name, [])
        if not first:
            return [f"{name}.{row}" for row in rows]

        if not last and first in rows:
            return [f"{name}.{first}"]

        def at(row):
            return [i for i, known in enumerate(rows) if row in (known, known.rstrip("abcdefghijklm"))]

        begin, end = at(first), at(last or first)
        return [f"{name}.{row}" for row in rows[begin[0] : end[-1] + 1]] if begin and end else None


def sources(root):
    for folder in SEARCHED:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix in SUFFIXES and path != Path(__file__).resolve():
                yield path


class Tests:
    """Which tests are about which rows."""

    def __init__(self):
        self.of_row = {}
        self.count = 0

    def add(self, reference, name, first, last, test):
        """False if there is no such row. A whole section is not a test of each of its rows."""
        rows = reference.find(name, first, last)
        for row in rows if rows and first else []:
            if test not in self.of_row.setdefault(row, []):
                self.of_row[row].append(test)
        return rows is not None


def check_tests(text, where, reference, tests, problems):
    """The rows that tests/conformance has as strings: arguments of CASE(), and elements of tables."""
    arguments = []
    for case in CASE.finditer(text):
        arguments.append((case[1], "".join(re.findall(r'"([^"]*)"', case[2]))))
    for string in ARGUMENT.finditer(CASE.sub("", text)):
        if "." in string[1]:
            arguments.append((where, string[1]))
    for test, argument in arguments:
        cited = re.fullmatch(rf"{CITED}(?:, {CITED})*", argument)
        for citation in re.finditer(CITED, argument) if cited else []:
            if not tests.add(reference, *citation.groups(), test):
                problems.append(f"{where}: {test}: {citation[0]}: no such row or section")
        if not cited:
            problems.append(f"{where}: {test}: {argument!r}: not a list of rows")
    for match in re.finditer(r"\bCASE\(\s*\w+,\s*(\w+)\)", text):
        problems.append(f"{where}: {match[1]}: no row")


def check_file(root, path, reference, tests, problems):
    text = path.read_text(encoding="utf-8", errors="replace")
    where = path.relative_to(root).as_posix()
    for match in CITATION.finditer(text):
        if where.startswith("tests/"):
            found = tests.add(reference, *match.groups(), where)
        else:
            found = reference.find(*match.groups()) is not None
        # [SIZE] is an index, but [IOAS-MAP] and [MMAP.1] can only be citations.
        if not found and ("-" in match[1] or match[2]):
            problems.append(f"{where}: {match[0]}: no such row or section")
    if where.startswith("tests/conformance/") and path.suffix == ".c":
        check_tests(text, where, reference, tests, problems)
    if not where.startswith(tuple(folder + "/" for folder in BY_NUMBER_ALLOWED)):
        for match in BY_NUMBER.finditer(text):
            problems.append(f"{where}: {match[0]}: cite a name of docs/abi")


def read_reasons(root, reference, problems):
    """Rows without a test, of docs/abi/untested.txt: {row: (reason, whether the row itself is named)}."""
    reasons = {}
    path = reference.directory / "untested.txt"
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        where, _, reason = line.partition(": ")
        if where in reference.files:
            rows = [f"{table}.{row}" for table in reference.files[where] for row in reference.rows[table]]
        else:
            cited = re.fullmatch(CITED, where)
            rows = reference.find(*cited.groups()) if cited else None
        if not rows or not reason:
            problems.append(f"{path}:{number}: {where}: no such row, or no reason")
        for test in re.findall(r"\btests/[\w/.]+\w", reason):
            if not (root / test).exists():
                problems.append(f"{path}:{number}: {test}: no such file")
        reasons.update({row: (reason, "." in where and where not in reference.files) for row in rows or []})
    return reasons


def links_of(reference, path, text):
    """The text of a chapter with its link definitions renewed."""
    body = re.sub(rf"\n(?:\[{CITED}\]: \S+\n)+$", "", text)
    lines = []
    for cited in sorted({match[0] for match in CITATION.finditer(body)}):
        name = re.match(NAME, cited[1:])[0]
        if name in reference.sections and f"| {cited} |" not in body:
            file, anchor = reference.sections[name]
            lines.append(f"{cited}: {'' if file == path.name else file}#{anchor}\n")
    return body + ("\n" + "".join(lines) if lines else "")


def main():
    root = Path(sys.argv[1]).resolve()
    mode = sys.argv[2] if len(sys.argv) > 2 else ""
    reference = Reference(root)
    problems = reference.problems
    tests = Tests()

    for path in sorted(reference.directory.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        renewed = links_of(reference, path, text)
        if renewed != text and mode == "--links":
            path.write_text(renewed, encoding="utf-8")
        elif renewed != text:
            problems.append(f"{path}: links are out of date: scripts/abi-rows --links")
    for path in sources(root):
        check_file(root, path, reference, tests, problems)
    reasons = read_reasons(root, reference, problems)
    for table, rows in reference.rows.items():
        for row in (f"{table}.{row}" for row in rows):
            reason, own = reasons.get(row, ("", False))
            if row not in tests.of_row and not reason:
                problems.append(f"{row}: neither a test nor a reason")
            if row in tests.of_row and own:
                problems.append(f"{row}: has a test and a reason for none")
            if mode == "--rows":
                print(f"[{row}]", ", ".join(tests.of_row.get(row, [f"- {reason}"])))
    if mode:
        return 0
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
