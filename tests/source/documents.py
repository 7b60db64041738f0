#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documents show is so: code compiles, commands run and print what is shown, links lead somewhere.

documents.py links ROOT
documents.py marks ROOT
documents.py code ROOT COMPILER...
documents.py commands ROOT BUILD [DOCUMENT]...

The documents are README.md, CONTRIBUTING.md and docs/**/*.md. A block says what it is: c, sh, console, or text. Code that is
only indented is refused, so that none escapes.

- c: a program, or declarations, compiled as they are. `fragment PARAMETERS` makes it the body of a function.
- sh: a script that must succeed. What it leaves running is ended.
- console: lines that begin with "$ " are commands, the lines below are what each prints. "..." stands for any lines.
- text: nothing looks at it but by one of these marks. `from COMMAND`: its lines are among those that COMMAND prints.
  `synopsis`: the command and the model of a device know the options that are in it.

Marks, each in a comment of its own before the block, <!-- test: MARK -->:

- by TEST: that test of this tree runs it instead, and takes it from the document: by marked() of tests/lib/blocks.py, or
  by that program; or each command is a line of TEST
- excerpt FILE: its lines are lines of that file of this tree, one below the other but for the indentation. "..." stands
  for lines that are left out
- skip REASON: it is not run. No more than SKIPPED_AT_MOST blocks are
- needs PROGRAM...: it is not run where one of these is not installed. "root" is a user, and /NAME a file
- file NAME: blocks of commands find it in the directory in which they run, as NAME
- where NAME is FILE: the file by this name in the directory that the block runs in
- replace PATTERN by TEXT: what matches the regular expression is TEXT when the block runs; something has to
- under COMMAND: the block's shell is run by COMMAND
- while COMMAND: COMMAND runs meanwhile. show, lookup, dump and top are given its PID, because other programs may run
  under uiommufd on the same machine; $BESIDE is it
- until PATTERN: the block begins when what COMMAND prints matches the regular expression somewhere
- then COMMAND...: run after a block of sh, beside what that has left running, and must succeed
- prints PATTERN: what a block of sh prints matches the regular expression somewhere
- volatile PATTERN...: regular expressions of what differs from run to run
- status N: with which the last command ends, if not with 0

Commands run in a directory of their own, in which build is BUILD and source is ROOT, with BUILD first in PATH. pkg-config
knows the library as `meson install` installs it from BUILD.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from blocks import blocks, steps

MARKS = set("""by excerpt fragment from synopsis skip needs file where replace under while until then prints volatile status""".split())
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-unused-but-set-variable", "-fsyntax-only"]
TIMEOUT = 60

# None: what cannot be run here is run by another test.
SKIPPED_AT_MOST = 0


class Tally:
    """What became of the blocks."""

    def __init__(self):
        self.ran, self.elsewhere, self.excerpts, self.skipped, self.missing = 0, 0, 0, 0, 0

    def left_to_others(self, block):
        """True, and counted, if nothing is to be done for @block."""
        if block.first("by") is not None:
            self.elsewhere += 1
        elif block.first("excerpt") is not None:
            self.excerpts += 1
        elif block.first("skip") is not None:
            self.skipped += 1
        else:
            return False
        return True

    def __str__(self):
        return (f"{self.ran} blocks run, {self.elsewhere} run by other tests, {self.excerpts} excerpts, "
                f"{self.skipped} skipped, {self.missing} not run for want of a program")


def documents(root):
    return [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]


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


# ---- marks ----


def is_run(root, test):
    """True if something that runs tests names @test: a meson.build by its name, with or without the suffix."""
    name = Path(test).name
    callers = [root / "Makefile", *(root / "tests").rglob("meson.build")]
    text = "".join(path.read_text() for path in callers if path.is_file())
    return name in text or f"'{Path(test).stem}'" in text or test == ".ci/run"


def check_by(root, block, test):
    if not (root / test).is_file():
        return [f"{block.where}: there is no {test}"]
    if not is_run(root, test):
        return [f"{block.where}: nothing runs {test}"]
    text = (root / test).read_text()
    if f'marked("{block.document}"' in text or re.search(rf'blocks\.py"? {block.document} {test}', text):
        return []
    lines = {line.strip() for line in text.splitlines()}
    return [f"{block.where}: {test} has no line: {line}" for line in block.commands() if line.strip() not in lines]


def check_excerpt(root, block, name):
    if not (root / name).is_file():
        return [f"{block.where}: there is no {name}"]
    text = "\n".join(line.strip() for line in (root / name).read_text().splitlines()) + "\n"
    parts = "\n".join(line.strip() for line in block.lines).split("\n...\n")
    pattern = "(?:.*\n)*?".join(re.escape(part) + "\n" for part in parts)
    return [] if re.search("^" + pattern, text, re.M) else [f"{block.where}: {name} does not have these lines"]


def check_marks(root):
    failures, skipped, count = [], [], 0
    for path in documents(root):
        found, complaints = blocks(path, root)
        failures += complaints
        for block in found:
            count += len(block.marks)
            failures += [f"{block.where}: there is no mark '{mark}'" for mark, _ in block.marks if mark not in MARKS]
            failures += [failure for test in block.all("by") for failure in check_by(root, block, test)]
            failures += [failure for name in block.all("excerpt") for failure in check_excerpt(root, block, name)]
            if len(block.all("while")) != len(block.all("until")):
                failures.append(f"{block.where}: 'while' needs 'until'")
            if block.language == "text" and any(line.startswith("$ ") for line in block.lines):
                failures.append(f"{block.where}: commands in a block of text; use console")
            if block.first("skip") is not None:
                skipped.append(f"{block.where}: {block.first('skip') or 'no reason'}")
    if len(skipped) > SKIPPED_AT_MOST:
        failures.append(f"{len(skipped)} blocks are skipped, of at most {SKIPPED_AT_MOST}:")
        failures += skipped
    return failures, f"{count} marks, {len(skipped)} blocks skipped of at most {SKIPPED_AT_MOST}"


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
    failures, tally = [], Tally()
    command = [*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-I", str(root / "include"), *WARNINGS, "-x", "c", "-"]
    for path in documents(root):
        given = "#include <stdint.h>\n#include <uiommufd/iommufd.h>\n#include <uiommufd/uiommufd.h>\n"
        for block in blocks(path, root)[0]:
            if block.language != "c" or tally.left_to_others(block):
                continue
            tally.ran += 1
            source = source_of(block)
            if "#include" not in source:
                source = given + source
            result = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
            if result.returncode:
                failures.append(f"{block.where}: does not compile:\n{result.stderr}")
    return failures, f"code: {tally}"


# ---- commands ----


def replaced(block, text):
    """@text with what the marks of @block put in the place of parts of it."""
    for mark in block.all("replace"):
        pattern, target = re.match(r"(\S+) by (.+)$", mark).groups()
        text = re.sub(pattern, lambda _, target=target: target, text)
    return text


class Scene:
    """The directory in which a block runs, and what runs beside it."""

    def __init__(self, root, build, block, files, environment):
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name)
        (self.path / "build").symlink_to(build)
        (self.path / "source").symlink_to(root)
        for name, lines in files.items():
            (self.path / name).write_text("\n".join(lines) + "\n")
        for text in block.all("where"):
            name, target = re.match(r"(\S+) is (\S+)$", text).groups()
            (self.path / name).symlink_to(self.path / target)
        # DPDK's programs find each other in a directory of the user.
        own = {"PATH": f"{build}:{os.environ['PATH']}", "XDG_RUNTIME_DIR": str(self.path), "RUNTIME_DIRECTORY": str(self.path)}
        self.environment = {**os.environ, **environment, **own}
        self.block = block
        self.beside = None

    def shell(self, script, under=None, **more):
        command = [*(under.split() if under else []), "sh", "-e", "-c", script]
        return subprocess.Popen(command, cwd=self.path, env=self.environment, text=True, stdin=subprocess.DEVNULL,
                                start_new_session=True, **more)

    def run(self, script):
        """The status and the output of @script; what it has started is over."""
        script = replaced(self.block, script)
        if self.beside:
            script = re.sub(r"^uiommufd (show|lookup|dump|top)\b", rf"uiommufd \1 {self.beside.pid}", script)
            self.environment["BESIDE"] = str(self.beside.pid)
        script = "\n".join([script, *self.block.all("then")])
        # A file, and not a pipe, which would stay open as long as what the script has started.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            process = self.shell(script, self.block.first("under"), stdout=output, stderr=subprocess.STDOUT)
            try:
                status = process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                status = 124
            end_group(process, signal.SIGKILL if status == 124 else signal.SIGTERM)
            output.seek(0)
            return status, output.read()

    def start(self, script, pattern):
        """Runs @script beside, until what it prints matches @pattern. Returns what it prints if it never does."""
        log = self.path / "beside"
        with log.open("w") as out:
            self.beside = self.shell(f"exec {script}", stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + TIMEOUT
        while not re.search(pattern, log.read_text(errors="replace")):
            if time.monotonic() > deadline or self.beside.poll() is not None:
                return log.read_text(errors="replace") or "nothing"
            time.sleep(0.01)
        return None

    def close(self):
        if self.beside and self.beside.poll() is None:
            end_group(self.beside, signal.SIGTERM)
            try:
                self.beside.wait(10)
            except subprocess.TimeoutExpired:
                end_group(self.beside, signal.SIGKILL)
                self.beside.wait()
        self.directory.cleanup()


def end_group(process, how):
    """@how, for @process, if it has not ended, and for all that it has started."""
    try:
        os.killpg(process.pid, how)
    except ProcessLookupError:
        pass
    if how == signal.SIGKILL:
        process.wait()


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


def check_script(scene, block):
    wanted = int(block.first("status") or 0)
    status, output = scene.run("\n".join(block.lines))
    if status != wanted:
        return [f"{block.where}: status {status}:\n{output}"]
    return [f"{block.where}: prints nothing that is '{pattern}':\n{output}" for pattern in block.all("prints")
            if not re.search(pattern, output)]


def check_console(scene, block):
    failures = []
    patterns = [pattern for text in block.all("volatile") for pattern in text.split()]
    shown = steps(block.lines)
    for number, (command, lines) in enumerate(shown, 1):
        wanted = int(block.first("status") or 0) if number == len(shown) else 0
        status, output = scene.run(command)
        if status != wanted or not matches(plain("\n".join(lines), patterns), plain(output, patterns)):
            failures.append(f"{block.where}: $ {command}\nprints, with status {status}:\n{output}")
    return failures


def questions(lines):
    """What there is to ask about the synopsis @lines: a command, and a pattern that is in its answer."""
    for line in re.sub(r"\n +", " ", "\n".join(lines)).splitlines():
        command = line.split()[1]
        yield f"uiommufd {command} --help", command
        yield from ((f"uiommufd {command} --help", rf"{option}\b") for option in re.findall(r"--[a-z][a-z-]*", line))
        for model in re.findall(r"--device ([a-z]\w*)", line):
            yield from ((f"uiommufd list {model}", rf"(?m)^  {option} ") for option in re.findall(r",([a-z_]+)", line))


def check_synopsis(scene, block):
    answers, failures = {}, []
    for command, pattern in questions(block.lines):
        if command not in answers:
            answers[command] = scene.run(command)
        status, answer = answers[command]
        if status or not re.search(pattern, answer):
            failures.append(f"{block.where}: {command} has no '{pattern}', status {status}:\n{answer}")
    return failures


def check_text(scene, block):
    if block.first("synopsis") is not None:
        return check_synopsis(scene, block)
    patterns = [pattern for text in block.all("volatile") for pattern in text.split()]
    status, output = scene.run(block.first("from"))
    if status == int(block.first("status") or 0) and matches(["...", *plain("\n".join(block.lines), patterns), "..."], plain(output, patterns)):
        return []
    return [f"{block.where}: not among what {block.first('from')} prints, with status {status}:\n{output}"]


CHECKS = {"sh": check_script, "console": check_console, "text": check_text}


def check_block(root, build, block, files, environment):
    unused = [mark for mark in block.all("replace")
              if not re.search(mark.split()[0], "\n".join(block.commands()))]
    if unused:
        return [f"{block.where}: nothing to replace: {mark}" for mark in unused]
    scene = Scene(root, build, block, files, environment)
    try:
        if block.first("while"):
            printed = scene.start(block.first("while"), block.first("until"))
            if printed is not None:
                return [f"{block.where}: {block.first('while')} prints nothing that is '{block.first('until')}':\n{printed}"]
        return CHECKS[block.language](scene, block)
    finally:
        scene.close()


def install(build, prefix):
    """Installs the library below @prefix; the environment in which compilers and programs find it by pkg-config."""
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--tags", "devel,runtime", "--destdir", prefix], check=True,
                   stdout=subprocess.DEVNULL)
    folder = next(Path(prefix).rglob("uiommufd.pc")).parent
    return {"PKG_CONFIG_PATH": str(folder), "PKG_CONFIG_SYSROOT_DIR": prefix, "LD_RUN_PATH": str(folder.parent)}


def is_here(name):
    if name == "root":
        return os.geteuid() == 0
    return Path(name).exists() if name.startswith("/") else shutil.which(name) is not None


def check_commands(root, build, only):
    failures, tally, todo = [], Tally(), []
    for path in documents(root):
        found, complaints = blocks(path, root)
        failures += complaints
        files = {block.first("file"): block.lines for block in found if block.first("file")}
        for block in found:
            if block.language not in CHECKS or (only and block.document not in only) or tally.left_to_others(block):
                continue
            if block.language == "text" and block.first("from") is None and block.first("synopsis") is None:
                continue
            missing = [name for text in block.all("needs") for name in text.split() if not is_here(name)]
            if missing:
                print(f"{block.where}: not run, there is no {', '.join(missing)}")
                tally.missing += 1
                continue
            tally.ran += 1
            todo.append((block, files))
    # One after the other: locked memory is charged to the user, and one example has a limit for it.
    with tempfile.TemporaryDirectory() as prefix:
        wanted = any("pkg-config" in command for block, _ in todo for command in block.commands())
        environment = install(build, prefix) if wanted else {}
        for block, files in todo:
            failures += check_block(root, build, block, files, environment)
    return failures, f"commands: {tally}"


def main():
    what, root, *more = sys.argv[1:]
    root = Path(root).resolve()
    checks = {
        "links": lambda: check_links(root),
        "marks": lambda: check_marks(root),
        "code": lambda: check_code(root, more),
        "commands": lambda: check_commands(root, Path(more[0]).resolve(), more[1:]),
    }
    failures, counted = checks[what]()
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{counted}, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
