/* SPDX-License-Identifier: MIT */
/*
 * No call populates the memory of another process: rights are asked of its list of mappings, and a
 * byte of each page is read, which makes it present and finds what is beyond the end of a file.
 * Cost: a few system calls, and one for each page.
 */
#include "server/program_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/sys.h"
#include "mem/maps.h"
#include "mem/process_memory.h"
#include "server/shared_file.h"

/* By the system call @number, of which the kernel may make several. */
static int copy(const struct request *request, long number, void *buf, uint64_t addr, size_t len)
{
	const bool reads = number == SYS_process_vm_readv;
	struct iovec local = {.iov_base = buf, .iov_len = len};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)addr, .iov_len = len};

	/* Not into a process that has its PID now. */
	if (!reads && !client_waits(request))
		return -EFAULT;
	while (local.iov_len) {
		long done = sys_call(number, (long)request->call->pid, (long)&local, 1,
				     (long)&remote, 1, 0);

		if (done <= 0)
			return -EFAULT;
		local.iov_base = (char *)local.iov_base + done;
		remote.iov_base = (char *)remote.iov_base + done;
		local.iov_len -= (size_t)done;
		remote.iov_len -= (size_t)done;
	}
	return reads && !client_waits(request) ? -EFAULT : 0;
}

/* How many bytes of the page of @addr follow it. */
static size_t left_of_page(uint64_t addr)
{
	return PAGE_SIZE - (addr & PAGE_MASK);
}

int program_memory_read(struct request *request, void *buf, uint64_t addr, size_t len)
{
	const size_t ahead = request->ahead.addr == addr ? request->ahead.len : 0;
	int rc;

	request->ahead.len = 0;
	if (len <= ahead) {
		memcpy(buf, request->ahead.bytes, len);
		return 0;
	}
	if (len != sizeof(uint32_t) || left_of_page(addr) < REQUEST_AHEAD)
		return copy(request, SYS_process_vm_readv, buf, addr, len);
	rc = copy(request, SYS_process_vm_readv, request->ahead.bytes, addr, REQUEST_AHEAD);
	if (rc)
		return rc;
	request->ahead.addr = addr;
	request->ahead.len = REQUEST_AHEAD;
	memcpy(buf, request->ahead.bytes, len);
	return 0;
}

int program_memory_write(struct request *request, uint64_t addr, const void *buf, size_t len)
{
	request->ahead.len = 0;
	return copy(request, SYS_process_vm_writev, (void *)(uintptr_t)buf, addr, len);
}

int program_memory_read_string(struct request *request, char *to, uint64_t addr, size_t size)
{
	for (size_t done = 0; done < size;) {
		/* Not beyond the page: the next one may be unreadable. */
		size_t part = min_u64(size - done, left_of_page(addr + done));
		const char *end;

		if (copy(request, SYS_process_vm_readv, to + done, addr + done, part))
			return -EFAULT;
		end = memchr(to + done, '\0', part);
		if (end)
			return (int)(end - to);
		done += part;
	}
	return -ENAMETOOLONG;
}

/* Of a shared mapping of a file on disk: the kernel would not learn of what a device writes. */
static bool is_written_back(int proc, const struct maps_answer *answer)
{
	const struct maps_entry entry = {
		.start = answer->start,
		.end = answer->end,
		.dev = answer->dev,
		.inode = answer->inode,
	};

	return answer->rights & MAPS_SHARED && answer->inode &&
	       shared_file_is_on_disk(proc, &entry);
}

/*
 * How much of [@va, @end) is mapped with the right, from @va on, by the list @fd of the process
 * with the directory @proc. Negative: the kernel cannot tell.
 */
static int ask(int proc, int fd, uint64_t va, uint64_t end, bool write, uint64_t *covered)
{
	/* Memory that can be written only is pinned for writing, as by the kernel. */
	const uint64_t need = write ? MAPS_WRITABLE : MAPS_READABLE;
	struct maps_answer answer;
	int rc = 0;

	for (*covered = va; *covered < end; *covered = answer.end) {
		rc = maps_ask(fd, *covered, &answer);
		if (rc || answer.start > *covered || (answer.rights & need) != need ||
		    (write && is_written_back(proc, &answer)))
			break;
	}
	return rc == -ENOENT ? 0 : rc;
}

/* The same from the text of the list. */
static uint64_t look_up(FILE *list, uint64_t va, uint64_t end, bool write)
{
	uint64_t from, to, next = va;
	char *line = NULL;
	size_t size = 0;
	char rights[5];

	while (next < end && getline(&line, &size, list) > 0) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &from, &to, rights) != 3)
			break;
		if (to <= next)
			continue;
		if (from > next || (write ? rights[1] != 'w' : rights[0] != 'r'))
			break;
		next = to;
	}
	free(line);
	return next;
}

enum {
	READINGS = 4,
};

/*
 * The list is read in pieces while the program changes its mappings, so a mapping may be missing in
 * it that was there all the time: what it does not show is looked for again.
 */
static bool is_listed(int proc, uint64_t va, uint64_t end, bool write)
{
	bool found = false;

	for (int i = 0; i < READINGS && !found; i++) {
		int fd = openat(proc, "maps", O_RDONLY | O_CLOEXEC);
		FILE *list = fd < 0 ? NULL : fdopen(fd, "r");

		if (!list) {
			if (fd >= 0)
				close(fd);
			return false;
		}
		found = look_up(list, va, end, write) >= end;
		(void)fclose(list);
	}
	return found;
}

static bool is_mapped(int proc, uint64_t va, uint64_t end, bool write)
{
	int fd = openat(proc, "maps", O_RDONLY | O_CLOEXEC);
	uint64_t covered;
	int rc;

	if (fd < 0)
		return false;
	rc = ask(proc, fd, va, end, write, &covered);
	close(fd);
	return rc ? is_listed(proc, va, end, write) : covered >= end;
}

/* Whose pages are taken. */
struct owner {
	struct process_memory *memory;
	pid_t pid;
};

static int take_copy(const struct maps_copy *copy, void *arg)
{
	const struct owner *owner = arg;

	for (uint64_t page = copy->start; page < copy->end; page += PAGE_SIZE)
		process_memory_take_page(owner->memory, owner->pid, page, copy->writable);
	return 0;
}

/*
 * Makes the page present, and finds whether it can be. Pages that the program itself is to provide
 * (userfaultfd) are found missing by the first way; the second waits for them, as the program
 * itself would.
 */
static int touch(const struct client *client, uint64_t page)
{
	char byte;
	struct iovec local = {.iov_base = &byte, .iov_len = 1};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)page, .iov_len = 1};

	if (!process_memory_read(client->memory, &byte, page, 1))
		return 0;
	return process_vm_readv(client->caller.pid, &local, 1, &remote, 1, 0) == 1 ? 0 : -EFAULT;
}

int program_memory_check(const struct client *client, uint64_t va, uint64_t len, bool write)
{
	struct owner owner = {.memory = client->memory, .pid = client->caller.pid};

	if (!is_mapped(client->proc, va, va + len, write))
		return -EFAULT;
	for (uint64_t page = va; page < va + len; page += PAGE_SIZE) {
		if (touch(client, page))
			return -EFAULT;
	}
	return maps_visit_copies(process_memory_maps(client->memory), va, va + len, take_copy,
				 &owner);
}
