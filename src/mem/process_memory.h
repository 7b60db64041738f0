/* SPDX-License-Identifier: MIT */
/*
 * Memory of other processes. A caller in another process has no address here, so its memory gets
 * bus addresses at which this process has nothing: from PROCESS_MEMORY_START on. A copy that meets
 * one goes through the kernel, to or from the address space that stands behind it.
 *
 * What is copied is what is at the address at that moment. A call by which the program takes pinned
 * memory from there is stopped, and the memory kept (mem/displace.h). When the address space ends,
 * what is left of it is used (mem/process_remains.h). Rights that the program has taken away since
 * do not matter, as with a real pin: the kernel copies past those of private memory, and shared
 * memory is mapped for a write that has failed.
 *
 * Cost: a copy is one system call for each run of contiguous addresses.
 */
#ifndef MEM_PROCESS_MEMORY_H
#define MEM_PROCESS_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mem/process_remains.h"

/*
 * Bus addresses from here to PROCESS_MEMORY_END are of other processes; a page table of 48 bits can
 * lead to them. On AArch64 user addresses have 48 bits, too. There the system gives none of these
 * to a program that does not ask for them: it begins at 2/3 of the address space, or at the end of
 * it, or, if the stack is unlimited, at 1/4.
 */
#if defined(__aarch64__)
#define PROCESS_MEMORY_START (UINT64_C(1) << 45)
#define PROCESS_MEMORY_END   (UINT64_C(1) << 46)
#else
#define PROCESS_MEMORY_START (UINT64_C(1) << 47)
#define PROCESS_MEMORY_END   (UINT64_C(1) << 48)
#endif

/* No user address of any process is here or above. */
#define PROCESS_ADDRESSES_END (UINT64_C(1) << 52)

/* The address space of another process. */
struct process_memory;
struct maps_entry;

/*
 * Opens what the shared mapping @entry of another process maps, for reading and writing: a
 * descriptor, owned by the calling code, or a negative errno.
 */
typedef int (*process_open_fn)(const struct maps_entry *entry, void *arg);

/*
 * Takes over @fd, /proc/PID/mem open for reading and writing, and @list, /proc/PID/maps: they mean
 * this address space for ever, whatever becomes of the PID. @open, with @arg, is called as long as
 * it exists. 0, or a negative errno, and both are closed.
 */
int process_memory_create(int fd, int list, process_open_fn open, void *arg,
			  struct process_memory **out);

/* Context: no mapping of its memory is left, so no copy finds it. */
void process_memory_destroy(struct process_memory *memory);

/* Whether the address space still exists: a process uses it. */
bool process_memory_exists(struct process_memory *memory);

/*
 * Where address @va is on the bus, *@bus, and how many bytes from there are contiguous, at most
 * @len (not 0): *@run. 0; -EFAULT: no user address; -ENOMEM.
 */
int process_memory_resolve(struct process_memory *memory, uint64_t va, uint64_t len, uint64_t *bus,
			   uint64_t *run);

/* The list of its mappings, /proc/PID/maps: borrowed. */
int process_memory_maps(const struct process_memory *memory);

/*
 * Maps [@va, @va + @len), whole pages of the shared mapping @entry, into this process: over *@at,
 * or, if that is NULL, anywhere, and then *@at says where. False: it cannot be, nor can a part of a
 * huge page.
 */
bool process_memory_map(struct process_memory *memory, const struct maps_entry *entry, uint64_t va,
			uint64_t len, void **at);

/* [@va, @va + @len), whole pages, is about to be pinned. 0 or -ENOMEM. */
int process_memory_note_pin(struct process_memory *memory, uint64_t va, uint64_t len);

/* Whether anything has been noted, here or as the twin of another address space. */
bool process_memory_was_pinned(struct process_memory *memory);

/*
 * The address space is about to end, or may: pins keep their memory, as @find_twin says
 * (mem/process_remains.h).
 *
 * Context: a thread of it waits, and one thread at a time does this for it.
 */
void process_memory_keep_pinned(struct process_memory *memory, process_twin_fn find_twin,
				void *arg);

/*
 * Looks for @twin->len bytes of the shared memory of @twin in @memory: the address of the first and
 * how many there are, which count as pinned from now on. False: the first is not there.
 */
bool process_memory_become_twin(struct process_memory *memory, struct process_twin *twin);

/*
 * Gives the process @pid, which has @memory, a page of its own at @va, in a private mapping of a
 * file that it may write or not (@writable). Its other threads may write there meanwhile.
 */
void process_memory_take_page(struct process_memory *memory, pid_t pid, uint64_t va, bool writable);

/*
 * Copies between @buf, of this process, and the memory: all @len bytes, or -EFAULT. A bad address
 * of this process is -EFAULT, too.
 */
int process_memory_read(struct process_memory *memory, void *buf, uint64_t va, size_t len);
int process_memory_write(struct process_memory *memory, uint64_t va, const void *buf, size_t len);

/*
 * The list of mappings, /proc/PID/maps, that has the bus address @bus: a descriptor, borrowed as
 * long as the address is in use; an address there is *@shift below that on the bus. -ENOENT: none.
 */
int process_memory_list(uint64_t bus, uint64_t *shift);

/* [@base, @base + @len) of another process is at @bus; @list is its list of mappings. */
struct process_window {
	uint64_t base, len, bus;
	int list; /* owned by the caller of process_memory_next_window() */
};

/* The next piece of other processes' memory after *@at, which starts as 0. False: no other. */
bool process_memory_next_window(uint32_t *at, struct process_window *window);

extern atomic_bool process_memory_present;

/* Whether there has been any such memory in this process. One load. */
static inline bool process_memory_any(void)
{
	return atomic_load_explicit(&process_memory_present, memory_order_relaxed);
}

static inline bool process_memory_is_bus(const void *address)
{
	return (uintptr_t)address >= PROCESS_MEMORY_START &&
	       (uintptr_t)address < PROCESS_MEMORY_END;
}

/*
 * Copies @len bytes between two places, either of which may be such a bus address. 0 or -EFAULT; a
 * part may have been copied then.
 */
int process_memory_copy(void *dst, const void *src, size_t len);

#endif
