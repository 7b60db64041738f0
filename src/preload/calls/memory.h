/* SPDX-License-Identifier: MIT */
/*
 * The system calls that change what the program's addresses and files hold, as the program makes
 * them: by a function of the C library, by syscall(), or by an instruction that was trapped. Each
 * takes the kernel's arguments in the kernel's order and returns what the kernel would: a result or
 * a negative errno. What is pinned for a device stays the device's (mem/displace.h).
 *
 * Context: any thread, in the middle of any function of the C library (its allocator may hold its
 * lock), and a signal handler that stands for a system call. So nothing here calls the C library's
 * allocator or its streams, or takes one of its locks; errno stays as it is. A call that the engine
 * makes while it works goes to the kernel.
 *
 * Emulated descriptors: memory_mmap() knows them; for the calls that change files, the caller has
 * sorted them out.
 *
 * Cost besides the system call: a load or two while nothing is mapped for a device; else a search
 * for pinned memory in the range (mem/index.h).
 */
#ifndef PRELOAD_CALLS_MEMORY_H
#define PRELOAD_CALLS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether there may be pinned pages in [@addr, @addr + @len). The answer takes locks, so it is a
 * section of its own (preload/process/defer.h): a handler may make such a call too, or jump out.
 */
bool memory_holds_pinned(uint64_t addr, uint64_t len);

/* The lowest part of a mapping of a device's registers there: [*@from, *@to). Likewise. */
bool memory_find_registers(uint64_t addr, uint64_t len, uint64_t *from, uint64_t *to);

/* ---- addresses: memory.c ---- */

long memory_mmap(long addr, long len, long prot, long flags, long fd, long offset);
long memory_munmap(long addr, long len);
long memory_mremap(long old, long old_len, long new_len, long flags, long to);
long memory_mprotect(long addr, long len, long prot);
long memory_pkey_mprotect(long addr, long len, long prot, long pkey);

/* The new break, or the old one where the kernel refuses: as the kernel's, not as brk(3). */
long memory_brk(long addr);

long memory_shmat(long id, long addr, long flags);
long memory_shmdt(long addr);
long memory_remap_file_pages(long addr, long len, long prot, long page, long flags);

/* ---- advice: memory_advice.c ---- */

long memory_madvise(long addr, long len, long advice);
long memory_process_madvise(long pidfd, long vec, long count, long advice, long flags);

/* ---- userfaultfd: memory_userfault.c ---- */

/* ioctl(@fd, UFFDIO_MOVE, @arg), of a descriptor that is not emulated. */
long memory_userfault_move(long fd, long arg);

/* ---- files: memory_file.c ---- */

long memory_ftruncate(long fd, long len);
long memory_truncate(long path, long len);
long memory_fallocate(long fd, long mode, long offset, long len);

/* Whether @path is a file with pages, some of which may be pinned. */
bool memory_may_leave(long dirfd, long path);

/* O_TRUNC takes the file's pages away. */
long memory_openat(long dirfd, long path, long flags, long mode);

/* openat2(), with its structure at @how, of @size bytes. */
long memory_openat2(long dirfd, long path, long how, long size);

#endif
