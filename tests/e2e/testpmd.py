#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""DPDK's own driver for the e1000 drives the emulated one: testpmd, as Debian has it.

Packets go round: what the driver sends comes back to it, and the controller's counters say that nothing was lost. Then
frames go through the driver, from a pcap file to another one with checksums by offload, and from this program, at the
other end of a socket, and back with VLAN tags by offload; they are compared with what they must be.

Usage: testpmd.py UIOMMUFD [PACKETS]
Exit: 0 passed, 1 failed, 77 skipped: there is no testpmd or no driver.
"""
import functools
import glob
import os
import pty
import random
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from blocks import marked

TESTPMD = "dpdk-testpmd"
DRIVER = "librte_net_e1000.so"
BDF = "0000:c1:00.0"
PACKETS = 100_000
FRAMES = 600
SECONDS = 100
PROMPT = b"testpmd> "
MAC = "02:00:00:00:00:02"  # frames come before the driver is promiscuous
TAG = 0x123


@functools.lru_cache
def documented():
    """The words of the command in docs/e1000.md and docs/run.md, behind the echo that feeds it."""
    blocks = marked("docs/e1000.md", "tests/e2e/testpmd.py") + marked("docs/run.md", "tests/e2e/testpmd.py")
    texts = {"\n".join(block.commands()).partition(" | ") for block in blocks}
    expect("the documents have one command", len(texts), 1)
    feed, _, command = texts.pop()
    expect("which is fed", re.findall(r"echo ([^;)]+)", feed), ["start tx_first", "stop"])
    return shlex.split(command)


class Testpmd:
    """A testpmd that runs, and takes commands."""

    def __init__(self, uiommufd, directory, options, *arguments):
        cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
        environment = dict(os.environ, XDG_RUNTIME_DIR=directory, RUNTIME_DIRECTORY=directory)
        more = ["--no-shconf", "--no-telemetry", "-d", DRIVER, f"--lcores=(0,1)@({cpus})"]
        instead = {"uiommufd": [uiommufd], f"e1000@{BDF}": [f"e1000@{BDF}{options}"], TESTPMD: [TESTPMD, *more]}
        command = [word for shown in documented() for word in instead.get(shown, [shown])] + list(arguments)
        self.output = b""
        # A terminal, so that what it prints comes in order.
        self.terminal, stdout = pty.openpty()
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=stdout, stderr=stdout, cwd="/",
                                        start_new_session=True)
        os.close(stdout)
        self.timer = threading.Timer(SECONDS, os.killpg, (self.process.pid, signal.SIGKILL))
        self.timer.daemon = True
        self.timer.start()
        self.read()

    def receive(self):
        try:
            got = os.read(self.terminal, 4096)
        except OSError:  # the other side is closed
            return False
        self.output += got
        return bool(got)

    def read(self):
        """What it says until it waits for a command."""
        start = len(self.output)
        while not self.output.endswith(PROMPT):
            if not self.receive():
                raise SystemExit(f"FAIL: testpmd has ended:\n{self.output.decode(errors='replace')}")
        return self.output[start:].decode(errors="replace")

    def ask(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        self.output += b"\n"
        return self.read()

    def counters(self):
        text = self.ask("show port stats 0")
        return {name: int(value) for name, value in re.findall(r"([RT]X-\w+):\s+(\d+)", text)}

    def await_counter(self, name, count):
        while self.counters()[name] < count:
            time.sleep(0.05)

    def quit(self):
        self.process.stdin.write(b"quit\n")
        self.process.stdin.close()
        while self.receive():
            pass
        os.close(self.terminal)
        status = self.process.wait()
        self.timer.cancel()
        text = self.output.decode(errors="replace")
        mistakes = [line for line in text.splitlines() if line.startswith("uiommufd: ") and
                    ("e1000: " in line or " failed at " in line)]
        expect("testpmd ends well", (status, mistakes), (0, []))


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"FAIL: {what}: found {found!r}, expected {wanted!r}")
    print("ok:", what, flush=True)


# Frames.

def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip_frame(length, protocol, bad=False):
    """An IPv4 frame of TCP (6) or UDP (17) with @length bytes of payload; @bad: the checksum of IP is wrong."""
    payload = random.randbytes(length)
    size = length + (8 if protocol == 17 else 20)
    addresses = bytes([10, 0, 0, 1, 10, 0, 0, 2])
    if protocol == 17:
        l4 = struct.pack(">HHHH", 1000, 2000, size, 0) + payload
        at = 6
    else:
        l4 = struct.pack(">HHIIBBHHH", 1000, 2000, 7, 8, 0x50, 0x10, 9, 0, 0) + payload
        at = 16
    value = checksum(addresses + struct.pack(">HH", protocol, size) + l4)
    l4 = l4[:at] + struct.pack(">H", value or 0xffff) + l4[at + 2:]
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, 1, 0, 64, protocol, 0) + addresses
    value = checksum(header) ^ (0x100 if bad else 0)
    header = header[:10] + struct.pack(">H", value) + header[12:]
    frame = bytes.fromhex(MAC.replace(":", "")) + bytes.fromhex("020000000001") + b"\x08\x00" + header + l4
    return frame + bytes(max(0, 60 - len(frame)))


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)


def read_pcap(path):
    with open(path, "rb") as file:
        data = file.read()
    at, frames = 24, []
    while at + 16 <= len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


# The tests.

def go_round(uiommufd, directory, packets):
    testpmd = Testpmd(uiommufd, directory, "")
    testpmd.timer.cancel()
    testpmd.ask("start tx_first 8")
    began = time.monotonic()
    testpmd.await_counter("TX-packets", packets)
    took = time.monotonic() - began
    testpmd.ask("stop")
    time.sleep(0.2)
    counters = testpmd.counters()
    print(f"{counters['TX-packets']} packets in {took:.1f} s: {counters['TX-packets'] / took:.0f} a second")
    testpmd.quit()
    expect("all that was sent is received", counters["RX-packets"], counters["TX-packets"])
    expect("all bytes as well", counters["RX-bytes"], counters["TX-bytes"])
    expect("nothing is lost", (counters["RX-missed"], counters["RX-errors"], counters["TX-errors"]), (0, 0, 0))


def through(uiommufd, directory, frames, commands, *arguments):
    """Sends @frames through the driver; what comes out, and what testpmd says in the end."""
    source, target = os.path.join(directory, "in.pcap"), os.path.join(directory, "out.pcap")
    write_pcap(source, frames)
    testpmd = Testpmd(uiommufd, directory, f",backend=pcap,replay={source},file={target},mac={MAC}",
                      "--disable-device-start", "--no-flush-rx", *arguments)
    for command in ("set burst tx delay 100 retry 100000", *commands, "port start 0", "start"):
        testpmd.ask(command)
    deadline = time.monotonic() + SECONDS
    while len(read_pcap(target)) < len(frames) and time.monotonic() < deadline:
        time.sleep(0.1)
    text = testpmd.ask("stop")
    testpmd.quit()
    return read_pcap(target), text


def offload_checksums(uiommufd, directory):
    frames = [ip_frame(random.randrange(1, 1460), random.choice((6, 17)), i in (7, 300)) for i in range(FRAMES)]
    commands = ["set fwd csum retry", "csum set ip hw 0", "csum set tcp hw 0", "csum set udp hw 0"]
    sent, text = through(uiommufd, directory, frames, commands, "--enable-rx-cksum")
    # The driver does not enable the verification of TCP and UDP.
    expect("bad checksums of IP are seen", re.search(r"Bad-ipcsum: (\d+)", text)[1], "2")
    expect("as many frames leave", len(sent), len(frames))
    for before, after in zip(frames, sent):
        length = struct.unpack_from(">H", before, 16)[0] - 20
        header, l4 = after[14:34], after[34:34 + length]
        if checksum(header) or checksum(header[12:] + struct.pack(">HH", header[9], length) + l4):
            expect("checksums are right", after.hex(), before.hex())
        # But for the checksums, and the addresses, which testpmd chooses.
        at = 34 + (6 if header[9] == 17 else 16)
        if (before[12:24], before[26:at], before[at + 2:]) != (after[12:24], after[26:at], after[at + 2:]):
            expect("what is sent is what was received", after.hex(), before.hex())
    print("ok: all checksums are right")


def receive(peer, size):
    data = b""
    while len(data) < size:
        got = peer.recv(size - len(data))
        if not got:
            raise SystemExit("FAIL: the device has closed the socket")
        data += got
    return data


def exchange(uiommufd, directory, frames, commands, *arguments):
    """Sends @frames from the other end of a socket; what comes back."""
    path = os.path.join(directory, "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(SECONDS)
        testpmd = Testpmd(uiommufd, directory, f",backend=socket,path={path}", "--disable-device-start", *arguments)
        for command in (*commands, "port start 0", "start"):
            testpmd.ask(command)
        while True:  # the command looks whether something listens, and goes
            peer, _ = listener.accept()
            peer.settimeout(SECONDS)
            try:
                peer.sendall(struct.pack(">I", len(frames[0])) + frames[0])
                answer = [receive(peer, struct.unpack(">I", receive(peer, 4))[0])]
                break
            except (BrokenPipeError, ConnectionResetError, SystemExit):
                peer.close()
        for frame in frames[1:]:
            peer.sendall(struct.pack(">I", len(frame)) + frame)
            answer.append(receive(peer, struct.unpack(">I", receive(peer, 4))[0]))
        testpmd.quit()
        peer.close()
    return answer


def change_tags(uiommufd, directory):
    plain = [ip_frame(random.randrange(1, 1400), 17) for _ in range(FRAMES)]
    tagged = [frame[:12] + struct.pack(">HH", 0x8100, 0x7000 | TAG + 1) + frame[12:] for frame in plain]
    commands = ["set fwd mac", f"tx_vlan set 0 {TAG}"]
    sent = exchange(uiommufd, directory, tagged, commands, "--enable-hw-vlan-strip")
    wanted = [frame[:12] + struct.pack(">HH", 0x8100, TAG) + frame[12:] for frame in plain]
    expect("as many frames leave", len(sent), len(wanted))
    for before, after in zip(wanted, sent):
        if before[12:] != after[12:]:
            expect("tags are stripped and inserted", after.hex(), before.hex())
    print("ok: tags are stripped and inserted")


def main():
    uiommufd = os.path.abspath(sys.argv[1])
    packets = int(sys.argv[2]) if len(sys.argv) > 2 else PACKETS
    if not shutil.which(TESTPMD) or not glob.glob(f"/usr/lib/*/dpdk/pmds-*/{DRIVER}"):
        print("SKIPPED:", TESTPMD, "or", DRIVER, "is not installed")
        return 77
    with tempfile.TemporaryDirectory() as directory:
        go_round(uiommufd, directory, packets)
        offload_checksums(uiommufd, directory)
        change_tags(uiommufd, directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
