/* SPDX-License-Identifier: MIT */
/*
 * read and write without a position come here only for the numbers that the filter stops
 * (server/filter.h). Emulated files get such numbers, also when they are copied by dup and F_DUPFD.
 */
#include "server/answer_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/file_command.h"
#include "base/file_transfer.h"
#include "base/log.h"
#include "server/answer_memory.h"
#include "server/filter.h"
#include "server/opened.h"
#include "server/proc_file.h"
#include "server/program_fd.h"

enum {
	WITH_VECTOR = 1,
	WITH_POSITION = 2,
	WRITES = 4,
	WITH_FLAGS = 8, /* position -1 is that of the file */
};

/* What a call transfers. */
struct transfer {
	struct uiommufd_file *file;
	struct uiommufd_caller *caller;
	unsigned int kind;
	uint64_t buf, count; /* of bytes, or of the vector's elements */
	uint64_t pos;
};

static unsigned int kind_of(int number)
{
	switch (number) {
	case SYS_write:
		return WRITES;
	case SYS_readv:
		return WITH_VECTOR;
	case SYS_writev:
		return WITH_VECTOR | WRITES;
	case SYS_pread64:
		return WITH_POSITION;
	case SYS_pwrite64:
		return WITH_POSITION | WRITES;
	case SYS_preadv:
		return WITH_POSITION | WITH_VECTOR;
	case SYS_pwritev:
		return WITH_POSITION | WITH_VECTOR | WRITES;
	case SYS_preadv2:
		return WITH_POSITION | WITH_VECTOR | WITH_FLAGS;
	case SYS_pwritev2:
		return WITH_POSITION | WITH_VECTOR | WITH_FLAGS | WRITES;
	default:
		return 0;
	}
}

/* @of_node: a device node is read at any offset; it fails, if at all, because it cannot be read. */
static ssize_t transfer_at(struct transfer *transfer, bool of_node, bool own_position,
			   uint64_t given)
{
	ssize_t rc;

	transfer->pos = own_position ? __atomic_load_n(&transfer->file->pos, __ATOMIC_RELAXED)
				     : given;
	if (!own_position && (int64_t)given < 0)
		return -EINVAL;
	if (!own_position && !of_node && !(transfer->file->flags & FILE_SEEKABLE))
		return -ESPIPE;
	rc = (transfer->kind & WITH_VECTOR ? file_transfer_vector : file_transfer)(
		transfer->file, transfer->caller, transfer->kind & WRITES, transfer->buf,
		transfer->count, &transfer->pos);
	if (own_position)
		__atomic_store_n(&transfer->file->pos, transfer->pos, __ATOMIC_RELAXED);
	return rc;
}

struct answer answer_transfer(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct transfer transfer = {
		.caller = &request->client->caller,
		.kind = kind_of(request->call->data.nr),
		.buf = args[1],
		.count = args[2],
	};
	bool own = !(transfer.kind & WITH_POSITION) ||
		   (transfer.kind & WITH_FLAGS && (int64_t)args[3] == -1);
	struct node node;
	struct stat st;
	ssize_t rc;

	if (program_fd_stat(request, (int)args[0], &st))
		return answer_by_kernel();
	if (!opened_may(&st, transfer.kind & WRITES))
		return answer_result(-EBADF);
	/* Emulated files have none of what the others ask for. */
	if (transfer.kind & WITH_FLAGS && args[5] & ~(__u64)RWF_HIPRI && opened_has(&st))
		return answer_result(-EOPNOTSUPP);
	transfer.file = opened_find(&st, &node);
	if (!transfer.file)
		return answer_by_kernel();
	/* Files of sysfs show a device that programs have closed as closed. */
	if (node.kind != NODE_NONE && !path_is_device(node))
		opened_drain();
	rc = transfer_at(&transfer, path_is_device(node), own, args[3]);
	opened_numbered(&st, (int)args[0]);
	opened_settle(transfer.caller);
	file_put(transfer.file);
	return answer_result(rc);
}

/* Files of sysfs that are open for writing; a device node is not seekable. */
struct answer answer_seek(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct uiommufd_file *file;
	struct node node;
	struct stat st;
	int64_t rc;

	if (program_fd_stat(request, (int)args[0], &st))
		return answer_by_kernel();
	file = opened_find(&st, &node);
	if (!file)
		return answer_by_kernel();
	if (!opened_is_shown_as(&st, &st))
		st.st_size = 0;
	rc = path_is_device(node) ? -ESPIPE
				  : file_seek(file, st.st_size, (int64_t)args[1], (int)args[2]);
	file_put(file);
	return answer_result(rc);
}

/* Of a file of sysfs they do nothing. Others are sockets, of which the kernel says EINVAL. */
struct answer answer_contents(struct request *request)
{
	const bool cuts = request->call->data.nr == SYS_ftruncate;
	struct uiommufd_file *file;
	struct node node;
	struct stat st;
	bool of_sysfs;

	if (program_fd_stat(request, (int)request->call->data.args[0], &st))
		return answer_by_kernel();
	file = opened_find(&st, &node);
	if (!file)
		return cuts ? answer_cut(request) : answer_by_kernel();
	of_sysfs = node.kind != NODE_NONE && !path_is_device(node);
	file_put(file);
	if (!of_sysfs)
		return answer_by_kernel();
	return answer_result(cuts && !opened_may(&st, true) ? -EINVAL : 0);
}

/* ---- calls that are not about what is in the file ---- */

static bool is_emulated(const struct request *request, uint64_t fd)
{
	struct stat st;

	return !program_fd_stat(request, (int)fd, &st) && opened_has(&st);
}

/* What fcntl() of the program says of @fd with F_GETFL, without what the server adds; or -EBADF. */
static long flags_of(const struct request *request, uint64_t fd)
{
	uint64_t flags;
	char name[32];

	snprintf(name, sizeof(name), "fdinfo/%d", (int)fd);
	return proc_file_number(request->task, name, "\nflags:", 8, &flags) ? (long)flags : -EBADF;
}

/* Whether the program may read its @fd, or write it. */
static bool may(const struct request *request, uint64_t fd, bool write)
{
	struct stat st;

	if (program_fd_stat(request, (int)fd, &st))
		return false;
	if (opened_has(&st))
		return opened_may(&st, write);
	return file_flags_permit(flags_of(request, fd), write ? O_WRONLY : O_RDONLY);
}

/* splice and sendfile: no emulated file has pages to move. */
struct answer answer_splice(struct request *request)
{
	const __u64 *args = request->call->data.args;
	const bool splices = request->call->data.nr == SYS_splice;
	const uint64_t from = args[splices ? 0 : 1], to = args[splices ? 2 : 0];

	if (!is_emulated(request, from) && !is_emulated(request, to))
		return answer_by_kernel();
	return answer_result(may(request, from, false) && may(request, to, true) ? -EINVAL
										 : -EBADF);
}

/* Of a socket, too, it is EINVAL; but that is open for both. */
struct answer answer_readahead(struct request *request)
{
	const uint64_t fd = request->call->data.args[0];

	return is_emulated(request, fd) && !may(request, fd, false) ? answer_result(-EBADF)
								    : answer_by_kernel();
}

/* Without an answer, the kernel would find that such a descriptor is a socket. */
struct answer answer_socket(struct request *request)
{
	return is_emulated(request, request->call->data.args[0]) ? answer_result(-ENOTSOCK)
								 : answer_by_kernel();
}

/* epoll takes no file that is always ready. */
struct answer answer_epoll(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct uiommufd_file *file;
	struct node node;
	bool takes;

	file = program_fd_file(request, (int)args[2], &node);
	if (!file)
		return answer_by_kernel();
	takes = file->ops->readiness || (node.kind != NODE_NONE && !path_is_device(node));
	file_put(file);
	return takes ? answer_by_kernel() : answer_result(-EPERM);
}

/* A copy of @fd, of @file, under a number that is stopped as well, @least or more. */
static struct answer copy(struct request *request, const struct uiommufd_file *file, int fd,
			  int flags, uint64_t least)
{
	int end = caller_dup_fd(&request->client->caller, fd), number;

	if (end < 0)
		return answer_result(end);
	number = program_fd_give_emulated(request, file, end, flags, least);
	close(end);
	/* A number beyond those is the kernel's. */
	return number == -EMFILE ? answer_by_kernel() : answer_result(number);
}

/* dup2 and dup3 of @file to @number, which the filter may not stop. */
static void tell_of_number(const struct uiommufd_file *file, const struct stat *st, uint64_t number)
{
	static atomic_bool told;

	if ((number < FILTER_FIRST_FD || number > FILTER_LAST_FD) &&
	    program_fd_needs_number(file) && !opened_has_writer(st) &&
	    !atomic_exchange(&told, true))
		log_error("descriptor %d is read and written as an empty file: only numbers from "
			  "%d to %d are the machine's (docs/shared.md)",
			  (int)number, FILTER_FIRST_FD, FILTER_LAST_FD);
}

/* Copies the descriptor of @file, whose program's end is @st. */
static struct answer dup_file(struct request *request, const struct uiommufd_file *file,
			      const struct stat *st)
{
	const __u64 *args = request->call->data.args;

	switch (request->call->data.nr) {
	case SYS_dup:
		return copy(request, file, (int)args[0], 0, 0);
	case SYS_fcntl:
		if (args[2] > FILTER_LAST_FD)
			return answer_by_kernel();
		return copy(request, file, (int)args[0], args[1] == F_DUPFD_CLOEXEC ? O_CLOEXEC : 0,
			    args[2]);
	default:
		tell_of_number(file, st, args[1]);
		return answer_by_kernel();
	}
}

struct answer answer_dup(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct uiommufd_file *file;
	struct answer answer;
	struct node node;
	struct stat st;

	if (program_fd_stat(request, (int)args[0], &st))
		return answer_by_kernel();
	file = opened_find(&st, &node);
	if (!file)
		return answer_by_kernel();
	answer = dup_file(request, file, &st);
	file_put(file);
	return answer;
}

/*
 * F_GETFL: the socket is open for both, has been opened without a name, and sends signals
 * (O_ASYNC), which no emulated file does.
 */
static struct answer answer_flags(const struct request *request)
{
	const uint64_t fd = request->call->data.args[0];
	struct stat st;
	long flags;

	if (program_fd_stat(request, (int)fd, &st) || !opened_has(&st))
		return answer_by_kernel();
	flags = flags_of(request, fd);
	/* What closes on exec is the descriptor. */
	return flags < 0 ? answer_by_kernel()
			 : answer_result(opened_flags(&st, flags & ~O_CLOEXEC));
}

struct answer answer_control(struct request *request)
{
	switch (request->call->data.args[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return answer_dup(request);
	case F_GETFL:
		return answer_flags(request);
	default:
		return answer_by_kernel();
	}
}
