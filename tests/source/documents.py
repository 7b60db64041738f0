#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documents show is so: code compiles, commands run and print what is shown, links lead somewhere.

documents.py links ROOT
documents.py code ROOT COMPILER...
documents.py commands ROOT BUILD

The documents are README.md, CONTRIBUTING.md and docs/**/*.md. A block says what it is: c, sh, console, or text, which
nothing looks at. Code that is only indented is refused, so that none escapes.

- c: a program, or declarations, compiled as they are. `fragment PARAMETERS` makes it the body of a function.
- sh: a script that must succeed.
- console: lines that begin with "$ " are commands, the lines below are what each prints. "..." stands for any lines.

Marks, each in a comment of its own before the block, <!-- test: MARK -->:

- skip REASON: it is not run
- needs PROGRAM...: it is not run where one of these is not installed
- where NAME is FILE: the file by this name in the directory that the block runs in
- while COMMAND: COMMAND runs meanwhile; the block begins once it has printed its last line and waits. show,
  lookup and dump are given its PID, because other programs may run under uiommufd on the same machine
- volatile PATTERN...: regular expressions of what differs from run to run

Commands run in a directory of their own, in which build is BUILD, with BUILD first in PATH.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LANGUAGES = {"c", "sh", "console", "text"}
MARK = re.compile(r"<!-- test: (\w+) ?(.*?) -->$")
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-unused-but-set-variable", "-fsyntax-only"]
TIMEOUT = 60


class Block:
    def __init__(self, where, language, lines, marks):
        self.where = where
        self.language = language
        self.lines = lines
        self.marks = marks

    def all(self, name):
        return [text for mark, text in self.marks if mark == name]

    def first(self, name):
        return next(iter(self.all(name)), None)


def documents(root):
    return [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]


def blocks(path, root):
    """The blocks of a document, and the complaints about it."""
    found, failures, marks, begun = [], [], [], None
    previous = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(root)}:{number}"
        if begun:
            if line == "```":
                found.append(begun)
                begun, marks = None, []
            else:
                begun.lines.append(line)
        elif line.startswith("```"):
            begun = Block(where, line[3:], [], marks)
            if line[3:] not in LANGUAGES:
                failures.append(f"{where}: a block must say its language: {', '.join(sorted(LANGUAGES))}")
        elif MARK.match(line):
            marks.append(MARK.match(line).groups())
        elif re.match(r"    \S", line) and not previous:
            failures.append(f"{where}: code by indentation; use a block")
        previous = line
    return found, failures


# ---- links, and files that are named ----


def anchors(path):
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def check_links(root):
    failures, count = [], 0
    for path in documents(root):
        text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text(), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"\w+:", target):
                continue
            count += 1
            name, _, anchor = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            if not file.exists():
                failures.append(f"{path.relative_to(root)}: {target} does not exist")
            elif anchor and anchor not in anchors(file):
                failures.append(f"{path.relative_to(root)}: {target}: there is no such heading")
    count += check_names(root, failures)
    return failures, f"{count} links and file names"


def check_names(root, failures):
    """Source files that architecture.md names exist; kernel files are in a column of their own."""
    path = root / "docs" / "architecture.md"
    text = re.sub(r"^\| (iommufd|iommu|vfio|the drivers) .*$", "", path.read_text(), flags=re.M)
    sources = [str(file) for top in ("src", "include") for file in (root / top).rglob("*.[ch]")]
    names = set(re.findall(r"`([\w/-]+\.[ch])`", text))
    failures += [
        f"docs/architecture.md: there is no {name}"
        for name in sorted(names)
        if not any(source.endswith("/" + name) for source in sources)
    ]
    return len(names)


# ---- code ----


def source_of(block):
    parameters = block.first("fragment")
    if parameters is None:
        return "\n".join(block.lines) + "\n"
    includes = [line for line in block.lines if line.startswith("#include")]
    body = [line for line in block.lines if not line.startswith("#include")]
    return "\n".join([*includes, f"void fragment({parameters or 'void'});", f"void fragment({parameters or 'void'})"]
                     + ["{", *body, "}", ""])


def check_code(root, compiler):
    failures, count = [], 0
    command = [*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-I", str(root / "include"), *WARNINGS, "-x", "c", "-"]
    for path in documents(root):
        given = "#include <stdint.h>\n#include <uiommufd/iommufd.h>\n#include <uiommufd/uiommufd.h>\n"
        for block in blocks(path, root)[0]:
            if block.language != "c" or block.first("skip") is not None:
                continue
            count += 1
            source = source_of(block)
            if "#include" not in source:
                source = given + source
            result = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
            if result.returncode:
                failures.append(f"{block.where}: does not compile:\n{result.stderr}")
    return failures, f"{count} blocks of code"


# ---- commands ----


class Scene:
    """The directory in which a block runs, and what runs beside it."""

    def __init__(self, build, block):
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name)
        (self.path / "build").symlink_to(build)
        for text in block.all("where"):
            name, target = re.match(r"(\S+) is (\S+)$", text).groups()
            (self.path / name).symlink_to(self.path / target)
        self.environment = dict(os.environ, PATH=f"{build}:{os.environ['PATH']}")
        self.beside = None

    def shell(self, script, **more):
        return subprocess.Popen(["sh", "-e", "-c", script], cwd=self.path, env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, start_new_session=True, **more)

    def run(self, script):
        if self.beside:
            script = re.sub(r"^uiommufd (show|lookup|dump)\b", rf"uiommufd \1 {self.beside.pid}", script)
        process = self.shell(script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output, _ = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return 124, output
        return process.returncode, output

    def start(self, script):
        """Runs @script beside, until it prints nothing more for half a second."""
        log = self.path / "beside"
        with log.open("w") as out:
            self.beside = self.shell(f"exec {script}", stdout=out, stderr=subprocess.STDOUT)
        size, still, deadline = 0, 0, time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and self.beside.poll() is None and still < 5:
            time.sleep(0.1)
            still = still + 1 if size and log.stat().st_size == size else 0
            size = log.stat().st_size

    def close(self):
        if self.beside and self.beside.poll() is None:
            os.killpg(self.beside.pid, signal.SIGTERM)
            try:
                self.beside.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.beside.pid, signal.SIGKILL)
                self.beside.wait()
        self.directory.cleanup()


def steps(lines):
    """The commands of a console block, each with the lines below it."""
    found = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def matches(shown, printed):
    """True if @printed is @shown, in which "..." stands for any lines."""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(matches(shown[1:], printed[skip:]) for skip in range(len(printed) + 1))
    return bool(printed) and shown[0] == printed[0] and matches(shown[1:], printed[1:])


def plain(text, patterns):
    """@text without what differs from run to run, and without the columns that this moves."""
    for pattern in patterns:
        text = re.sub(pattern, "*", text)
    return [re.sub(r" +", " ", line).rstrip() for line in text.splitlines() if line.strip()]


def check_block(block, build):
    scene = Scene(build, block)
    try:
        if block.first("while"):
            scene.start(block.first("while"))
        if block.language == "sh":
            status, output = scene.run("\n".join(block.lines))
            return [] if status == 0 else [f"{block.where}: status {status}:\n{output}"]
        failures = []
        patterns = [pattern for text in block.all("volatile") for pattern in text.split()]
        for command, lines in steps(block.lines):
            status, output = scene.run(command)
            if status or not matches(plain("\n".join(lines), patterns), plain(output, patterns)):
                failures.append(f"{block.where}: $ {command}\nprints, with status {status}:\n{output}")
        return failures
    finally:
        scene.close()


def check_commands(root, build):
    failures, count = [], 0
    for path in documents(root):
        found, complaints = blocks(path, root)
        failures += complaints
        for block in found:
            missing = [name for text in block.all("needs") for name in text.split() if not shutil.which(name)]
            if block.language not in ("sh", "console") or block.first("skip") is not None:
                continue
            if missing:
                print(f"{block.where}: not run, {', '.join(missing)} is not installed")
                continue
            count += 1
            failures += check_block(block, build)
    return failures, f"{count} blocks of commands"


def main():
    what, root, *more = sys.argv[1:]
    root = Path(root).resolve()
    checks = {
        "links": lambda: check_links(root),
        "code": lambda: check_code(root, more),
        "commands": lambda: check_commands(root, Path(more[0]).resolve()),
    }
    failures, counted = checks[what]()
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{counted}, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
