#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the binary seeds of the fuzz targets: whole sessions that succeed, to start from.

make_corpus.py DIRECTORY writes DIRECTORY/TARGET/*, for a64, displace, e1000, insn, ioctl, vfio and vfio_user; those of others are text. An input of the former is one byte of
options (bits 0-2 flags of uiommufd_open, 3-7 the first kind of IOMMU) and then steps, one of the latter just
steps, as step() in each target reads them.
"""

import struct
import sys
from pathlib import Path

# Values as hostile_word() reads them, one 64-bit word each.
ZERO = bytes([0])


def pair(low, high=0):
    return bytes([1, low, high])


def memory(offset):
    return bytes([2]) + (offset // 8).to_bytes(2, "little")


def raw(value):
    return bytes([4]) + value.to_bytes(8, "little")


def pages(count):
    return bytes([5]) + count.to_bytes(2, "little")


# Fields as shape.c reads them: their letters, and the values that take one byte.
PAGE = 4096
IOVA = 0x1000000
GOOD = {
    "L": [0, 1, 8, 2048, 4096, 8192, 12288, 16384, 65536, 262144, 1 << 20, 1 << 30, 4095, 1 << 40, 2**64 - 1],
    "n": [0, 1, 2, 3, 4, 5, 8, 12, 16, 20, 24, 28, 32, 40, 64, 4096],
    "t": [0, 1, 2, 3, 4, 0xDEAD, 0xDEADBEEF, 0xBEEFBEEF, 0xFEEDBEEF],
    "V": [IOVA + page * PAGE for page in range(64)],
    "P": list(range(64)),  # pages of memory
    "i": list(range(32)), "f": list(range(32)), "d": list(range(16)), "h": list(range(4)), "z": [0], "X": [], "x": [],
}


def field(letter, value):
    if value in GOOD[letter]:
        return bytes([GOOD[letter].index(value)])
    return (b"" if letter in "Xx" else b"\xff") + raw(value)


def fields_of(shape, values):
    """The fields of a structure; those not given are zero, or the first good value."""
    first = {"V": IOVA, "X": 0, "x": 0}
    given = list(values) + [first.get(letter, 0) for letter in shape[len(values):]]
    return b"".join(field(letter, value) for letter, value in zip(shape, given, strict=True))


# In the order of ioctl_fuzz.c, with their shapes.
COMMANDS = {
    "destroy": "i", "ioas_alloc": "fz", "allow_iovas": "inzP", "copy": "fiiLVV", "iova_ranges": "inzPX",
    "map": "fizPLV", "unmap": "iVL", "option": "nhiX", "vfio_ioas": "ih", "hwpt_alloc": "fiizztnPiz",
    "hw_info": "finPtzX", "set_dirty": "fiz", "get_dirty": "ifzVLLP", "invalidate": "iPtnnz", "fault_alloc": "fzz",
    "map_file": "fidLLV", "viommu_alloc": "ftiiznzP", "vdevice_alloc": "iizX", "change_process": "z",
    "veventq_alloc": "fitnzzz", "hw_queue_alloc": "fitnzVL", "test": None, "resv_ranges": "inzP", "dev_ranges": "inzPX",
    "lookup": "fizVXXXiiii", "vfio_info": "fXnz", "vfio_map": "fPVL", "vfio_unmap": "fVL", "vfio_dirty": "fVLLLP",
    "get_pa": "fizVLX", "api_version": "", "check_extension": "", "set_iommu": "",
}
TESTS = {
    "add_reserved": (1, "VL"), "device": (2, "zzz"), "check_map": (3, "VLP"), "check_refs": (4, "LPn"),
    "access": (5, "zf"), "unpin": (6, "i"), "pin": (7, "fzVLP"), "rw": (8, "VLPf"), "replace": (10, "i"),
    "access_replace": (11, "i"), "device_flags": (12, "zzzf"), "dirty": (13, "fVLLP"), "iopf": (15, "iinfV"),
    "vevent": (17, "i"), "pasid_attach": (18, "ii"), "pasid_replace": (19, "ii"), "pasid_detach": (20, "i"),
    "dmabuf": (22, "nf"), "revoke": (23, "df"),
}
ANY, TEST_ABI = 0, 4
AMD, INTEL, SMMUV3, RISCV, POWER = (kind << 3 for kind in range(5))


# Steps.
def ioctl(name, *values):
    return bytes([0, list(COMMANDS).index(name), 0]) + fields_of(COMMANDS[name], values)


def failing(count, name, *values):
    """The same, while the allocation number @count fails."""
    call = ioctl(name, *values)
    return call[:2] + bytes([8, count - 1]) + call[3:]


def racing(change, name, *values):
    call = ioctl(name, *values)
    return call[:2] + bytes([16, change]) + call[3:]


def number(name, argument):
    return bytes([0, list(COMMANDS).index(name), 0, argument])


def test(name, which, *values):
    op, shape = TESTS[name]
    return bytes([0, list(COMMANDS).index("test"), 0, op]) + fields_of("iz", [which]) + fields_of(shape, values)


SHOW = bytes([7])
TABLE, VTD, STE, CD, DTE = range(5)


def guest(kind, page, *data):
    return bytes([8, kind, page, *data])


def guest_table(page, first, low, high=0):
    return guest(TABLE, page, low & 255, low >> 8, high, first)


def fill(offset, *words):
    return bytes([9]) + (offset // 8).to_bytes(2, "little") + bytes([len(words)]) + b"".join(words)


ENDPOINTS = 4


def endpoint(operation, index, pasid=0):
    return (128 | (pasid - 1) << 4 if pasid else 0) | operation * ENDPOINTS | index


def bind(index):
    return bytes([11, endpoint(0, index)])


def unbind(index):
    return bytes([11, endpoint(1, index)])


def attach(index, pt_id, pasid=0):
    return bytes([11, endpoint(2, index, pasid), pt_id])


def detach(index, pasid=0):
    return bytes([11, endpoint(3, index, pasid)])


def dma(index, write, page, size, pasid=0):
    return bytes([12, endpoint(int(write), index, pasid), page]) + size.to_bytes(2, "little")


def translate(index, page):
    return bytes([12, endpoint(2, index), page, 0, 0])


def use_file(number, operation, offset, size):
    return bytes([14, operation * 8 + number]) + memory(offset) + bytes([size])


READ, WRITE, POLL_AND_MAP, CLOSE = range(4)
REOPEN, OTHER_CONTEXT = bytes([15, 0]), bytes([15, 1])
FIXED_RW, AUTO_RW = 7, 6
WHOLE, EVERYTHING = 262144, 2**64 - 1

IOAS = ioctl("ioas_alloc")  # the first object gets ID 1


def map_all(ioas):
    """All of the memory, page n at IOVA + n pages."""
    return ioctl("map", FIXED_RW, ioas, 0, 0, WHOLE, IOVA)


def map_some(ioas):
    return ioctl("map", FIXED_RW, ioas, 0, 8, 16384, IOVA)


# Page 0 is where the arguments of calls are.
DATA = 20

# 1: IOAS, 2: device, 3: a nesting parent of all memory
PARENT = IOAS + bind(0) + map_all(1) + ioctl("hwpt_alloc", 1, 2, 1)


def nested(parent, data_type, data_len):
    return ioctl("hwpt_alloc", 0, 2, parent, 0, 0, data_type, data_len, DATA)


MOCK_DEVICE = IOAS + test("device", 1)  # 1: IOAS, 2: handle, 3: device, 4: page table
MOCK_PARENT = MOCK_DEVICE + ioctl("hwpt_alloc", 1, 3, 1)  # 5
MOCK_VIOMMU = MOCK_PARENT + ioctl("viommu_alloc", 0, 0xDEADBEEF, 3, 5)  # 6

SESSIONS = {
    "map_and_dma": [
        AMD, IOAS, bind(0), attach(0, 1), ioctl("map", FIXED_RW, 1, 0, 8, 16384, IOVA),
        ioctl("map", AUTO_RW, 1, 0, 12, PAGE), dma(0, True, 0, 3000), dma(0, False, 1, 9000), translate(0, 3),
        dma(0, False, 50, 8), SHOW, ioctl("unmap", 1, IOVA, 16384), detach(0), unbind(0), ioctl("destroy", 1),
    ],
    "two_kinds_share": [
        AMD, IOAS, bind(0), bind(2), attach(0, 1), attach(2, 1), map_all(1), dma(0, True, 1, 5000),
        dma(2, False, 1, 5000), IOAS, attach(2, 6), dma(2, False, 1, 8), ioctl("copy", AUTO_RW, 6, 1, 8192, IOVA, IOVA),
    ],
    "two_contexts": [
        INTEL, IOAS, bind(0), attach(0, 1), map_some(1), OTHER_CONTEXT, IOAS, bind(1), attach(1, 1), map_some(1),
        dma(1, True, 3, 300), OTHER_CONTEXT, dma(0, False, 3, 300), REOPEN, SHOW, unbind(0), unbind(1),
    ],
    "ranges": [
        POWER, IOAS, fill(PAGE, ZERO, pages(1000), pages(2000), pages(3000)), ioctl("allow_iovas", 1, 2, 0, 1),
        ioctl("iova_ranges", 1, 0, 0, 1), ioctl("iova_ranges", 1, 8, 0, 1), ioctl("map", AUTO_RW, 1, 0, 0, PAGE),
        bind(0), attach(0, 1), ioctl("allow_iovas", 1), ioctl("resv_ranges", 2, 8, 0, 1),
        ioctl("dev_ranges", 2, 8, 0, 1), racing(9, "allow_iovas", 1, 2, 0, 1),
    ],
    "hwpts": [
        AMD, IOAS, bind(0), ioctl("hwpt_alloc", 2, 2, 1), attach(0, 3), map_all(1), ioctl("set_dirty", 1, 3),
        dma(0, True, 1, 100), ioctl("get_dirty", 3, 0, 0, IOVA, 65536, PAGE, 20), ioctl("lookup", 0, 3, 0, IOVA),
        ioctl("hw_info", 0, 2, 64, 1), ioctl("destroy", 3), detach(0), failing(3, "hwpt_alloc", 0, 2, 1),
        failing(2, "map", AUTO_RW, 1, 0, 1, PAGE), ioctl("destroy", 3),
    ],
    "files": [
        ANY, IOAS, bind(0), attach(0, 1), ioctl("map_file", FIXED_RW, 1, 3, 8192, 16384, IOVA), dma(0, True, 1, PAGE),
        ioctl("change_process"), ioctl("unmap", 1, 0, EVERYTHING),
    ],
    "pasids": [
        AMD, IOAS, bind(0), ioctl("hwpt_alloc", 8, 2, 1), attach(0, 3), attach(0, 3, pasid=1), map_all(1),
        dma(0, True, 8, 8, pasid=1), REOPEN, detach(0, pasid=1), unbind(0),
    ],
    "nested_intel": [
        INTEL, guest(VTD, DATA, 0, 1, 0), guest_table(1, 1, 0x7), PARENT, nested(3, 1, 24), attach(0, 4),
        dma(0, True, 1, 500), ioctl("lookup", 0, 4, 0, 0x1000), fill(PAGE * 2, raw(0), raw(2**64 - 1), ZERO),
        ioctl("invalidate", 4, 2, 0, 24, 1), SHOW, detach(0), ioctl("destroy", 4),
    ],
    "nested_amd": [
        AMD, guest(DTE, DATA, 1, 1), guest_table(1, 1, 0x7), PARENT, ioctl("viommu_alloc", 0, 1, 2, 3), nested(4, 3, 32),
        attach(0, 5), dma(0, True, 1, 500), ioctl("lookup", 0, 5, 0, 0x1000), detach(0),
    ],
    "viommu_smmuv3": [
        SMMUV3, guest_table(1, 2, 0x443), guest_table(4, 5, 0x443), guest(STE, DATA, 5, 3, 0, 0), guest(CD, 3, 16, 5), PARENT,
        ioctl("viommu_alloc", 0, 1, 2, 3), ioctl("vdevice_alloc", 4, 2, 0, 7), nested(4, 2, 16),
        ioctl("veventq_alloc", 0, 4, 1, 64), attach(0, 6), dma(0, True, 1, 500),
        fill(PAGE * 9, raw(0x10), ZERO, raw(0x05 | 7 << 32), ZERO),
        ioctl("invalidate", 4, 9, 1, 16, 2), use_file(0, READ, PAGE * 10, 64), ioctl("destroy", 4), unbind(0),
    ],
    "fault_queue": [
        TEST_ABI, ioctl("fault_alloc"), IOAS, test("device", 2), ioctl("hwpt_alloc", 4, 4, 2, 0, 0, 0, 0, 0, 1),
        test("replace", 3, 6), test("iopf", 0, 4, 0, 3, 1), use_file(0, POLL_AND_MAP, 0, 0),
        use_file(0, READ, PAGE, 80), use_file(0, WRITE, PAGE, 8), ioctl("destroy", 3), use_file(0, CLOSE, 0, 0), REOPEN,
    ],
    "vfio_type1": [
        1, IOAS, ioctl("vfio_ioas", 1, 1), ioctl("vfio_info"), ioctl("vfio_map", 3, 8, IOVA, 8192), bind(0),
        attach(0, 1), number("check_extension", 4), number("set_iommu", 1), ioctl("vfio_unmap", 0, IOVA + PAGE, PAGE),
        ioctl("vfio_unmap", 2, 0, 0), number("api_version", 0),
    ],
    "options": [
        2, IOAS, ioctl("option", 0, 0, 0, 1), ioctl("option", 1, 1, 1), ioctl("option", 1, 0, 1, 0),
        ioctl("map", AUTO_RW, 1, 0, 0, PAGE), ioctl("destroy", 1),
    ],
    "mock_device": [
        TEST_ABI, MOCK_DEVICE, map_all(1), test("check_map", 4, IOVA, 8192, 0), test("check_refs", 0, PAGE, 0, 1),
        test("add_reserved", 1, 0x9000000, PAGE), ioctl("destroy", 2),
    ],
    "mock_access": [
        TEST_ABI, IOAS, map_all(1), test("access", 1, 0, 1), test("pin", 5, 1, 0, IOVA, 8192, 0),
        test("rw", 5, IOVA, 4095, 20, 1), ioctl("unmap", 1, IOVA, WHOLE), test("unpin", 5, 0), test("access_replace", 5, 1),
        IOAS, test("dmabuf", 0, 4096, 0), ioctl("map_file", AUTO_RW, 3, 6, 0, PAGE, 0), test("revoke", 0, 6, 1),
        use_file(0, CLOSE, 0, 0),
    ],
    "mock_nested": [
        TEST_ABI, MOCK_PARENT, fill(PAGE, pair(7)), ioctl("hwpt_alloc", 0, 3, 5, 0, 0, 0xDEAD, 8, 1), test("replace", 2, 6),
        fill(PAGE, pair(1)), ioctl("invalidate", 6, 1, 0xDEADBEEF, 8, 1), test("device_flags", 1, 0, 0, 0, 4),
        test("pasid_attach", 4, 1, 1), test("pasid_detach", 4, 1), ioctl("hwpt_alloc", 2, 3, 1), map_all(1),
        ioctl("set_dirty", 1, 9), fill(PAGE, raw(2**64 - 1)), test("dirty", 9, 0, IOVA, 8192, PAGE, 1),
    ],
    "mock_viommu": [
        TEST_ABI, MOCK_VIOMMU, ioctl("vdevice_alloc", 6, 3, 0, 0x99), ioctl("veventq_alloc", 0, 6, 0xBEEFBEEF, 8),
        ioctl("hwpt_alloc", 0, 3, 6, 0, 0, 0xDEAD, 8, 1), test("replace", 2, 9), test("vevent", 0, 3),
        use_file(0, READ, PAGE, 64), map_all(1), ioctl("hw_queue_alloc", 0, 6, 0xDEADBEEF, 0, 0, IOVA, PAGE),
        fill(PAGE, raw(1 | 0x99 << 32), pair(1)), ioctl("invalidate", 6, 1, 0xDEADBEEF, 12, 1),
        ioctl("unmap", 1, IOVA, WHOLE), ioctl("destroy", 2), ioctl("destroy", 7), ioctl("destroy", 6),
    ],
}


# vfio_fuzz.c: files by number (0 is the iommufd), descriptors are 5 more.
VFIO_COMMANDS = {
    "bind": "nfdzP", "attach": "nfii", "detach": "nfi", "info": "nfzzzz", "region_info": "nfizXX", "irq_info": "nfiz",
    "set_irqs": "nxinndddd", "reset": "n", "hot_reset_info": "nfn", "hot_reset": "nfndddd", "ioeventfd": "nfXXd",
    "feature": "nxLniXV", "ioas_alloc": "nfz", "ioas_map": "nfizPLV", "ioas_unmap": "niVL", "destroy": "ni",
    "hwpt_alloc": "nfiizztnPiz", "fault_alloc": "nfzz", "vfio_ioas": "nih", "group_status": "nf", "set_container": "d",
    "unset_container": "", "get_device_fd": None, "map_dma": "nfPVL", "unmap_dma": "nfVL", "iommu_info": "nfXnz",
}
CONTEXT, DEVICE = 0, 1
FD_OF_CONTEXT, FD_OF_EVENT = 5, 4
BAR0, CONFIG = 0, 7
OPEN, OPEN_IOAT = bytes([0, 0]), bytes([0, 1])


def call(file, name, *values):
    """The values of the fields after the size."""
    shape = VFIO_COMMANDS[name] or ""
    sized = shape.startswith("n")
    return bytes([6, file, list(VFIO_COMMANDS).index(name), 0]) + fields_of(shape, [0, *values] if sized else values)


def fill_memory(offset, *words):
    return bytes([1]) + (offset // 8).to_bytes(2, "little") + bytes([len(words)]) + b"".join(words)


def register(file, region, offset, size_log2, value=None):
    how = region << 4 | size_log2
    return bytes([3 if value is None else 4, file, how]) + offset.to_bytes(2, "little") + (value or ZERO)


BOUND_DEVICE = (
    call(DEVICE, "bind", 0, FD_OF_CONTEXT) + call(CONTEXT, "ioas_alloc") + call(DEVICE, "attach", 0, 2)
    + register(DEVICE, CONFIG, 4, 1, raw(6))
)
BOUND, BOUND_IOAT = OPEN + BOUND_DEVICE, OPEN_IOAT + BOUND_DEVICE
EVENTFD = 36  # flags of SET_IRQS: TRIGGER, by an eventfd


def map_at_16(pages_of_memory):
    return call(CONTEXT, "ioas_map", FIXED_RW, 2, 0, 8, pages_of_memory * PAGE, 16 * PAGE)


def unmap_from_16(pages_of_memory):
    return call(CONTEXT, "ioas_unmap", 2, 16 * PAGE, pages_of_memory * PAGE)


def feature(number, operation, *data):
    return call(DEVICE, "feature", operation << 16 | number, *data)


GET, SET, PROBE = 1, 2, 4
GROUP, GROUP_DEVICE = 1, 2

VFIO_SESSIONS = {
    "describe": [
        OPEN, call(DEVICE, "bind", 0, FD_OF_CONTEXT), call(DEVICE, "info"), call(DEVICE, "region_info", 0, 7),
        call(DEVICE, "irq_info", 0, 1), register(DEVICE, CONFIG, 0, 2), register(DEVICE, CONFIG, 16, 2, raw(2**32 - 1)),
        register(DEVICE, CONFIG, 16, 2), call(DEVICE, "reset"), call(DEVICE, "hot_reset_info"), call(DEVICE, "hot_reset"),
        call(DEVICE, "ioeventfd", 4, 8, 1, FD_OF_EVENT), feature(10, SET, 1), feature(6, SET | PROBE),
        feature(6, SET, PAGE, 1), feature(7, SET), bytes([2, 16 + DEVICE]) + ZERO + bytes([1, BAR0, 0, 0]),
    ],
    "edu_dma": [
        BOUND, map_at_16(1), call(DEVICE, "set_irqs", EVENTFD, 1, 0, 1, FD_OF_EVENT),
        register(DEVICE, BAR0, 0x80, 3, pages(16)), register(DEVICE, BAR0, 0x88, 3, raw(0x40000)),
        register(DEVICE, BAR0, 0x90, 3, raw(256)), register(DEVICE, BAR0, 0x98, 3, raw(5)),
        register(DEVICE, BAR0, 0x24, 2), register(DEVICE, BAR0, 0x64, 2, raw(0x100)),
        unmap_from_16(1), call(DEVICE, "detach"),
    ],
    "edu_stray_dma": [
        BOUND, register(DEVICE, BAR0, 0x80, 3, pages(99)), register(DEVICE, BAR0, 0x88, 3, raw(0x40000)),
        register(DEVICE, BAR0, 0x90, 3, raw(4096)), register(DEVICE, BAR0, 0x98, 3, raw(1)),
        call(DEVICE, "reset"), bytes([2, 24 + DEVICE]) + ZERO + bytes([0, 0, 0, 0]), OPEN,
    ],
    # DMA that waits for a page that never comes.
    "edu_page_request": [
        OPEN, call(DEVICE, "bind", 0, FD_OF_CONTEXT), call(CONTEXT, "ioas_alloc"), call(CONTEXT, "fault_alloc"),
        call(CONTEXT, "hwpt_alloc", 4, 1, 2, 0, 0, 0, 0, 0, 3), call(DEVICE, "attach", 0, 4),
        register(DEVICE, CONFIG, 4, 1, raw(6)), register(DEVICE, BAR0, 0x80, 3, pages(99)),
        register(DEVICE, BAR0, 0x88, 3, raw(0x40000)), register(DEVICE, BAR0, 0x90, 3, raw(4096)),
        register(DEVICE, BAR0, 0x98, 3, raw(1)), call(DEVICE, "reset"), call(DEVICE, "detach"),
    ],
    # A descriptor that is its own next: copies, writes its completion and interrupts.
    "ioat_dma": [
        BOUND_IOAT, map_at_16(8), call(DEVICE, "set_irqs", EVENTFD, 2, 0, 1, FD_OF_EVENT),
        fill_memory(0x8000, raw(9 << 32 | 512), pages(17), pages(18), pages(16)),
        register(DEVICE, BAR0, 0x98, 3, pages(19)), register(DEVICE, BAR0, 0x90, 3, pages(16)),
        register(DEVICE, BAR0, 0x84, 2, raw(40 << 16)), register(DEVICE, BAR0, 0x88, 3),
        register(DEVICE, BAR0, 0x84, 0, raw(4)), register(DEVICE, BAR0, 0x80, 1, raw(1)),
        register(DEVICE, BAR0, 0x84, 2, raw(50 << 16)), register(DEVICE, BAR0, 0x84, 0, raw(0x20)),
        unmap_from_16(8), call(DEVICE, "reset"),
    ],
    # A fill, and then another that goes astray.
    "ioat_stray_dma": [
        BOUND_IOAT, map_at_16(2),
        fill_memory(0x8000, raw(0x01000008 << 32 | 100), raw(0x0123456789ABCDEF), pages(17), raw(0x10040)),
        fill_memory(0x8040, raw(0x01000008 << 32 | 8192), ZERO, pages(17), pages(16)),
        register(DEVICE, BAR0, 0x98, 3, raw(0x10800)), register(DEVICE, BAR0, 0x90, 3, pages(16)),
        register(DEVICE, BAR0, 0x84, 2, raw(2 << 16)), register(DEVICE, BAR0, 0xA8, 2),
        register(DEVICE, BAR0, 0xA8, 2, raw(2**32 - 1)), register(DEVICE, BAR0, 0x90, 3, pages(16)),
    ],
    "group": [
        bytes([0, 128]), call(GROUP, "group_status"), call(GROUP, "set_container", FD_OF_CONTEXT),
        call(GROUP, "get_device_fd") + bytes([0]), call(CONTEXT, "map_dma", 3, 8, IOVA, 8192),
        register(GROUP_DEVICE, CONFIG, 4, 1, raw(6)), call(CONTEXT, "iommu_info"), call(GROUP, "unset_container"),
        call(GROUP_DEVICE, "hot_reset", 0, 1, FD_OF_CONTEXT + GROUP), call(CONTEXT, "unmap_dma", 2, 0, 0),
        bytes([2, 24 + GROUP]) + ZERO + bytes(1), call(GROUP_DEVICE, "reset"),
    ],
}


# ---- vfio-user, as vfio_user_fuzz.c reads it: exact payloads ----

EVENT, MEMORY = 0, 2  # what descriptors are


def message(command, form, *values, fds=0, kind=EVENT):
    payload = struct.pack("<" + form, *values)
    return bytes([1, command, fds << 3, len(payload)]) + (bytes([kind]) if fds else b"") + payload


def answer(how):
    return bytes([0, how])


def region_write(region, offset, form, value):
    return message(10, "QII" + form, offset, region, struct.calcsize("<" + form), value)


def region_read(region, offset, count):
    return message(9, "QII", offset, region, count)


def edu_user_dma(source, target, count, command):
    return b"".join([
        region_write(7, 4, "H", 6), region_write(0, 0x80, "Q", source), region_write(0, 0x88, "Q", target),
        region_write(0, 0x90, "Q", count), region_write(0, 0x98, "I", command), region_read(0, 0x98, 4),
    ])


CAPABILITIES = b'{"capabilities":{"max_msg_fds":8,"max_data_xfer_size":4096,"twin_socket":[true,null,-1.5]}}\0'
VFIO_USER_SESSIONS = {
    "version": [0, message(1, "HH%ds" % len(CAPABILITIES), 0, 1, CAPABILITIES), region_read(7, 0, 64)],
    "describe": [
        1, message(4, "IIII", 16, 0, 0, 0), *(message(5, "IIIIQQ", 32, 0, i, 0, 0, 0) for i in range(9)),
        *(message(7, "IIII", 16, 0, i, 0) for i in range(5)), message(6, "IIII", 16, 0, 0, 0), message(13, ""),
    ],
    "dma_by_descriptor": [
        1, message(2, "IIQQQ", 32, 3, 0, 0x10000, 8192, fds=1, kind=MEMORY),
        message(8, "IIIII", 20, 36, 1, 0, 1, fds=1), edu_user_dma(0x10000, 0x40000, 256, 1),
        edu_user_dma(0x40000, 0x11FF0, 256, 7), message(3, "IIQQ", 24, 0, 0x10000, 8192),
    ],
    "dma_by_messages": [
        1, message(2, "IIQQQ", 32, 3, 0, 0x10000, 8192), message(2, "IIQQQ", 32, 3, 0, 0x12000, 4096),
        edu_user_dma(0x11FF0, 0x40000, 256, 1), answer(1), edu_user_dma(0x40000, 0x11FF0, 256, 7),
        message(3, "IIQQ", 24, 2, 0, 0),
    ],
    "bad_answers": [
        1, message(2, "IIQQQ", 32, 3, 0, 0x10000, 8192), answer(6), edu_user_dma(0x10000, 0x40000, 256, 1), answer(2),
        edu_user_dma(0x10000, 0x40000, 256, 1), message(3, "IIQQ", 24, 0, 0x10000, 8192),
    ],
    "dirty_pages": [
        1, message(2, "IIQQQ", 32, 3, 0, 0x10000, 8192, fds=1, kind=MEMORY), message(16, "II", 8, 0x60006),
        message(16, "IIQIIQQ", 48, 0x20006, 4096, 1, 0, 0x10000, 8192), edu_user_dma(0x40000, 0x10000, 256, 3),
        message(16, "IIQQQ", 40, 0x10008, 0x10000, 8192, 4096), message(16, "II", 8, 0x20007),
    ],
    # Large memory at an odd place: the page table must not be as large.
    "large_memory": [1, message(2, "IIQQQ", 32, 3, 0, 0x101000, (1 << 40) - 8192), edu_user_dma(0x7000000, 0x40000, 64, 1)],
    "many_writes": [1, message(15, "QQIIQQIIQ", 2, 4, 0, 4, 7, 0x60, 0, 4, 1), region_read(0, 0x24, 4)],
    "ioat": [3, region_read(0, 0, 64), region_write(0, 0x84, "H", 4), region_read(0, 0x88, 8)],
}


def write(directory, sessions):
    directory.mkdir(parents=True, exist_ok=True)
    for name, steps in sessions.items():
        (directory / name).write_bytes(b"".join(bytes([step]) if isinstance(step, int) else step for step in steps))


# Steps of displace_fuzz.c: what, first page, pages less one, target.
MAP, UNMAP, MUNMAP, MMAP, DISCARD, MOVE, WRITE = range(7)


def by_device(page):
    return bytes([WRITE, page, 0, 1])


def by_program(page):
    return bytes([WRITE, page, 0, 0])


DISPLACE_SESSIONS = {
    "unmapped_in_two": [[MAP, 0, 5, 0], by_device(1), [MUNMAP, 1, 1, 0], [MUNMAP, 0, 3, 0], by_device(2), [UNMAP, 0, 0, 0]],
    "mapped_anew": [[MAP, 2, 3, 8], by_program(3), [MMAP, 3, 0, 0], by_program(3), by_device(9), [UNMAP, 8, 0, 0]],
    "discarded": [[MAP, 0, 2, 0], [MAP, 1, 1, 4], by_device(4), [DISCARD, 1, 0, 0], by_program(1), by_device(4)],
    "moved": [[MAP, 0, 3, 0], by_program(1), [MOVE, 1, 1, 9], by_program(10), by_device(2), [MOVE, 9, 1, 1]],
    "moved_over": [[MAP, 0, 1, 0], [MAP, 8, 1, 8], by_device(8), [MOVE, 0, 1, 8], by_program(8), by_device(9)],
}

# Instructions, as insn_fuzz.c reads them: how many accesses succeed, code, how much of it can be read.
INSTRUCTIONS = {
    "mov_load": "8b07", "mov_store": "8907", "mov_immediate": "c70701000000", "movzx": "0fb607", "movsx": "480fbe4710",
    "add": "0107", "test": "f60701", "xchg": "8707", "rep_movs": "f3a4", "rep_stos": "f348ab", "movnti": "0fc307",
    "movbe": "0f38f007", "movdqu": "f30f6f07", "vmovdqu": "c5fe6f07", "vmovdqu64": "62f1fe486f07", "lock_or": "f0830f01",
    "rip_relative": "8b0500100000", "sib": "8b448710", "address_size": "678b07", "cmpxchg": "0fb117",
}


def instruction(code):
    code = bytes.fromhex(code)
    registers = b"".join((0x1000 * n).to_bytes(8, "little") for n in range(1, 24))
    return bytes([255]) + code.ljust(15, b"\x90") + bytes([15]) + registers + bytes(range(256)) * 4 + bytes([1])


# Those of AArch64, as a64_fuzz.c reads them; tests/unit/a64_rows.h says what they are.
A64_INSTRUCTIONS = {
    "ldr": 0xF9400825, "ldrsb_post": 0x389FF425, "str_pre": 0xF8010C25, "ldtr": 0xF8408825, "ldr_lsl": 0xF8647825,
    "ldr_sxtw": 0xB863D825, "ldpsw": 0x697FA025, "ldp_pre": 0x29FF2025, "stp": 0x29012025, "stnp": 0x283FA025,
    "ldar": 0x88DFFC25, "ldapr": 0xF8BFC025, "ldapur": 0x199FF025, "stlr": 0xC89FFC25, "ldr_literal": 0x58000045,
    "ldr_q": 0x3DC00425, "str_b": 0x3D000425, "ldp_q": 0xAD7F2025, "stp_d": 0x6DBF1425, "ld1": 0x4CC26825,
    "ld4": 0x4CDF0C3F, "st3": 0x0C9F4025, "ld1_lane": 0x4D401425, "st3_lane": 0x0D007025, "ld4r": 0x0DFFE825,
    "ldxr": 0xC85F7C25, "swp": 0xF8258028, "ld1b_z": 0xA400A425, "st1b_z": 0xE40FE425, "st1w_z": 0xE5624425,
    "ld1sb_z": 0xA5A0A425,
}


def a64_instruction(word):
    registers = b"".join((0x1000 * n).to_bytes(8, "little") for n in range(1, 34))
    return bytes([255]) + word.to_bytes(4, "little") + bytes([0, 0, 3]) + registers + bytes(range(256)) * 3


# Steps of e1000_fuzz.c.

def e1000_start(rctl):
    return bytes([7]) + rctl.to_bytes(4, "little")


def e1000_set(register, value):
    return bytes([0, register]) + value.to_bytes(4, "little")


def e1000_put(address, lower, upper=0):
    return bytes([3, 0]) + address.to_bytes(3, "little") + lower.to_bytes(4, "little") + upper.to_bytes(4, "little")


def e1000_context(bits, lower, upper):
    return bytes([3, 1]) + bits.to_bytes(8, "little") + lower.to_bytes(4, "little") + upper.to_bytes(4, "little")


E1000_KICK = bytes([5])
E1000_WHOLE = 0x0B000000  # EOP, IFCS, RS
E1000_TCP = 14 | 24 << 8 | 33 << 16 | 34 << 32 | 50 << 40
E1000_SESSIONS = {
    "legacy": [e1000_start(0x0400803A), e1000_put(0x10000, E1000_WHOLE | 100), E1000_KICK, bytes([2, 31])],
    "pieces": [e1000_start(0x0403803A), e1000_put(0x10000, 700), e1000_put(0x11000, E1000_WHOLE | 900), E1000_KICK],
    "checksums": [e1000_start(0x0400803A), e1000_context(E1000_TCP, 0x23000000, 0),
                  e1000_put(0x10000, E1000_WHOLE | 0x20100000 | 500, 0x300), E1000_KICK],
    "segments": [e1000_start(0x0400803A), e1000_context(E1000_TCP, 0x27000000 | 5000, 54 << 8 | 1000 << 16),
                 e1000_put(0x10000, E1000_WHOLE | 0x24100000 | 5054, 0x300), E1000_KICK],
    "tags": [e1000_start(0x0404803A), e1000_set(0, 0x40000040), e1000_put(0x10000, E1000_WHOLE | 0x40000000 | 100, 0x70010000), E1000_KICK],
    "reset": [e1000_start(0x0400803A), e1000_put(0x10000, E1000_WHOLE | 1000), E1000_KICK, e1000_set(0, 0x04000000)],
    "delays": [e1000_start(0x0400803A), e1000_set(4, 100), e1000_set(16, 20), e1000_set(17, 30), e1000_set(23, 10),
               e1000_set(6, 0x1FFFF), e1000_put(0x10000, E1000_WHOLE | 0x80000000 | 100), E1000_KICK],
}


def main():
    directory = Path(sys.argv[1])
    write(directory / "a64", {name: [a64_instruction(word)] for name, word in A64_INSTRUCTIONS.items()})
    write(directory / "displace", {name: [bytes(step) for step in steps] for name, steps in DISPLACE_SESSIONS.items()})
    write(directory / "e1000", E1000_SESSIONS)
    write(directory / "insn", {name: [instruction(code)] for name, code in INSTRUCTIONS.items()})
    write(directory / "ioctl", SESSIONS)
    write(directory / "vfio", VFIO_SESSIONS)
    write(directory / "vfio_user", VFIO_USER_SESSIONS)


if __name__ == "__main__":
    main()
