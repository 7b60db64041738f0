#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`uiommufd top` shows what a program did: its numbers are those of top_program.py, and none depends on time.

top.py UIOMMUFD
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

UIOMMUFD = Path(sys.argv[1]).resolve()
PROGRAM = Path(__file__).with_name("top_program.py")
BDF = "0000:c1:00.0"
TIMEOUT = 100
BEGIN, END = b"\x1b[?1049h", b"\x1b[?1049l"
WORK = "map map map read read read read read write write fault fault fault interrupt interrupt interrupt interrupt"
# Of WORK.
DMAS, INTERRUPTS, WRITES = 10, 14, 10 * 5 + 4 * 2
COUNTS = {
    "dma_reads": 5, "dma_read_bytes": 5 * 4096, "dma_writes": 5, "dma_write_bytes": 5 * 64, "faults": 3,
    "interrupts": INTERRUPTS, "register_reads": 0, "register_writes": WRITES,
}  # fmt: skip


def check(condition, *what):
    if not condition:
        raise AssertionError(*what)


class Run:
    """A run of the program, which has done what was asked of it."""

    def __init__(self, *options):
        self.run = subprocess.Popen(
            [UIOMMUFD, "run", *options, "--device", f"edu@{BDF}", "--", sys.executable, PROGRAM],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.wait()

    def wait(self):
        check(self.run.stdout.readline() == "done\n", "the program has ended", self.run.poll())

    def do(self, words):
        self.run.stdin.write(words + "\n")
        self.run.stdin.flush()
        self.wait()

    def end(self):
        self.run.stdin.close()
        self.run.wait(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def top(*arguments, status=0):
    done = subprocess.run([UIOMMUFD, "top", *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    check(done.returncode == status, done)
    check("\x1b" not in done.stdout, "escape sequences in what is no terminal", done)
    return done.stdout if not status else done.stderr


def table(lines):
    """Each device's numbers, by their headings."""
    heading, *rows = (line.split() for line in lines)
    return {row[0]: dict(zip(heading[1:], row[1:], strict=True)) for row in rows}


def the_totals_are_those_of_the_program(*options):
    with Run(*options) as run:
        run.do(WORK)
        state = json.loads(subprocess.check_output([UIOMMUFD, "show", "--json", str(run.run.pid)], timeout=TIMEOUT))
        (device,) = state["contexts"][0]["devices"]
        check(device["counts"] == COUNTS, device["counts"])
        shown = table(top("--once", run.run.pid).splitlines())
        expected = {
            "IOMMU": "amd0", "MAPPINGS": "3", "MAPPED": str(3 * 4096), "READS": "5", "READ-BYTES": "20480", "WRITES": "5",
            "WRITE-BYTES": "320", "FAULTS": "3", "INTERRUPTS": str(INTERRUPTS), "REGISTERS": str(WRITES),
        }  # fmt: skip
        check(shown == {BDF: expected}, shown)


def a_long_name_moves_no_column():
    with Run("--iommu", "amd,name=an-iommu-of-the-second-socket") as run:
        heading, row = top("--once", run.run.pid).splitlines()
        ends = [[word.end() for word in re.finditer(r"\S+", line)][2:] for line in (heading, row)]
        check(ends[0] == ends[1], heading, row)


def so_are_they_on_a_machine_that_is_shared():
    the_totals_are_those_of_the_program("--shared")


def nothing_has_a_rate_when_nothing_happens():
    with Run() as run:
        run.do(WORK)
        lines = top("--count", 2, "--interval", "0.01", run.run.pid).splitlines()
        check(len(lines) == 4, lines)
        for shown in (table(lines[:2]), table(lines[2:])):
            rates = {key: value for key, value in shown[BDF].items() if key.endswith("/s")}
            check(len(rates) == 6 and set(rates.values()) == {"0"}, rates)
            check(shown[BDF]["FAULTS"] == "3", shown)


def what_happens_is_seen_between_two_lines():
    with Run() as run:
        command = [UIOMMUFD, "top", "--interval", "0.01", str(run.run.pid)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shows:
            pair = [shows.stdout.readline(), shows.stdout.readline()]
            check(table(pair)[BDF]["READS/s"] == "0", pair)
            run.do("map read")
            while table(pair)[BDF]["READS/s"] == "0":
                pair = [shows.stdout.readline(), shows.stdout.readline()]
            check(int(table(pair)[BDF]["READ-B/s"]) >= 4096, pair)
            run.end()
            _, complaint = shows.communicate(timeout=TIMEOUT)
        check(shows.returncode == 0 and complaint.startswith("uiommufd: process ") and complaint.endswith(" has ended\n"), complaint)


def without_reports_there_are_no_counts():
    with Run("--reports", "off") as run:
        run.do("map read")
        shown = table(top("--once", run.run.pid).splitlines())
        check(shown[BDF]["MAPPINGS"] == "1" and shown[BDF]["READS"] == "-", shown)


def too_few_lines_are_a_failure():
    with Run() as run:
        command = [UIOMMUFD, "top", "--count", "1000000", "--interval", "0.01", str(run.run.pid)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shows:
            shows.stdout.readline()
            run.end()
            _, complaint = shows.communicate(timeout=TIMEOUT)
        check(shows.returncode == 125 and complaint.count("\n") == 1, shows.returncode, complaint)


def the_command_line_is_checked():
    for arguments, text in (
        (("--count", "0"), "--count needs"),
        (("--count",), "needs a value"),
        (("--interval", "0"), "--interval needs"),
        (("--interval", "nan"), "--interval needs"),
        (("--once", "--count", "1"), "exclude each other"),
        (("1", "2"), "takes one PID"),
        (("--some",), "has no option"),
    ):
        check(text in top(*arguments, status=2), arguments)
    check("has opened nothing emulated" in top("--once", os.getpid(), status=125))


class Screen:
    """A `uiommufd top` on a terminal, and all that it has drawn."""

    def __init__(self, pid, columns=120):
        self.terminal, self.inside = pty.openpty()
        self.resize(columns)
        self.before = termios.tcgetattr(self.inside)
        self.top = subprocess.Popen(
            [UIOMMUFD, "top", "--interval", "0.05", str(pid)],
            stdin=self.inside, stdout=self.inside, stderr=self.inside, start_new_session=True, env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        self.drawn = b""

    def resize(self, columns):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("=4H", 24, columns, 0, 0))

    def read(self):
        check(select.select([self.terminal], [], [], TIMEOUT)[0], "nothing is drawn", self.drawn[-2000:])
        self.drawn += os.read(self.terminal, 65536)

    def until(self, text):
        """Draws that many times more: until @text."""
        self.drawn = b""
        while text not in self.drawn:
            self.read()

    def frame(self):
        """The lines of a whole frame that begins from now on."""
        self.until(b"\x1b[J")
        self.drawn = self.drawn.split(b"\x1b[J", 1)[1]
        while b"\x1b[J" not in self.drawn:
            self.read()
        frame = self.drawn.split(b"\x1b[J")[0].split(b"\x1b[H", 1)[1]
        return [line.replace(b"\x1b[K", b"").decode() for line in frame.split(b"\r\n")]

    def ends(self):
        while END not in self.drawn:
            self.read()
        status = self.top.wait(TIMEOUT)
        while select.select([self.terminal], [], [], 0)[0]:
            self.read()
        check(termios.tcgetattr(self.inside) == self.before, "the terminal is not what it was")
        os.close(self.terminal)
        os.close(self.inside)
        check(status == 0, status, self.drawn)
        return self.drawn.split(END)[1].decode()


def a_terminal_is_a_screen_that_fits_it():
    with Run() as run:
        run.do(WORK)
        screen = Screen(run.run.pid)
        screen.until(BEGIN)
        lines = screen.frame()
        check(lines[0].endswith("q leaves"), lines)
        check(lines[2].split()[0] == "DEVICE" and lines[3].split()[0] == BDF, lines)
        check(lines[3].split()[2:4] == ["3", "12k"] and max(map(len, lines)) > 50, lines)
        screen.resize(30)
        while max(map(len, screen.frame())) > 30:
            pass
        os.write(screen.terminal, b"q")
        check(screen.ends() == "")


def keys_and_signals_leave_and_restore_the_terminal():
    with Run() as run:
        for leave in (
            lambda screen: os.write(screen.terminal, b"\x03"),
            lambda screen: screen.top.send_signal(signal.SIGTERM),
            lambda screen: screen.top.send_signal(signal.SIGINT),
        ):
            screen = Screen(run.run.pid)
            screen.frame()
            leave(screen)
            screen.ends()


def the_end_of_the_program_is_one_line():
    with Run() as run:
        screen = Screen(run.run.pid)
        screen.frame()
        run.end()
        said = screen.ends()
    check(said.startswith("uiommufd: process ") and said.endswith(" has ended\r\n") and said.count("\n") == 1, said)


def a_program_that_is_stopped_is_waited_for():
    with Run() as run:
        program = run.run.pid
        for _ in range(2):  # the only child of the only child
            (program,) = Path(f"/proc/{program}/task/{program}/children").read_text().split()
        screen = Screen(run.run.pid)
        screen.frame()
        os.kill(int(program), signal.SIGSTOP)
        while "does not answer" not in screen.frame()[0]:
            pass
        os.kill(int(program), signal.SIGCONT)
        while "does not answer" in screen.frame()[0]:
            pass
        os.write(screen.terminal, b"q")
        screen.ends()


def main():
    failures = 0
    for test in (
        the_totals_are_those_of_the_program,
        a_long_name_moves_no_column,
        so_are_they_on_a_machine_that_is_shared,
        nothing_has_a_rate_when_nothing_happens,
        what_happens_is_seen_between_two_lines,
        without_reports_there_are_no_counts,
        too_few_lines_are_a_failure,
        the_command_line_is_checked,
        a_terminal_is_a_screen_that_fits_it,
        keys_and_signals_leave_and_restore_the_terminal,
        the_end_of_the_program_is_one_line,
        a_program_that_is_stopped_is_waited_for,
    ):
        try:
            test()
        except (AssertionError, KeyError, ValueError, OSError, subprocess.SubprocessError) as error:
            print(f"{error!r}\n[  FAILED  ] {test.__name__}", flush=True)
            failures += 1
        else:
            print(f"[       OK ] {test.__name__}", flush=True)
    sys.exit(failures != 0)


main()
