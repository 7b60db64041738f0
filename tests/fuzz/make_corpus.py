#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of ioctl_fuzz.c and vfio_fuzz.c: whole sessions that succeed, to start from.

make_corpus.py DIRECTORY writes DIRECTORY/ioctl/* and DIRECTORY/vfio/*. An input of the former is one byte of
options (bits 0-2 flags of uiommufd_open, 3-7 the kind of IOMMU) and then steps, one of the latter just
steps, as step() in each target reads them.
"""

import sys
from pathlib import Path

# In the order of ioctl_fuzz.c, with the sizes of their structures.
COMMANDS = {
    "destroy": 8, "ioas_alloc": 12, "allow_iovas": 24, "copy": 40, "iova_ranges": 32, "map": 40, "unmap": 24,
    "option": 24, "vfio_ioas": 12, "hwpt_alloc": 48, "hw_info": 40, "set_dirty": 16, "get_dirty": 48,
    "invalidate": 32, "fault_alloc": 16, "map_file": 40, "viommu_alloc": 40, "vdevice_alloc": 24,
    "change_process": 8, "veventq_alloc": 32, "hw_queue_alloc": 40, "test": 72, "resv_ranges": 24,
    "dev_ranges": 32, "lookup": 64, "vfio_info": 24, "vfio_map": 32, "vfio_unmap": 24, "vfio_dirty": 40,
}
TEST_ABI = 4


# Values, one 64-bit word each.
ZERO = bytes([0])


def pair(low, high=0):
    return bytes([1, low, high])


def memory(offset):
    return bytes([2]) + (offset // 8).to_bytes(2, "little")


def raw(value):
    return bytes([4]) + value.to_bytes(8, "little")


def pages(count):
    return bytes([5]) + count.to_bytes(2, "little")


# Steps.
def fields(size, words):
    """The words of a structure after its first one; those not given are zero."""
    count = (size + 7) // 8 - 1
    assert len(words) <= max(count, 0), words
    return b"".join(words) + ZERO * (count - len(words))


def ioctl(name, second=0, *words, how=0):
    return bytes([0, list(COMMANDS).index(name), how, second]) + fields(COMMANDS[name], words)


def fill(offset, *words):
    return bytes([9]) + (offset // 8).to_bytes(2, "little") + bytes([len(words)]) + b"".join(words)


def bind(index):
    return bytes([11, index])


def unbind(index):
    return bytes([11, 2 + index])


def attach(index, pt_id, pasid=0):
    return bytes([11, (128 | (pasid - 1) << 5 if pasid else 0) + 4 + index, pt_id])


def detach(index):
    return bytes([11, 6 + index])


def dma(index, write, iova, size):
    return bytes([12, index + 2 * write]) + iova + size.to_bytes(2, "little")


def translate(index, iova):
    return bytes([12, index + 4]) + iova + bytes(2)


def read_file(number, offset, size):
    return bytes([14, number]) + memory(offset) + bytes([size])


def write_file(number, offset, size):
    return bytes([14, 8 + number]) + memory(offset) + bytes([size])


REOPEN = bytes([15])
FIXED_RW = 7
AUTO_RW = 6
PAGE = 4096


def map_pages(ioas, offset, count, iova=None):
    flags = AUTO_RW if iova is None else FIXED_RW
    return ioctl("map", flags, pair(ioas), memory(offset), pages(count), ZERO if iova is None else iova)


IOAS = ioctl("ioas_alloc")  # the first object gets ID 1

SESSIONS = {
    "map_and_dma": [
        0, IOAS, bind(0), attach(0, 1),
        map_pages(1, 8 * PAGE, 4, pages(16)), map_pages(1, 12 * PAGE, 1),
        dma(0, 1, pages(16), 3000), dma(0, 0, pages(17), 9000), translate(0, pages(19)), dma(0, 0, pages(99), 8),
        ioctl("unmap", 1, pages(16), pages(4)), detach(0), unbind(0), ioctl("destroy", 1),
    ],
    "two_devices_share": [
        0, IOAS, bind(0), bind(1), attach(0, 1), attach(1, 1), map_pages(1, 0x8000, 2, pages(1)),
        dma(0, 1, pages(1), 5000), dma(1, 0, pages(1), 5000), IOAS, attach(1, 5), dma(1, 0, pages(1), 8),
        ioctl("copy", AUTO_RW, pair(5, 1), pages(1), ZERO, pages(1)),
    ],
    "ranges": [
        0, IOAS, fill(PAGE, ZERO, pages(1000), pages(2000), pages(3000)),
        ioctl("allow_iovas", 1, pair(2), memory(PAGE)),
        ioctl("iova_ranges", 1, pair(0), memory(PAGE)), ioctl("iova_ranges", 1, pair(8), memory(PAGE)),
        map_pages(1, 0, 1), bind(0), attach(0, 1), ioctl("allow_iovas", 1, ZERO, ZERO),
        ioctl("resv_ranges", 2, pair(8), memory(PAGE)), ioctl("dev_ranges", 2, pair(8), memory(PAGE)),
    ],
    "hwpts": [
        0, IOAS, bind(0), ioctl("hwpt_alloc", 2, pair(2, 1), ZERO, ZERO, ZERO, ZERO), attach(0, 3),
        map_pages(1, 0, 8, pages(32)), ioctl("set_dirty", 1, pair(3)), dma(0, 1, pages(33), 100),
        ioctl("get_dirty", 3, ZERO, pages(32), pages(8), pages(1), memory(16 * PAGE)),
        ioctl("lookup", 0, pair(3), pages(33), ZERO, ZERO, ZERO, ZERO, ZERO),
        ioctl("hw_info", 0, pair(2, 15), memory(PAGE), ZERO, ZERO),
        ioctl("destroy", 3), detach(0), ioctl("destroy", 3),
    ],
    "files": [
        0, IOAS, bind(0), attach(0, 1), ioctl("map_file", FIXED_RW, pair(1, 3), pages(2), pages(4), pages(64)),
        dma(0, 1, pages(65), 4096), ioctl("change_process"), ioctl("unmap", 1, ZERO, raw(2**64 - 1)),
    ],
    "pasids": [
        0, IOAS, bind(0), ioctl("hwpt_alloc", 8, pair(2, 1), ZERO, ZERO, ZERO, ZERO),
        attach(0, 3), attach(0, 3, pasid=1), map_pages(1, 0, 1, pages(8)),
        bytes([12, 128 + 2]) + pages(8) + bytes([8, 0]), REOPEN, unbind(0),
    ],
    "fault_queue": [
        0, ioctl("fault_alloc", 0, ZERO), IOAS, bind(0),
        ioctl("hwpt_alloc", 4, pair(3, 2), ZERO, ZERO, ZERO, pair(1)), read_file(0, PAGE, 80),
        write_file(0, PAGE, 16), bytes([14, 24, 0, 0]), REOPEN,
    ],
    "vfio_type1": [
        1, IOAS, ioctl("vfio_ioas", 1, pair(1)), ioctl("vfio_info", 0, ZERO, ZERO),
        ioctl("vfio_map", 3, memory(0x8000), pages(16), pages(2)), bind(0), attach(0, 1),
        ioctl("vfio_unmap", 0, pages(16), pages(2)), ioctl("vfio_unmap", 2, ZERO, ZERO),
    ],
    "options": [
        2, IOAS, ioctl("option", 0, pair(0), pair(1)), ioctl("option", 1, pair(0, 1), ZERO),
        ioctl("option", 1, pair(1, 1), ZERO), map_pages(1, 0, 1), ioctl("destroy", 1),
    ],
    "mock_device": [
        TEST_ABI, IOAS, ioctl("test", 2, pair(1), ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO),
        map_pages(1, 0x8000, 2, pages(4096)),
        ioctl("test", 3, pair(4), pages(4096), pages(2), memory(0x8000), ZERO, ZERO, ZERO, ZERO),
        ioctl("test", 1, pair(1), pages(9000), pages(1), ZERO, ZERO, ZERO, ZERO, ZERO),
        ioctl("destroy", 2),
    ],
    "nested": [
        TEST_ABI, IOAS, ioctl("test", 2, pair(1), ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO),
        ioctl("hwpt_alloc", 1, pair(3, 1), ZERO, ZERO, ZERO, ZERO), fill(PAGE, pair(7)),
        ioctl("hwpt_alloc", 0, pair(3, 5), ZERO, raw(8 << 32 | 0xDEAD), memory(PAGE), ZERO),
        ioctl("test", 10, pair(2), pair(6), ZERO, ZERO, ZERO, ZERO, ZERO, ZERO),
        fill(PAGE, pair(1)), ioctl("invalidate", 6, memory(PAGE), raw(8 << 32 | 0xDEADBEEF), pair(1)),
    ],
    "viommu": [
        TEST_ABI, IOAS, ioctl("test", 2, pair(1), ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO),
        ioctl("hwpt_alloc", 1, pair(3, 1), ZERO, ZERO, ZERO, ZERO),
        ioctl("viommu_alloc", 0, raw(3 << 32 | 0xDEADBEEF), pair(5), ZERO, ZERO),
        ioctl("vdevice_alloc", 6, pair(3), raw(0x99)),
        ioctl("veventq_alloc", 0, raw(0xBEEFBEEF << 32 | 6), pair(8), ZERO),
        ioctl("test", 17, ZERO, pair(3), ZERO, ZERO, ZERO, ZERO, ZERO, ZERO), read_file(0, PAGE, 64),
        ioctl("destroy", 7), ioctl("destroy", 6),
    ],
}


# vfio_fuzz.c: files by number (0 is the iommufd), descriptors are 5 more.
VFIO_COMMANDS = [
    "bind", "attach", "detach", "info", "region_info", "irq_info", "set_irqs", "reset",
    "hot_reset_info", "hot_reset", "ioeventfd", "feature", "ioas_alloc", "ioas_map", "ioas_unmap", "destroy",
]
CONTEXT, DEVICE = 0, 1
FD_OF_CONTEXT, FD_OF_EVENT = 5, 4
BAR0, CONFIG = 0, 7
OPEN, OPEN_IOAT = bytes([0, 0]), bytes([0, 1])


def call(file, name, size, second=0, *words):
    return bytes([6, file, VFIO_COMMANDS.index(name), 0, size, second]) + fields(size, words)


def fill_memory(offset, *words):
    return bytes([1]) + (offset // 8).to_bytes(2, "little") + bytes([len(words)]) + b"".join(words)


def register(file, region, offset, size_log2, value=None):
    how = region << 4 | size_log2
    return bytes([3 if value is None else 4, file, how]) + offset.to_bytes(2, "little") + (value or ZERO)


BOUND_DEVICE = (
    call(DEVICE, "bind", 24, 0, pair(FD_OF_CONTEXT), ZERO) + call(CONTEXT, "ioas_alloc", 12, 0, ZERO)
    + call(DEVICE, "attach", 16, 0, pair(2)) + register(DEVICE, CONFIG, 4, 1, raw(6))
)
BOUND, BOUND_IOAT = OPEN + BOUND_DEVICE, OPEN_IOAT + BOUND_DEVICE

VFIO_SESSIONS = {
    "describe": [
        OPEN, call(DEVICE, "bind", 24, 0, pair(FD_OF_CONTEXT), ZERO), call(DEVICE, "info", 24, 0, ZERO, ZERO),
        call(DEVICE, "region_info", 32, 0, pair(7), ZERO, ZERO), call(DEVICE, "irq_info", 16, 0, pair(1)),
        register(DEVICE, CONFIG, 0, 2), register(DEVICE, CONFIG, 16, 2, raw(2**32 - 1)), register(DEVICE, CONFIG, 16, 2),
        call(DEVICE, "reset", 0), call(DEVICE, "hot_reset_info", 64, 0, ZERO),
    ],
    "edu_dma": [
        BOUND,
        call(CONTEXT, "ioas_map", 40, FIXED_RW, pair(2), memory(0x8000), pages(1), pages(16)),
        call(DEVICE, "set_irqs", 24, 36, pair(1), pair(1, FD_OF_EVENT)),
        register(DEVICE, BAR0, 0x80, 3, pages(16)), register(DEVICE, BAR0, 0x88, 3, raw(0x40000)),
        register(DEVICE, BAR0, 0x90, 3, raw(256)), register(DEVICE, BAR0, 0x98, 3, raw(5)),
        register(DEVICE, BAR0, 0x24, 2), register(DEVICE, BAR0, 0x64, 2, raw(0x100)),
        call(CONTEXT, "ioas_unmap", 24, 2, pages(16), pages(1)), call(DEVICE, "detach", 12, 0, ZERO),
    ],
    "edu_stray_dma": [
        BOUND, register(DEVICE, BAR0, 0x80, 3, pages(99)), register(DEVICE, BAR0, 0x88, 3, raw(0x40000)),
        register(DEVICE, BAR0, 0x90, 3, raw(4096)), register(DEVICE, BAR0, 0x98, 3, raw(1)),
        call(DEVICE, "reset", 0), bytes([2, 24 + DEVICE]) + ZERO + bytes([0, 0, 0, 0]), OPEN,
    ],
    # A descriptor that is its own next: copies, writes its completion and interrupts.
    "ioat_dma": [
        BOUND_IOAT,
        call(CONTEXT, "ioas_map", 40, FIXED_RW, pair(2), memory(0x8000), pages(8), pages(16)),
        call(DEVICE, "set_irqs", 24, 36, pair(2), pair(1, FD_OF_EVENT)),
        fill_memory(0x8000, raw(9 << 32 | 512), pages(17), pages(18), pages(16)),
        register(DEVICE, BAR0, 0x98, 3, pages(19)), register(DEVICE, BAR0, 0x90, 3, pages(16)),
        register(DEVICE, BAR0, 0x84, 2, raw(40 << 16)), register(DEVICE, BAR0, 0x88, 3),
        register(DEVICE, BAR0, 0x84, 0, raw(4)), register(DEVICE, BAR0, 0x80, 1, raw(1)),
        register(DEVICE, BAR0, 0x84, 2, raw(50 << 16)), register(DEVICE, BAR0, 0x84, 0, raw(0x20)),
        call(CONTEXT, "ioas_unmap", 24, 2, pages(16), pages(8)), call(DEVICE, "reset", 0),
    ],
    # A fill, and then one that goes astray.
    "ioat_stray_dma": [
        BOUND_IOAT,
        call(CONTEXT, "ioas_map", 40, FIXED_RW, pair(2), memory(0x8000), pages(2), pages(16)),
        fill_memory(0x8000, raw(0x01000008 << 32 | 100), raw(0x0123456789ABCDEF), pages(17), raw(0x10040)),
        fill_memory(0x8040, raw(0x01000008 << 32 | 8192), ZERO, pages(17), pages(16)),
        register(DEVICE, BAR0, 0x98, 3, raw(0x10800)), register(DEVICE, BAR0, 0x90, 3, pages(16)),
        register(DEVICE, BAR0, 0x84, 2, raw(2 << 16)), register(DEVICE, BAR0, 0xA8, 2),
        register(DEVICE, BAR0, 0xA8, 2, raw(2**32 - 1)), register(DEVICE, BAR0, 0x90, 3, pages(16)),
    ],
}


def write(directory, sessions):
    directory.mkdir(parents=True, exist_ok=True)
    for name, steps in sessions.items():
        (directory / name).write_bytes(b"".join(bytes([step]) if isinstance(step, int) else step for step in steps))


def main():
    directory = Path(sys.argv[1])
    write(directory / "ioctl", SESSIONS)
    write(directory / "vfio", VFIO_SESSIONS)


if __name__ == "__main__":
    main()
