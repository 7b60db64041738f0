/* SPDX-License-Identifier: MIT */
/*
 * A client as the engine's caller: what the engine asks of a program. While the calling thread
 * works on a request of it, memory is copied with the program's rights, and it is given
 * descriptors; else its memory is reached as pinned memory is.
 *
 * No state but the limit that is set at the start. Cost: some system calls for each question.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <urcu/compiler.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "server/call_page.h"
#include "server/client_internal.h"
#include "server/opened.h"
#include "server/proc_file.h"
#include "server/program_fd.h"
#include "server/program_memory.h"
#include "trace/events.h"

/* client_set_memlock() */
static bool has_memlock;
static uint64_t memlock;

void client_set_memlock(uint64_t bytes)
{
	has_memlock = true;
	memlock = bytes;
}

static struct client *client_of(struct uiommufd_caller *caller)
{
	return caa_container_of(caller, struct client, caller);
}

static struct request *request_of(struct uiommufd_caller *caller)
{
	return client_request(client_of(caller));
}

static int op_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	struct request *request = request_of(caller);

	if (!request)
		return process_memory_read(client_of(caller)->memory, dst, src, len);
	return program_memory_read(request, dst, src, len);
}

static int op_write(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	struct request *request = request_of(caller);

	if (!request)
		return process_memory_write(client_of(caller)->memory, dst, src, len);
	return program_memory_write(request, dst, src, len);
}

static int op_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write)
{
	struct client *client = client_of(caller);
	int rc = process_memory_note_pin(client->memory, va, len);

	return rc ? rc : program_memory_check(client, va, len, write);
}

static int op_resolve(struct uiommufd_caller *caller, uint64_t va, uint64_t len, uint64_t *bus,
		      uint64_t *run)
{
	return process_memory_resolve(client_of(caller)->memory, va, len, bus, run);
}

/*
 * The descriptor @fd of the thread that calls, since Linux 6.9: the first one of its process, which
 * a pidfd means else, may have left.
 */
static int dup_of_thread(struct uiommufd_caller *caller, int fd)
{
	const unsigned int of_thread = O_EXCL; /* PIDFD_THREAD, which older headers lack */
	const struct request *request = request_of(caller);
	int pidfd = request ? (int)syscall(SYS_pidfd_open, request->call->pid, of_thread) : -1;
	int got, error;

	if (pidfd < 0)
		return -1;
	got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	error = errno;
	close(pidfd);
	errno = error;
	return got;
}

static int op_dup_fd(struct uiommufd_caller *caller, int fd)
{
	int got = fd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, client_of(caller)->pidfd, fd, 0);
	int flags;

	if (fd < 0)
		return -EBADF;
	if (got < 0 && (errno == EBADF || errno == ESRCH))
		got = dup_of_thread(caller, fd);
	if (got < 0)
		return errno == EMFILE || errno == ENFILE ? -EMFILE : -EBADF;
	flags = fcntl(got, F_GETFL);
	/* O_PATH names a place, not an open file. */
	if (flags < 0 || flags & O_PATH) {
		close(got);
		return -EBADF;
	}
	return got;
}

static struct uiommufd_file *op_get_file(struct uiommufd_caller *caller, int fd)
{
	struct request request = {.task = client_of(caller)->proc};
	struct request *mine = request_of(caller);
	struct node node;

	return program_fd_file(mine ? mine : &request, fd, &node);
}

static int op_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file, int flags)
{
	struct request *request = request_of(caller);
	struct stat st = {.st_ino = 0};
	int end, fd, rc;

	/* Commands that come here are not taken from a slot (server/attendant.c). */
	assert(!request || request->listener != REQUEST_OF_SLOT);
	if (!request || request->listener == REQUEST_OF_SLOT)
		return -EMFILE;
	rc = opened_make(file, (struct node){.kind = NODE_NONE}, NULL, &end);
	if (rc)
		return rc;
	fd = program_fd_give_emulated(request, file, end, flags, 0);
	if (!fstat(end, &st) && fd >= 0) {
		opened_numbered(&st, fd);
		if (observed())
			event_made(file, file->ops->name, fd);
	} else if (fd < 0) {
		/* The reference stays with the engine. */
		file_get(file);
		opened_forget(&st);
	}
	close(end);
	return fd;
}

static void op_uninstall_file(struct uiommufd_caller *caller, int fd)
{
	struct request *request = request_of(caller);
	struct stat st;

	/* Without the tracer, which closes it, it stays as a socket without a file behind it. */
	if (!request || program_fd_stat(request, fd, &st))
		return;
	opened_forget(&st);
	request->withdrawn = fd;
}

static bool op_capable(struct uiommufd_caller *caller, int cap)
{
	struct client *client = client_of(caller);
	uint64_t effective;

	if (proc_file_number(client->proc, "status", "\nCapEff:", 16, &effective))
		atomic_store(&client->capabilities, effective);
	return atomic_load(&client->capabilities) >> cap & 1;
}

static uint32_t op_uid(struct uiommufd_caller *caller)
{
	uint64_t uid;

	return proc_file_number(client_of(caller)->proc, "status", "\nUid:", 10, &uid)
		       ? (uint32_t)uid
		       : caller->uid;
}

/* prlimit(2) would not tell the limit of another user's process. */
static uint64_t op_memlock_limit(struct uiommufd_caller *caller)
{
	static const char name[] = "\nMax locked memory";
	uint64_t limit;

	if (has_memlock)
		return memlock;
	/* Of a process that has ended nothing more is pinned. */
	return proc_file_number(client_of(caller)->proc, "limits", name, 10, &limit) ? limit : 0;
}

uint64_t client_locked_by_system(struct uiommufd_caller *caller)
{
	uint64_t kib;

	return proc_file_number(client_of(caller)->proc, "status", "\nVmLck:", 10, &kib)
		       ? kib >> (PAGE_SHIFT - 10)
		       : 0;
}

static bool op_alive(struct uiommufd_caller *caller)
{
	return process_memory_exists(client_of(caller)->memory);
}

static void op_release(struct uiommufd_caller *caller)
{
	struct client *client = client_of(caller);

	call_page_destroy(atomic_load(&client->page));
	if (client->memory)
		process_memory_destroy(client->memory);
	if (client->pidfd >= 0)
		close(client->pidfd);
	if (client->proc >= 0)
		close(client->proc);
	alloc_free(client);
}

const struct uiommufd_caller_ops client_caller_ops = {
	.read = op_read,
	.write = op_write,
	.populate = op_populate,
	.resolve = op_resolve,
	.dup_fd = op_dup_fd,
	.get_file = op_get_file,
	.install_file = op_install_file,
	.uninstall_file = op_uninstall_file,
	.capable = op_capable,
	.uid = op_uid,
	.memlock_limit = op_memlock_limit,
	.alive = op_alive,
	.release = op_release,
};
