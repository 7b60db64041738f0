/* SPDX-License-Identifier: MIT */
/* Which call it is, and the calls with a descriptor. */
#include "server/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/file_command.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/world.h"
#include "checker/call_report.h"
#include "mem/userfault_move.h"
#include "server/answer_change.h"
#include "server/answer_cwd.h"
#include "server/answer_io.h"
#include "server/answer_listing.h"
#include "server/answer_memory.h"
#include "server/answer_names.h"
#include "server/answer_path.h"
#include "server/answer_stat.h"
#include "server/answer_xattr.h"
#include "server/call_page.h"
#include "server/mapped.h"
#include "server/opened.h"
#include "server/program_fd.h"
#include "server/strict.h"
#include "server/trace_thread.h"
#include "server/tracer.h"
#include "trace/trace.h"

/* FIOASYNC of @file, taken, with its argument at @addr: no emulated file sends SIGIO. */
static struct answer answer_async(struct request *request, struct uiommufd_file *file,
				  uint64_t addr)
{
	int on;

	file_put(file);
	if (caller_read(&request->client->caller, &on, addr, sizeof(on)))
		return answer_result(-EFAULT);
	return answer_result(on ? -ENOTTY : 0);
}

/* A call has failed with @result that has given the program a descriptor. */
struct withdrawal {
	int fd;
	long result;
};

/* On the tracer. */
static long close_withdrawn(void *arg)
{
	const struct withdrawal *withdrawal = arg;
	const struct seccomp_data closing = {.nr = SYS_close, .args = {(__u64)withdrawal->fd}};

	(void)tracer_make_call(&closing);
	return withdrawal->result;
}

static struct answer withdraw(struct request *request, long result)
{
	struct withdrawal withdrawal = {.fd = request->withdrawn, .result = result};

	return tracer_stop_for(request, NULL, close_withdrawn, &withdrawal)
		       ? (struct answer){.kind = ANSWER_GIVEN}
		       : answer_result(result);
}

static struct answer answer_ioctl(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct uiommufd_file *file;
	struct node node;
	struct call call;
	long rc = -ENOTTY;

	if (call_page_is_asked((int)args[0], (unsigned int)args[1]))
		return call_page_answer(request);
	file = file_command_is_generic((unsigned int)args[1])
		       ? NULL
		       : program_fd_file(request, (int)args[0], &node);
	if (!file && args[1] == USERFAULT_MOVE)
		return answer_userfault_move(request);
	if (!file)
		return answer_by_kernel();
	if (args[1] == FIOASYNC)
		return answer_async(request, file, args[2]);
	opened_drain();
	mapped_sweep();
	call_begin(&call, file, (int)args[0], &request->client->caller, (unsigned int)args[1],
		   args[2]);
	if (file->ops->ioctl)
		rc = file->ops->ioctl(file, &request->client->caller, (unsigned int)args[1],
				      args[2]);
	call_end(&call, rc);
	file_put(file);
	/* What the call has made readable, the program may poll next. */
	opened_settle(&request->client->caller);
	return request->withdrawn ? withdraw(request, rc) : answer_result(rc);
}

/* Finds what @request maps of @file; *@writable: it may be written. 0 or a negative errno. */
static int find_mapping(const struct request *request, struct uiommufd_file *file,
			struct file_mapping *map, bool *writable)
{
	const __u64 *args = request->call->data.args;
	struct stat st;
	uint64_t len;

	if (!args[1] || args[5] & PAGE_MASK || args[3] & MAP_HUGETLB ||
	    (args[3] & MAP_FIXED && args[0] & PAGE_MASK))
		return -EINVAL;
	if (check_align_up(args[1], PAGE_SIZE, &len))
		return -ENOMEM;
	*writable = true;
	if (!program_fd_stat(request, (int)args[4], &st)) {
		*writable = opened_may(&st, true);
		if (!opened_may(&st, false) || (args[2] & PROT_WRITE && !*writable))
			return -EACCES;
	}
	if (!file->ops->mmap)
		return -ENODEV;
	return file->ops->mmap(file, args[5], len, (int)args[2], (int)args[3], map);
}

/* What stands for the mapping of @request: a descriptor, *@fd, and *@offset. */
static int make_mapping(const struct request *request, struct uiommufd_file *file, int *fd,
			uint64_t *offset)
{
	struct file_mapping map;
	bool writable;
	int rc = find_mapping(request, file, &map, &writable);

	if (rc)
		return rc;
	rc = mapped_make(file, &map, writable, fd, offset);
	if (rc && map.closed)
		map.closed(map.cookie);
	return rc;
}

/* Has @fd, taken, mapped instead of the file called @name. */
static struct answer map_instead(struct request *request, const char *name, int fd, uint64_t offset)
{
	static atomic_bool told;
	int error;

	if (tracer_map(request, fd, offset, &error))
		return (struct answer){.kind = ANSWER_GIVEN};
	/* Nothing maps it, so it ends with the next sweep. */
	if (client_waits(request) && !atomic_exchange(&told, true))
		log_error("the program cannot map %s: it cannot be traced: %s; pread() and "
			  "pwrite() reach a device's registers (docs/shared.md)",
			  name, strerror(-error));
	return answer_result(-ENODEV);
}

static struct answer answer_mmap(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct uiommufd_file *file;
	const char *name;
	struct node node;
	uint64_t offset;
	int fd, rc;

	file = args[3] & MAP_ANONYMOUS ? NULL : program_fd_file(request, (int)args[4], &node);
	if (!file)
		return answer_memory(request);
	rc = make_mapping(request, file, &fd, &offset);
	name = file->ops->name;
	/* Before the program goes on: it may unmap and close the file at once. */
	file_put(file);
	if (!rc && args[3] & MAP_FIXED) {
		rc = answer_memory_keep(request, args[0], args[1]);
		if (rc)
			close(fd);
	}
	return rc ? answer_result(rc) : map_instead(request, name, fd, offset);
}

static struct answer answer_at(struct request *request)
{
	const __u64 *args = request->call->data.args;
	const int dirfd = (int)args[0];

	switch (request->call->data.nr) {
	case SYS_openat:
		return answer_open(request, dirfd, args[1], (int)args[2]);
	case SYS_openat2:
		return answer_openat2(request);
	case SYS_newfstatat:
		return answer_stat(request, dirfd, args[1], args[2], (int)args[3]);
	case SYS_statx:
		return answer_statx(request);
	case SYS_faccessat:
		return answer_access(request, dirfd, args[1], (int)args[2], 0);
	case SYS_faccessat2:
		return answer_access(request, dirfd, args[1], (int)args[2], (int)args[3]);
	case SYS_readlinkat:
		return answer_readlink(request, dirfd, args[1], args[2], args[3]);
	case SYS_fchmodat:
	case SYS_fchmodat2:
	case SYS_fchownat:
	case SYS_utimensat:
		return answer_attributes(request);
	default:
		return answer_change(request);
	}
}

/*
 * Calls with flags, and the flags that are known here. The kernel looks at them before the path:
 * where there are others, it refuses the call, or knows what they mean.
 */
static const struct flagged {
	unsigned short number, argument;
	unsigned int known;
} flagged[] = {
	{SYS_newfstatat, 3, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH},
	{SYS_statx, 2,
	 AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_FORCE_SYNC |
		 AT_STATX_DONT_SYNC},
	{SYS_faccessat2, 3, AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH},
	{SYS_fchmodat2, 3, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH},
	{SYS_fchownat, 4, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH},
	{SYS_utimensat, 3, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH},
	{SYS_linkat, 4, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH},
	{SYS_unlinkat, 2, AT_REMOVEDIR},
	{SYS_renameat2, 4, RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT},
};

static bool has_unknown_flags(const struct seccomp_data *call)
{
	for (size_t i = 0; i < sizeof(flagged) / sizeof(flagged[0]); i++) {
		if (call->nr == flagged[i].number)
			return (unsigned int)call->args[flagged[i].argument] & ~flagged[i].known;
	}
	return false;
}

struct answer answer_call(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct answer answer;

	if (has_unknown_flags(&request->call->data))
		return answer_by_kernel();
	switch (request->call->data.nr) {
	case SYS_ioctl:
		return answer_ioctl(request);
	case SYS_mmap:
		return answer_mmap(request);
	case SYS_read:
	case SYS_write:
	case SYS_readv:
	case SYS_writev:
	case SYS_pread64:
	case SYS_pwrite64:
	case SYS_preadv:
	case SYS_pwritev:
	case SYS_preadv2:
	case SYS_pwritev2:
		return answer_transfer(request);
	case SYS_lseek:
		return answer_seek(request);
	case SYS_dup:
#ifdef SYS_dup2
	case SYS_dup2:
#endif
	case SYS_dup3:
		return answer_dup(request);
	case SYS_fcntl:
		return answer_control(request);
	case SYS_chroot:
	case SYS_pivot_root:
	case SYS_mount:
	case SYS_move_mount:
	case SYS_setns:
		return answer_root();
	case SYS_chdir:
		return answer_chdir(request);
	case SYS_getcwd:
		return answer_getcwd(request);
	case SYS_getxattr:
	case SYS_lgetxattr:
	case SYS_listxattr:
	case SYS_llistxattr:
	case SYS_setxattr:
	case SYS_lsetxattr:
	case SYS_removexattr:
	case SYS_lremovexattr:
		return answer_xattr(request);
	case SYS_inotify_add_watch:
	case SYS_fanotify_mark:
		return answer_watch(request);
	case SYS_name_to_handle_at:
		return answer_handle(request);
	case SYS_getdents64:
#ifdef SYS_getdents
	case SYS_getdents:
#endif
		return answer_listing(request);
	case SYS_splice:
	case SYS_sendfile:
		return answer_splice(request);
	case SYS_epoll_ctl:
		return answer_epoll(request);
	case SYS_shutdown:
	case SYS_getsockname:
	case SYS_getpeername:
	case SYS_getsockopt:
	case SYS_setsockopt:
	case SYS_bind:
	case SYS_connect:
	case SYS_listen:
	case SYS_accept:
	case SYS_accept4:
	case SYS_sendto:
	case SYS_recvfrom:
	case SYS_sendmsg:
	case SYS_recvmsg:
	case SYS_sendmmsg:
	case SYS_recvmmsg:
		return answer_socket(request);
	case SYS_readahead:
		return answer_readahead(request);
	case SYS_munmap:
	case SYS_mremap:
	case SYS_brk:
	case SYS_shmat:
	case SYS_shmdt:
	case SYS_remap_file_pages:
	case SYS_madvise:
	case SYS_mlock:
	case SYS_mlock2:
		return answer_memory(request);
	case SYS_process_madvise:
		return answer_process_advice(request);
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_ftruncate:
		return answer_contents(request);
	case SYS_fallocate:
		return answer_cut(request);
	case SYS_fstat:
		return answer_fstat(request, (int)args[0], args[1]);
	case SYS_prctl:
	case SYS_seccomp:
		return strict_answer(request);
	case SYS_execve:
	case SYS_execveat:
		if (!answer_exec(request, &answer))
			return answer;
		client_replaced(request);
		trace_name_changes((pid_t)request->call->pid);
		return answer_by_kernel();
	case SYS_statfs:
		return answer_statfs(request, args[0], args[1]);
	case SYS_fstatfs:
		return answer_fstatfs(request, (int)args[0], args[1]);
	case SYS_truncate:
		return answer_truncate(request, args[0]);
	case SYS_exit_group:
		client_exits(request);
		return tracer_release(request) ? (struct answer){.kind = ANSWER_GIVEN}
					       : answer_by_kernel();
#ifdef SYS_open
	case SYS_open:
		return answer_open(request, AT_FDCWD, args[0], (int)args[1]);
	case SYS_creat:
		return answer_open(request, AT_FDCWD, args[0], O_CREAT | O_WRONLY | O_TRUNC);
	case SYS_stat:
		return answer_stat(request, AT_FDCWD, args[0], args[1], 0);
	case SYS_lstat:
		return answer_stat(request, AT_FDCWD, args[0], args[1], AT_SYMLINK_NOFOLLOW);
	case SYS_access:
		return answer_access(request, AT_FDCWD, args[0], (int)args[1], 0);
	case SYS_readlink:
		return answer_readlink(request, AT_FDCWD, args[0], args[1], args[2]);
	case SYS_chmod:
	case SYS_chown:
	case SYS_lchown:
	case SYS_utime:
	case SYS_utimes:
	case SYS_futimesat:
		return answer_attributes(request);
#endif
	default:
		return answer_at(request);
	}
}

int answer_in_world(struct request *request, struct answer *answer)
{
	int rc = world_enter();

	if (rc)
		return rc;
	trace_thread_set(request->client->caller.pid, (pid_t)request->call->pid, request->task);
	*answer = answer_call(request);
	world_leave();
	return 0;
}
