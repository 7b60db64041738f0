#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client of vfio-user, written from the protocol's specification alone, drives `uiommufd serve edu`.

It speaks to the server as QEMU does: it asks what the device is, gives it memory (by descriptor, and without one, where
it answers DMA_READ and DMA_WRITE itself), interrupts by eventfds, and drives its registers. Then it is a bad client.

Usage: vfio_user.py UIOMMUFD COUNTER DOORBELLS
COUNTER: the shared object of examples/models/counter.c. DOORBELLS: that of doorbell_model.c.
Exit: 0 passed, 1 failed.
"""
import array
import json
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

VERSION, DMA_MAP, DMA_UNMAP, GET_INFO, GET_REGION_INFO, GET_REGION_IO_FDS, GET_IRQ_INFO, SET_IRQS = range(1, 9)
REGION_READ, REGION_WRITE, DMA_READ, DMA_WRITE, RESET = range(9, 14)
REGION_WRITE_MULTI, FEATURE, MIG_DATA_READ, MIG_DATA_WRITE = 15, 16, 17, 18
HEADER = struct.Struct("<HHIII")
REPLY, NO_REPLY, ERROR = 1, 0x10, 0x20
READABLE, WRITABLE = 1, 2
CONFIG = 7  # the region
EINVAL, ENOENT, ENOMEM, EEXIST, EFAULT, ENOTTY, EOPNOTSUPP = 22, 2, 12, 17, 14, 25, 95
PAGE = 4096

# Registers of edu, and bits of its commands.
LIVENESS, DMA_SOURCE, DMA_TARGET, DMA_COUNT, DMA_COMMAND, IRQ_STATUS = 0x04, 0x80, 0x88, 0x90, 0x98, 0x24
START, TO_RAM, WITH_IRQ = 1, 2, 4
BUFFER = 0x40000
PATTERN = bytes(range(256)) * 16


class Refused(Exception):
    """The server has answered with an error."""


class Closed(Exception):
    """The server has closed the connection."""


class Client:
    def __init__(self, path, agree=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.id = 0
        self.fds = []  # that came with messages
        self.memory = {}  # what DMA of the server reaches by messages: address -> bytearray of a page
        self.served = []  # those messages
        self.answer_dma = True
        if agree:
            self.agree()

    def agree(self, minor=1, text=b'{"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576}}\0'):
        reply = self.call(VERSION, struct.pack("<HH", 0, minor) + text)
        major, self.minor = struct.unpack_from("<HH", reply)
        check(major == 0, "another major version")
        check(reply[-1] == 0, "the server's capabilities end with a 0")
        self.capabilities = json.loads(reply[4:-1])["capabilities"]

    def close(self):
        self.socket.close()

    def send(self, command, payload=b"", fds=(), flags=0, number=None, size=None, error=0):
        self.id = (self.id + 1) & 0xFFFF
        number = self.id if number is None else number
        head = HEADER.pack(number, command, 16 + len(payload) if size is None else size, flags, error)
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([head + payload], control)
        return number

    def receive_exactly(self, length):
        data = b""
        while len(data) < length:
            try:
                part, fds, _, _ = socket.recv_fds(self.socket, length - len(data), 1)
                self.fds += fds
            except ConnectionResetError:
                part = b""
            if not part:
                raise Closed
            data += part
        return data

    def receive(self):
        number, command, size, flags, error = HEADER.unpack(self.receive_exactly(16))
        return number, command, flags, error, self.receive_exactly(size - 16)

    def serve_dma(self, number, command, payload):
        address, count = struct.unpack_from("<QQ", payload)
        self.served.append((command, address, count))
        page, at = self.memory.get(address & -PAGE), address % PAGE
        if page is None or at + count > PAGE:
            self.send(command, flags=REPLY | ERROR, error=EFAULT, number=number)
        elif command == DMA_READ:
            self.send(command, payload[:16] + bytes(page[at:at + count]), flags=REPLY, number=number)
        else:
            page[at:at + count] = payload[16:]
            self.send(command, payload[:16], flags=REPLY, number=number)

    def reply_to(self, wanted):
        while True:
            number, command, flags, error, payload = self.receive()
            if flags & 0xF == 0:
                check(command in (DMA_READ, DMA_WRITE), "the server sends command %d" % command)
                self.serve_dma(number, command, payload)
                continue
            check(number == wanted, "a reply to another message")
            if flags & ERROR:
                raise Refused(error)
            return payload

    def call(self, command, payload=b"", fds=()):
        return self.reply_to(self.send(command, payload, fds))

    # ---- what a VMM does ----

    def read(self, region, offset, count):
        reply = self.call(REGION_READ, struct.pack("<QII", offset, region, count))
        check(len(reply) == 16 + count, "a read of %d bytes gives %d" % (count, len(reply) - 16))
        return reply[16:]

    def write(self, region, offset, data):
        self.call(REGION_WRITE, struct.pack("<QII", offset, region, len(data)) + data)

    def get(self, register):
        return struct.unpack("<I", self.read(0, register, 4))[0]

    def set(self, register, value, form="<I"):
        self.write(0, register, struct.pack(form, value))

    def enable(self):
        self.write(CONFIG, 4, struct.pack("<H", 6))

    def map(self, address, size, fd=None, offset=0, flags=READABLE | WRITABLE):
        self.call(DMA_MAP, struct.pack("<IIQQQ", 32, flags, offset, address, size), [] if fd is None else [fd])

    def unmap(self, address, size, flags=0):
        self.call(DMA_UNMAP, struct.pack("<IIQQ", 24, flags, address, size))

    def dma(self, source, target, count, command):
        self.set(DMA_SOURCE, source, "<Q")
        self.set(DMA_TARGET, target, "<Q")
        self.set(DMA_COUNT, count, "<Q")
        self.set(DMA_COMMAND, START | command)
        while self.get(DMA_COMMAND) & START:
            pass


def check(condition, text):
    if not condition:
        raise SystemExit("FAIL: " + text)


def expect(error, function, *arguments):
    try:
        function(*arguments)
    except Refused as refused:
        check(refused.args[0] == error, f"{function.__name__}{arguments}: error {refused.args[0]} instead of {error}")
        return
    raise SystemExit(f"FAIL: {function.__name__}{arguments} is accepted")


def expect_closed(client):
    try:
        while True:
            client.receive()
    except Closed:
        client.close()


class Server:
    def __init__(self, uiommufd, directory, *arguments):
        self.path = os.path.join(directory, "socket")
        self.log = open(os.path.join(directory, "log"), "w+")
        self.process = subprocess.Popen([uiommufd, "serve", *arguments, "--socket", self.path], stderr=self.log)
        while not os.path.exists(self.path):
            check(self.process.poll() is None, "the server has ended")
            time.sleep(0.01)

    def lines(self):
        self.log.seek(0)
        return self.log.read().splitlines()

    def end(self):
        """Ends it, and returns the lines that it has logged."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        check(status == 0, f"the server's exit status is {status}; its log:\n" + "\n".join(self.lines()))
        check(not os.path.exists(self.path), "the server leaves its socket")
        return self.lines()


def memory_file(pages, content=b""):
    fd = os.memfd_create("guest")
    os.truncate(fd, pages * PAGE)
    view = mmap.mmap(fd, pages * PAGE)
    view[:len(content)] = content
    return fd, view


# ---- good clients ----


def describes_the_device(server):
    client = Client(server.path)
    check(client.minor == 1 and client.capabilities["pgsizes"] & PAGE, "version and capabilities")
    argsz, flags, regions, irqs = struct.unpack("<IIII", client.call(GET_INFO, struct.pack("<IIII", 16, 0, 0, 0)))
    check((argsz, flags, regions, irqs) == (16, 3, 9, 5), "a PCI device that can be reset")
    for region, size in ((0, 1 << 20), (1, 0), (8, 0)):
        info = struct.unpack("<IIIIQQ", client.call(GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, region, 0, 0, 0)))
        check(info[2] == region and info[4] == size, f"the size of region {region}")
        check(info[1] == (3 if size else 0), f"the flags of region {region}")
    info = struct.unpack("<IIII", client.call(GET_IRQ_INFO, struct.pack("<IIII", 16, 0, 1, 0)))
    check(info[3] >= 1, "the device has MSI")
    fds = struct.unpack("<IIII", client.call(GET_REGION_IO_FDS, struct.pack("<IIII", 16, 0, 0, 0)))
    check(fds[3] == 0, "a doorbell has a descriptor")
    check(client.read(CONFIG, 0, 4) == struct.pack("<HH", 0x1234, 0x11E8), "the IDs of edu")
    client.set(LIVENESS, 0x12345678)
    check(client.get(LIVENESS) == 0xEDCBA987, "the liveness register inverts")
    client.close()


def posted_and_multiple_writes(server):
    client = Client(server.path)
    client.send(REGION_WRITE, struct.pack("<QIII", LIVENESS, 0, 4, 1), flags=NO_REPLY)
    check(client.get(LIVENESS) == 0xFFFFFFFE, "a posted write")
    many = struct.pack("<Q", 2) + 2 * struct.pack("<QIIQ", LIVENESS, 0, 4, 7)
    check(client.call(REGION_WRITE_MULTI, many) == struct.pack("<Q", 2), "writes of one message")
    check(client.get(LIVENESS) == 0xFFFFFFF8, "the last of them")
    for _ in range(2000):  # more than the server keeps
        client.send(REGION_WRITE, struct.pack("<QIII", LIVENESS, 0, 4, 2), flags=NO_REPLY)
    check(client.get(LIVENESS) == 0xFFFFFFFD, "many posted writes")
    client.close()


def dma_by_descriptor(server):
    fd, view = memory_file(4, PATTERN)
    client = Client(server.path)
    client.enable()
    client.map(0x100000, 2 * PAGE, fd)
    client.map(0x200000, PAGE, fd, 2 * PAGE)
    client.dma(0x100000, BUFFER, 2048, 0)
    client.dma(BUFFER, 0x200000 + 128, 2048, TO_RAM)
    check(view[2 * PAGE + 128:2 * PAGE + 128 + 2048] == PATTERN[:2048], "the device copies memory of a descriptor")
    check(not client.served, "memory of a descriptor is reached by messages")
    client.close()
    os.close(fd)


def dma_by_messages(server):
    fd, view = memory_file(1)
    client = Client(server.path)
    client.enable()
    client.memory[0x100000] = bytearray(PATTERN)
    client.memory[0x101000] = bytearray(PAGE)
    client.map(0x100000, PAGE)
    client.map(0x101000, PAGE)
    client.map(0x102000, PAGE, fd)
    client.dma(0x100000 + 64, BUFFER, 1024, 0)
    client.dma(BUFFER, 0x101000, 1024, TO_RAM)
    check(client.memory[0x101000][:1024] == PATTERN[64:64 + 1024], "the device copies memory behind messages")
    check((DMA_READ, 0x100000 + 64, 1024) in client.served, "DMA_READ")
    client.dma(BUFFER, 0x102000 - 512, 1024, TO_RAM)  # half by messages, half by the descriptor
    check(client.memory[0x101000][-512:] == PATTERN[64:64 + 512], "up to the end of the first region")
    check(view[:512] == PATTERN[64 + 512:64 + 1024], "and from the begin of the second")
    client.close()
    os.close(fd)


def msi(server):
    fd, _ = memory_file(1)
    client = Client(server.path)
    event = os.eventfd(0)
    client.enable()
    client.map(0, PAGE, fd)
    client.call(SET_IRQS, struct.pack("<IIIII", 20, 4 | 1 << 5, 1, 0, 1), [event])
    client.dma(0, BUFFER, 64, WITH_IRQ)
    check(select.select([event], [], [], 60)[0] == [event], "a message interrupt")
    check(os.eventfd_read(event) == 1, "one")
    client.call(SET_IRQS, struct.pack("<IIIII", 20, 4 | 1 << 5, 1, 0, 1))  # without a descriptor: none
    client.dma(0, BUFFER, 64, WITH_IRQ)
    check(select.select([event], [], [], 0)[0] == [], "an interrupt without an eventfd")
    client.call(SET_IRQS, struct.pack("<IIIII", 20, 1 | 1 << 5, 1, 0, 0))
    client.close()
    os.close(event)
    os.close(fd)


def reset_and_next_client(server):
    client = Client(server.path)
    client.set(LIVENESS, 5)
    client.call(RESET)
    check(client.get(LIVENESS) != 0xFFFFFFFA, "a reset")
    client.set(LIVENESS, 5)
    waiting = Client(server.path, agree=False)
    waiting.send(VERSION, struct.pack("<HH", 0, 0))
    check(select.select([waiting.socket], [], [], 0)[0] == [], "a second client is served")
    client.close()
    waiting.receive()
    check(waiting.get(LIVENESS) != 0xFFFFFFFA, "the next client gets the device as it was left")
    check(waiting.read(CONFIG, 4, 2)[0] & 4 == 0, "bus mastering is on for the next client")
    waiting.close()


def dirty_pages(server):
    fd, _ = memory_file(8)
    client = Client(server.path)
    client.enable()
    client.map(0x10000, 8 * PAGE, fd)
    get, put, probe = 1 << 16, 1 << 17, 1 << 18
    client.call(FEATURE, struct.pack("<II", 8, 6 | put | probe))
    start = struct.pack("<IIQIIQQ", 40, 6 | put, PAGE, 1, 0, 0x10000, 8 * PAGE)
    check(client.call(FEATURE, start) == start, "the reply has the request's data")
    client.dma(BUFFER, 0x10000 + 3 * PAGE - 8, 16, TO_RAM)
    report = client.call(FEATURE, struct.pack("<IIQQQ", 40, 8 | get, 0x10000, 8 * PAGE, PAGE))
    check(report[32:] == struct.pack("<Q", 0b1100), "the two pages that were written")
    client.call(FEATURE, struct.pack("<II", 8, 7 | put))
    client.call(FEATURE, struct.pack("<IIQII", 24, 6 | put, PAGE, 0, 0))  # all memory, in large units
    client.dma(BUFFER, 0x10000 + 3 * PAGE, 16, TO_RAM)
    report = client.call(FEATURE, struct.pack("<IIQQQ", 40, 8 | get, 0x10000, 8 * PAGE, PAGE))
    check(report[32] & 8, "the page that was written")
    client.call(FEATURE, struct.pack("<II", 8, 7 | put))
    expect(ENOTTY, client.call, FEATURE, struct.pack("<II", 8, 5 | get))
    client.close()
    os.close(fd)


def migration(uiommufd):
    """The state of one server's device goes to that of another one."""
    get, put = 1 << 16, 1 << 17
    stop, running, stop_copy, resuming = range(1, 5)

    def state(client, number):
        reply = client.call(FEATURE, struct.pack("<IIIi", 16, 2 | put, number, -1))
        check(struct.unpack("<IIIi", reply) == (16, 2 | put, number, -1), f"the device is in state {number}")

    def read_all(client):
        stream = b""
        while True:
            reply = client.call(MIG_DATA_READ, struct.pack("<II", 8 + 64, 64))
            argsz, size = struct.unpack_from("<II", reply)
            check(argsz == 8 + size == len(reply) and size <= 64, "a part of the stream")
            if not size:
                return stream
            stream += reply[8:]

    folders = [tempfile.TemporaryDirectory() for _ in range(2)]
    sides = [Server(uiommufd, folder.name, "edu") for folder in folders]
    source, target = (Client(server.path) for server in sides)
    flags = struct.unpack("<IIQ", source.call(FEATURE, struct.pack("<II", 16, 1 | get)))[2]
    check(flags & 1, "the device can stop and be copied")
    expect(EINVAL, source.call, MIG_DATA_READ, struct.pack("<II", 72, 64))
    source.enable()
    source.set(LIVENESS, 0x1234)
    state(source, stop_copy)
    stream = read_all(source)
    check(stream and struct.unpack_from("<IIIi", source.call(FEATURE, struct.pack("<II", 16, 2 | get)))[2] == stop_copy, "it is stopped")
    state(source, running)
    check(source.get(LIVENESS) == 0xFFFFEDCB, "the source lives on")
    state(target, resuming)
    expect(EINVAL, target.call, MIG_DATA_WRITE, struct.pack("<II", 8, 4) + stream[:4])
    expect(EINVAL, target.call, MIG_DATA_WRITE, struct.pack("<II", 16, 8) + stream[:4])
    for at in range(0, len(stream), 100):
        part = stream[at:at + 100]
        target.call(MIG_DATA_WRITE, struct.pack("<II", 8 + len(part), len(part)) + part)
    state(target, running)
    target.enable()
    check(target.get(LIVENESS) == 0xFFFFEDCB, "the target has the state of the source")
    state(target, resuming)
    target.call(MIG_DATA_WRITE, struct.pack("<II", 8 + 100, 100) + stream[:100])
    expect(EINVAL, state, target, running)  # the stream is cut off
    target.call(RESET)
    check(target.get(LIVENESS) != 0xFFFFEDCB, "a reset brings it back")
    for client, server, folder in zip((source, target), sides, folders):
        client.close()
        server.end()
        folder.cleanup()


def memory_of_a_bar(uiommufd, directory, model):
    """BAR 0 of the model has registers, doorbells at 0x1000 and memory at 0x2000; the last doorbell doubles its first word."""
    server = Server(uiommufd, directory, model)
    client = Client(server.path)
    client.enable()
    ask = struct.Struct("<IIIIQQ")
    info = ask.unpack(client.call(GET_REGION_INFO, ask.pack(32, 0, 0, 0, 0, 0)))
    check(info[0] == 64 and info[1] == 15 and not info[3] and not client.fds, "how much room the areas take, and no more")
    reply = client.call(GET_REGION_INFO, ask.pack(64, 0, 0, 0, 0, 0))
    check(len(reply) == 64 and ask.unpack_from(reply)[3] == 32, "a capability behind the region")
    check(struct.unpack_from("<HHIII", reply, 32) == (1, 1, 0, 1, 0), "sparse areas, one of them")
    check(struct.unpack_from("<QQ", reply, 48) == (2 * PAGE, PAGE), "the page of memory")
    check(len(client.fds) == 1, "the descriptor of the memory")
    memory = mmap.mmap(client.fds[0], PAGE, offset=2 * PAGE)
    memory[0:4] = struct.pack("<I", 21)
    client.write(0, PAGE + 4 * 1023, struct.pack("<I", 1))
    check(memory[4:8] == struct.pack("<I", 42), "the device and the client have the same memory")
    check(client.read(0, 2 * PAGE + 4, 4) == struct.pack("<I", 42), "by messages, too")
    client.close()
    client = Client(server.path)
    client.enable()
    memory[0:4] = struct.pack("<I", 99)
    client.write(0, 2 * PAGE, struct.pack("<I", 3))
    client.write(0, PAGE + 4 * 1023, struct.pack("<I", 1))
    check(client.read(0, 2 * PAGE + 4, 4) == struct.pack("<I", 6), "a client that has left reaches the device")
    client.close()
    lines = server.end()
    check(not lines, "\n".join(lines))


# ---- bad clients ----


def bad_dma_is_refused(server):
    fd, view = memory_file(2, b"\xff" * 2 * PAGE)
    client = Client(server.path)
    client.enable()
    client.map(0x100000, PAGE, fd)
    expect(EEXIST, client.map, 0x100000, PAGE, fd)
    expect(EINVAL, client.unmap, 0x100000, 512)
    client.unmap(0x100000, PAGE)
    expect(ENOENT, client.unmap, 0x100000, PAGE)
    client.dma(BUFFER, 0x100000, 64, TO_RAM)
    check(view[:64] == b"\xff" * 64, "the device reaches memory that is unmapped")
    client.map(0x100000, PAGE, fd, flags=READABLE)
    client.dma(BUFFER, 0x100000, 64, TO_RAM)
    check(view[:64] == b"\xff" * 64, "the device writes memory that is readable")
    client.map(0x200000, PAGE, fd, PAGE)
    client.unmap(0, 0, 2)
    client.dma(BUFFER, 0x200000, 64, TO_RAM)
    check(view[PAGE:PAGE + 64] == b"\xff" * 64, "the device reaches memory when all is unmapped")
    for size, address, flags in ((512, 0, 3), (PAGE, 512, 3), (0, 0, 3), (PAGE, 0, 0), (PAGE, 0, 4),
                                 (2 * PAGE, (1 << 64) - PAGE, 3), (PAGE, 0xFEE00000, 3)):
        expect(EINVAL, client.map, address, size, fd, 0, flags)
        expect(EINVAL, client.map, address, size, None, 0, flags)
    expect(ENOMEM, client.map, 0, 1 << 63, fd)
    expect(ENOMEM, client.map, 0, 1 << 63)
    os.truncate(fd, 0)
    client.map(0x100000, PAGE, fd)
    client.dma(0x100000, BUFFER, 64, 0)  # the file is empty
    client.close()
    os.close(fd)
    check(sum("0x100000" in line and "DMA" in line for line in server.lines()) >= 3, "faults are reported")


def malformed_messages_are_refused(server):
    client = Client(server.path)
    event = os.eventfd(0)
    for command, payload, fds, error in (
            (VERSION, struct.pack("<HH", 0, 0), [], EINVAL),
            (DMA_MAP, b"\0" * 31, [], EINVAL),
            (DMA_MAP, struct.pack("<IIQQQ", 31, 3, 0, 0, PAGE), [], EINVAL),
            (DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, 0, PAGE), [event, event], EINVAL),
            (DMA_UNMAP, struct.pack("<IIQQ", 24, 4, 0, PAGE), [], EINVAL),
            (DMA_UNMAP, struct.pack("<IIQQ", 24, 2, 0, PAGE), [], EINVAL),
            (GET_INFO, b"\0" * 15, [], EINVAL),
            (GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, 9, 0, 0, 0), [], EINVAL),
            (GET_IRQ_INFO, struct.pack("<IIII", 16, 0, 5, 0), [], EINVAL),
            (SET_IRQS, struct.pack("<IIIII", 20, 4 | 1 << 5, 1, 0, 0xFFFFFFFF), [], EINVAL),
            (SET_IRQS, struct.pack("<IIIII", 20, 4 | 1 << 5, 1, 0, 1), [event, event], EINVAL),
            (SET_IRQS, struct.pack("<IIIII", 20, 2 | 1 << 5, 1, 0, 1), [], EINVAL),
            (REGION_READ, struct.pack("<QII", 0, 0, 0xFFFFFFFF), [], EINVAL),
            (REGION_READ, struct.pack("<QII", (1 << 64) - 1, 0, 4), [], EINVAL),
            (REGION_READ, struct.pack("<QII", 0, 1, 4), [], EINVAL),
            (REGION_READ, struct.pack("<QIII", 0, 0, 4, 0), [], EINVAL),
            (REGION_WRITE, struct.pack("<QII", 0, 0, 4), [], EINVAL),
            (REGION_WRITE_MULTI, struct.pack("<Q", 1 << 63), [], EINVAL),
            (RESET, b"\0", [], EINVAL),
            (FEATURE, struct.pack("<IIQQQ", 40, 8 | 1 << 16, 0, 1 << 62, 1), [], EINVAL),
            (DMA_READ, struct.pack("<QQ", 0, 4), [], EOPNOTSUPP),
            (MIG_DATA_READ, b"", [], EINVAL),
            (14, b"", [], EOPNOTSUPP),
            (19, b"", [], EOPNOTSUPP),
            (0xFFFF, b"", [], EOPNOTSUPP)):
        expect(error, client.call, command, payload, fds)
    check(client.read(CONFIG, 0, 2) == b"\x34\x12", "the session goes on")
    client.close()
    os.close(event)


def bad_openings_end_the_session(server):
    for command, payload in ((GET_INFO, struct.pack("<IIII", 16, 0, 0, 0)), (VERSION, struct.pack("<HH", 1, 0)),
                             (VERSION, b""), (VERSION, struct.pack("<HH", 0, 0) + b"{"),
                             (VERSION, struct.pack("<HH", 0, 0) + b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\0")):
        client = Client(server.path, agree=False)
        expect(EINVAL, client.call, command, payload)
        expect_closed(client)
    for arguments in ({"size": 15}, {"size": 0xFFFFFFFF}, {"flags": 2}, {"flags": REPLY}):
        client = Client(server.path)
        client.send(GET_INFO, struct.pack("<IIII", 16, 0, 0, 0), **arguments)
        expect_closed(client)


def clients_that_leave(server):
    client = Client(server.path, agree=False)
    client.close()
    client = Client(server.path)
    client.send(REGION_READ, b"", size=32)  # and no more
    client.close()
    client = Client(server.path)
    client.enable()
    client.map(0, PAGE)
    client.set(DMA_SOURCE, 0, "<Q")
    client.set(DMA_TARGET, BUFFER, "<Q")
    client.set(DMA_COUNT, 64, "<Q")
    client.send(REGION_WRITE, struct.pack("<QIII", DMA_COMMAND, 0, 4, START), flags=NO_REPLY)
    check(client.receive()[1] == DMA_READ, "the device reads memory of its client")
    client.close()  # instead of an answer
    Client(server.path).close()


def bad_answers_to_dma(server):
    def start():
        client = Client(server.path)
        client.enable()
        client.map(0, PAGE)
        for register, value in ((DMA_SOURCE, 0), (DMA_TARGET, BUFFER), (DMA_COUNT, 64)):
            client.set(register, value, "<Q")
        client.send(REGION_WRITE, struct.pack("<QIII", DMA_COMMAND, 0, 4, START), flags=NO_REPLY)
        number, command, _, _, payload = client.receive()
        check(command == DMA_READ, "the device reads memory of its client")
        return client, number, payload

    client, number, payload = start()
    client.send(DMA_READ, flags=REPLY | ERROR, number=number, error=EFAULT)
    while client.get(DMA_COMMAND) & START:
        pass
    client.close()
    for answer in (b"", b"\0" * 63, b"\0" * 65):
        client, number, payload = start()
        client.send(DMA_READ, payload + answer, flags=REPLY, number=number)
        expect_closed(client)
    client, number, payload = start()
    client.send(DMA_WRITE, payload + b"\0" * 64, flags=REPLY, number=number)
    expect_closed(client)
    client, number, payload = start()
    client.send(DMA_READ, payload + b"\0" * 64, flags=REPLY, number=number + 1)
    expect_closed(client)
    # Unmapping waits for the answer, which is behind it.
    client, number, payload = start()
    unmap = client.send(DMA_UNMAP, struct.pack("<IIQQ", 24, 0, 0, PAGE))
    client.send(DMA_READ, payload + PATTERN[:64], flags=REPLY, number=number)
    client.reply_to(unmap)
    client.close()


def slow_clients_are_left(uiommufd, directory):
    server = Server(uiommufd, directory, "edu", "--timeout", "1")
    client = Client(server.path)
    client.send(REGION_READ, b"", size=32)
    expect_closed(client)
    client = Client(server.path)
    client.enable()
    client.map(0, PAGE)
    client.set(DMA_COUNT, 64, "<Q")
    client.set(DMA_TARGET, BUFFER, "<Q")
    client.send(REGION_WRITE, struct.pack("<QIII", DMA_COMMAND, 0, 4, START), flags=NO_REPLY)
    expect_closed(client)
    lines = server.end()
    check(any("rest of a message does not come" in line for line in lines), "a line about half a message")
    check(any("does not answer DMA_READ" in line for line in lines), "a line about DMA without an answer")


def ends_while_dma_waits(uiommufd, directory):
    server = Server(uiommufd, directory, "edu", "--timeout", "0")
    client = Client(server.path)
    client.enable()
    client.map(0, PAGE)
    client.set(DMA_COUNT, 64, "<Q")
    client.set(DMA_TARGET, BUFFER, "<Q")
    client.set(DMA_COMMAND, START)
    check(client.receive()[1] == DMA_READ, "the device reads memory of its client")
    server.end()


def models_from_shared_objects(uiommufd, directory, path):
    server = Server(uiommufd, directory, path, "--iommu", "intel,name=one")
    client = Client(server.path)
    check([client.get(0) for _ in range(3)] == [0, 1, 2], "the counter counts")
    client.close()
    check(not server.end(), "a good client is reported")


def paths(uiommufd, directory):
    server = Server(uiommufd, directory, "edu")
    command = [uiommufd, "serve", "edu", "--socket"]
    other = subprocess.run(command + [server.path], capture_output=True, text=True)
    check(other.returncode == 125 and "another server listens" in other.stderr, "two servers at one path")
    check(len(other.stderr.splitlines()) == 1, "one line")
    Client(server.path).close()
    server.process.kill()
    server.process.wait()
    check(os.path.exists(server.path), "a server that is killed leaves its socket")
    os.rename(server.path, server.path + ".old")
    os.symlink(server.path + ".old", server.path)
    check(subprocess.run(command + [server.path], capture_output=True).returncode == 125, "a link is replaced")
    os.unlink(server.path)
    with open(server.path, "w") as text:
        text.write("data")
    check(subprocess.run(command + [server.path], capture_output=True).returncode == 125, "a file is replaced")
    os.unlink(server.path)
    os.rename(server.path + ".old", server.path)
    server.process = subprocess.Popen(command + [server.path], stderr=server.log)
    while True:
        try:
            Client(server.path).close()
            break
        except ConnectionRefusedError:
            check(server.process.poll() is None, "a socket that nobody listens at is not replaced")
            time.sleep(0.01)
    server.end()
    for arguments in ([], ["edu"], ["--socket", "x"], ["edu", "--socket"], ["nothing", "--socket", "x"],
                      ["edu,nothing=1", "--socket", "x"], ["edu", "ioat", "--socket", "x"], ["edu", "--other"],
                      ["edu", "--socket", "x", "--timeout", "soon"], ["edu", "--socket", "x", "--iommu", "none"]):
        wrong = subprocess.run([uiommufd, "serve", *arguments], capture_output=True, text=True, cwd=directory)
        check(wrong.returncode == 2 and len(wrong.stderr.splitlines()) == 1, f"serve {arguments}: {wrong}")
    for path in ("x" * 108, "no/such/directory"):
        wrong = subprocess.run(command + [path], capture_output=True, text=True, cwd=directory)
        check(wrong.returncode == 125 and len(wrong.stderr.splitlines()) == 1, f"--socket {path}: {wrong}")
    check(os.listdir(directory) == ["log"], "files are left")


def main():
    uiommufd = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        server = Server(uiommufd, directory, "edu")
        for test in (describes_the_device, posted_and_multiple_writes, dma_by_descriptor, dma_by_messages, msi,
                     reset_and_next_client, dirty_pages):
            test(server)
        lines = server.end()
        check(not lines, "good clients are reported: " + "\n".join(lines))
        server = Server(uiommufd, directory, "edu")
        for test in (bad_dma_is_refused, malformed_messages_are_refused, bad_openings_end_the_session,
                     clients_that_leave, bad_answers_to_dma):
            test(server)
        describes_the_device(server)
        lines = server.end()
        if os.environ.get("VERBOSE"):
            print("\n".join(lines))
        for text in ("left in the middle of a message", "shorter than its header", "too long", "unknown type",
                     "nothing waits for", "malformed"):
            check(any(text in line for line in lines), f"no line says \"{text}\":\n" + "\n".join(lines))
        models_from_shared_objects(uiommufd, directory, os.path.abspath(sys.argv[2]))
        memory_of_a_bar(uiommufd, directory, os.path.abspath(sys.argv[3]))
        migration(uiommufd)
        for test in (slow_clients_are_left, ends_while_dma_waits, paths):
            test(uiommufd, directory)
    print("passed")


if __name__ == "__main__":
    main()
