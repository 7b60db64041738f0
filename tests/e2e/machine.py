#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines that programs share, from outside: machine.py UIOMMUFD JOINED SHARED_PROGRAM MEMLOCK

JOINED is joined.c, SHARED_PROGRAM does all that a program on a shared machine does (static_program.c), MEMLOCK is memlock.c.
"""

import contextlib
import errno
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile

UIOMMUFD, JOINED, PROGRAM, MEMLOCK = map(os.path.abspath, sys.argv[1:5])
DEVICE = "edu@0000:c1:00.0"
NOBODY = 65534
LIMIT = 60


def command(*words, **options):
    return subprocess.run([UIOMMUFD, *words], text=True, capture_output=True, timeout=LIMIT, **options)


def complains(got, text, status=125):
    assert got.returncode == status and not got.stdout, got
    assert got.stderr.count("\n") == 1 and text in got.stderr, got
    return True


class Machine:
    """A machine, with the programs that the test leaves on it."""

    def __init__(self, name=None, device=DEVICE, words=(), **options):
        self.name = name or f"test-{os.getpid()}"
        started = command("machine", "--name", self.name, "--device", device, *words, **options)
        assert (started.returncode, started.stdout, started.stderr) == (0, self.name + "\n", ""), started
        self.state = json.loads(self.ask("show", "--json"))
        self.pid = self.state["pid"]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.name in command("machine", "--list").stdout.split():
            command("machine", "--stop", self.name)

    def join(self, *words, **options):
        return command("run", "--join", self.name, "--", *words, **options)

    def start(self, what, end=subprocess.PIPE):
        return subprocess.Popen([UIOMMUFD, "run", "--join", self.name, "--", JOINED, what], stdin=end,
                                stdout=subprocess.PIPE, text=True)

    def hold(self):
        """A program that has the device, and memory mapped for DMA."""
        holder = self.start("hold")
        assert holder.stdout.readline() == "ready\n"
        return holder

    def ask(self, what, *words, **options):
        got = command(what, "--machine", self.name, *words, **options)
        assert got.returncode == 0, got
        return got.stdout


def end(program):
    program.stdin.close()
    program.stdout.close()
    return program.wait(LIMIT)


def a_program_that_joins_ends_as_it_would_alone():
    with Machine() as machine:
        assert machine.join("sh", "-c", "ls /dev/vfio/devices; exit 7").returncode == 7
        assert machine.join("sh", "-c", "kill -9 $$").returncode == -9
        complains(machine.join("/nothing/there"), "No such file", 127)


def a_joined_program_has_all_that_a_shared_machine_has():
    with Machine() as machine:
        got = machine.join(PROGRAM)
        assert got.returncode == 0 and "OK" in got.stdout, got


def what_one_program_holds_another_finds_in_use():
    with Machine() as machine:
        first = machine.hold()
        assert machine.join(JOINED, "take").returncode == errno.EINVAL  # a cdev is bound once
        assert end(first) == 0
        assert machine.join(JOINED, "take").returncode == 0


def what_a_program_held_that_was_killed_is_free():
    with Machine() as machine:
        first = machine.hold()
        first.kill()
        end(first)
        assert machine.join(JOINED, "take").returncode == 0


def descriptors_travel_between_programs_that_joined():
    with Machine() as machine:
        ends = socket.socketpair()
        giver, getter = machine.start("give", ends[0]), machine.start("get", ends[1])
        assert getter.wait(LIMIT) == 0, getter.stdout.read()
        ends[0].close()
        ends[1].close()
        assert giver.wait(LIMIT) == 0, giver.stdout.read()
        giver.stdout.close()
        getter.stdout.close()


def many_programs_join_at_once():
    with Machine() as machine:
        joined = [subprocess.Popen([UIOMMUFD, "run", "--join", machine.name, "--", "sh", "-c", "test -c /dev/iommu"])
                  for _ in range(20)]
        assert [program.wait(LIMIT) for program in joined] == [0] * len(joined)


def show_lookup_and_dump_ask_the_server():
    with Machine() as machine:
        assert machine.state["processes"] == [] and machine.state["contexts"] == []
        first = machine.hold()
        state = json.loads(machine.ask("show", "--json"))
        assert {"pid": first.pid, "program": "e2e_joined"} in state["processes"], state
        assert len(state["contexts"]) == 1 and state["contexts"][0]["devices"][0]["name"] == "0000:c1:00.0", state
        ioas = state["contexts"][0]["ioases"][0]
        assert ioas["mapped"]["list"][0]["pid"] == first.pid, ioas
        assert f"process {first.pid} (e2e_joined)" in machine.ask("show")
        assert f"process {first.pid} (e2e_joined)" in command("show", str(first.pid)).stdout
        assert "IOVA 0x100000 in IOAS" in machine.ask("lookup", str(ioas["id"]), "0x100000")
        assert "iova 0x100000" in machine.ask("dump", str(ioas["id"]))
        complains(command("lookup", "--machine", machine.name, "77", "0"), "there is no such thing")
        assert end(first) == 0


def devices_come_and_go():
    with Machine() as machine:
        listed = lambda: machine.join("ls", "/dev/vfio/devices").stdout.split()
        assert listed() == ["vfio0"]
        for ask, device, nodes in (("plug", "ioat@0000:c2:00.0", ["vfio0", "vfio1"]), ("unplug", "0000:c2:00.0", ["vfio0"])):
            got = command(ask, "--machine", machine.name, device)
            assert (got.returncode, got.stderr) == (0, ""), got
            assert listed() == nodes, listed()
    assert complains(command("unplug", "--machine"), "Usage", 2)


def all_programs_are_in_one_trace():
    with tempfile.TemporaryDirectory() as scratch:
        trace = os.path.join(scratch, "trace.json")
        with Machine(words=["--trace", trace]) as machine:
            for _ in range(2):
                assert machine.join(PROGRAM).returncode == 0
        events = json.loads(pathlib.Path(trace).read_text(encoding="utf-8"))
        calls = {event["pid"] for event in events if event["name"] == "IOMMU_IOAS_MAP"}
        names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
        assert len(calls) > 1 and {names.get(pid) for pid in calls} == {os.path.basename(PROGRAM)[:15]}, calls


def a_program_on_a_shared_machine_of_its_own_is_shown():
    run = subprocess.Popen([UIOMMUFD, "run", "--shared", "--device", DEVICE, "--", JOINED, "hold"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "ready\n"
    shown = command("show", str(run.pid))
    assert "machine of process" in shown.stdout and "(e2e_joined)" in shown.stdout, shown
    assert "IOVA 0x100000 in IOAS 2" in command("lookup", str(run.pid), "2", "0x100000").stdout
    assert end(run) == 0


def a_stopped_machine_takes_its_programs_along():
    with Machine() as machine:
        first = machine.hold()
        tree = pathlib.Path(root_of(first.pid))
        assert tree.exists()
        stopped = command("machine", "--stop", machine.name)
        assert (stopped.returncode, stopped.stderr) == (0, ""), stopped
        assert end(first) == -signal.SIGTERM
        assert not tree.exists()
        complains(machine.join("true"), f'no machine is called "{machine.name}"')


def a_signal_stops_a_machine():
    with Machine() as machine:
        first = machine.hold()
        os.kill(machine.pid, signal.SIGTERM)
        # Before the end of its input, after which it ends by itself.
        assert first.wait(LIMIT) == -signal.SIGTERM
        end(first)


@contextlib.contextmanager
def a_directory_for_machines(owner):
    """No other run makes its machine there, nor removes what one has left."""
    before = {name: os.environ.pop(name, None) for name in ("XDG_RUNTIME_DIR", "TMPDIR")}
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, owner, -1)
        os.environ["TMPDIR"] = directory
        try:
            yield
        finally:
            del os.environ["TMPDIR"]
            os.environ.update((name, value) for name, value in before.items() if value is not None)


def the_name_of_a_killed_machine_is_free():
    with a_directory_for_machines(os.geteuid()):
        machine = Machine()
        server = os.pidfd_open(machine.pid)
        os.kill(machine.pid, signal.SIGKILL)
        select.select([server], [], [], LIMIT)
        os.close(server)
        complains(machine.join("true"), "does not answer")
        complains(command("show", "--machine", machine.name), "does not answer")
        with Machine(machine.name):
            pass


def calls_of_programs_end_with_a_killed_machine():
    """Also the one that is on its way through shared memory, whose answer does not come any more."""
    with a_directory_for_machines(os.geteuid()):
        machine = Machine()
        program = machine.start("outlive")
        assert program.stdout.readline() == "ready\n"
        os.kill(machine.pid, signal.SIGKILL)
        assert program.stdout.readline() == f"{errno.ENOSYS}\n"
        end(program)


def a_user_has_one_limit_on_all_machines():
    """It holds for the programs of two machines together, and nothing is left of what counted them."""
    with a_directory_for_machines(os.getuid()):
        with Machine("first", words=("--memlock", "64K")) as first, Machine("second", words=("--memlock", "64K")) as second:
            with subprocess.Popen([UIOMMUFD, "run", "--join", first.name, "--", MEMLOCK, "-h", "10"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True) as holder:
                assert holder.stdout.readline() == "ok\n"
                assert second.join(MEMLOCK, "7", "6").stdout == "ENOMEM\nok\n"
            # The first machine may not have noticed the end of its program yet, which it does before it answers.
            first.ask("show")
            assert second.join(MEMLOCK, "16", "1").stdout == "ok\nENOMEM\n"
            assert command("machine", "--stop", first.name).returncode == 0
            assert command("machine", "--stop", second.name).returncode == 0
        assert not os.listdir(os.environ["TMPDIR"])


def who_asks_a_machine_finds_nothing_of_a_program_that_has_ended():
    """However late its server notices: here, it is stopped meanwhile."""
    with Machine() as machine:
        for _ in range(20):
            holder = machine.hold()
            os.kill(machine.pid, signal.SIGSTOP)
            holder.kill()
            end(holder)
            os.kill(machine.pid, signal.SIGCONT)
            assert json.loads(machine.ask("show", "--json"))["contexts"] == []


def names_are_checked():
    with Machine() as machine:
        complains(command("machine", "--name", machine.name), f'there is a machine "{machine.name}" already')
        complains(command("machine", "--name", "../etc"), "is no name", 2)
        complains(command("run", "--join", "../etc", "true"), "no machine is called")
        complains(command("run", "--join", machine.name, "--device", "edu", "true"), "--join and no other option", 2)
        complains(machine.join(UIOMMUFD, "run", "--join", machine.name, "true"), "seccomp")


def another_user_is_refused():
    if os.geteuid():
        return "it takes root"

    def as_nobody(*words):
        return command(*words, user=NOBODY, group=NOBODY, extra_groups=[])

    with Machine() as machine:
        complains(as_nobody("run", "--join", machine.name, "true"), "is another user's")
        complains(as_nobody("show", "--machine", machine.name), "is another user's")
        assert machine.name not in as_nobody("machine", "--list").stdout.split()
        # Not even who can reach the socket.
        first = machine.hold()
        control = pathlib.Path(root_of(first.pid)) / "control"
        control.chmod(0o777)
        (control / "server").chmod(0o777)
        for request in "show 1", "join", "stop":
            assert answer_as(NOBODY, control / "server", request) == b""
            assert answer_as(0, control / "server", "show 1") != b""
        assert end(first) == 0
    return None


def root_asks_for_another_users_machine_and_does_not_join_it():
    if os.geteuid():
        return "it takes root"
    with a_directory_for_machines(NOBODY), Machine(user=NOBODY, group=NOBODY, extra_groups=[]) as machine:
        complains(machine.join("true"), f"is of user {NOBODY}")
        got = machine.join(JOINED, "take", user=NOBODY, group=NOBODY, extra_groups=[])
        assert got.returncode == 0, got
    return None


def root_of(pid):
    for entry in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name == b"UIOMMUFD_ROOT":
            return value.decode()
    raise AssertionError(f"{pid} has no shadow root")


def answer_as(uid, path, request):
    """What the server at @path answers to a process of @uid."""
    ends = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setuid(uid)
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            try:
                peer.sendall(request.encode() + b"\n")
                os.write(ends[1], peer.recv(65536))
            except ConnectionError:
                pass
        os._exit(0)
    os.close(ends[1])
    with open(ends[0], "rb") as answer:
        got = answer.read()
    os.waitpid(pid, 0)
    return got


TESTS = [a_program_that_joins_ends_as_it_would_alone, a_joined_program_has_all_that_a_shared_machine_has,
         what_one_program_holds_another_finds_in_use, what_a_program_held_that_was_killed_is_free,
         descriptors_travel_between_programs_that_joined, many_programs_join_at_once,
         show_lookup_and_dump_ask_the_server, devices_come_and_go, all_programs_are_in_one_trace,
         a_program_on_a_shared_machine_of_its_own_is_shown,
         a_stopped_machine_takes_its_programs_along, a_signal_stops_a_machine, the_name_of_a_killed_machine_is_free,
         calls_of_programs_end_with_a_killed_machine,
         a_user_has_one_limit_on_all_machines, who_asks_a_machine_finds_nothing_of_a_program_that_has_ended,
         names_are_checked, another_user_is_refused,
         root_asks_for_another_users_machine_and_does_not_join_it]


def main():
    failures = 0
    for test in TESTS:
        try:
            skipped = test()
        except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError) as error:
            print(f"{type(error).__name__}: {error}\n[  FAILED  ] {test.__name__}", flush=True)
            failures += 1
        else:
            print(f"[  SKIPPED ] {test.__name__}: {skipped}" if skipped else f"[       OK ] {test.__name__}", flush=True)
    sys.exit(failures != 0)


if __name__ == "__main__":
    main()
