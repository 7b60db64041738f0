/* SPDX-License-Identifier: MIT */
/*
 * A call is recognised by its number and, where the number alone would stop too many, by the low
 * half of an argument: the type byte of an ioctl, a descriptor, an advice.
 * Cost for a call that passes: a comparison for each number.
 */
#include "server/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys.h"
#include "mem/userfault_move.h"
#include "server/answer_memory.h"
#include "vfio/bar_advice.h"

/* Missing in older headers; a kernel before 5.19 answers -EINVAL. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

enum {
	MAX_FILTER = 640,
};

/* Calls that always wait. */
static const unsigned short always[] = {
#ifdef SYS_open
	SYS_open,
	SYS_creat,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
	SYS_chmod,
	SYS_chown,
	SYS_lchown,
	SYS_getdents,
	SYS_utime,
	SYS_utimes,
	SYS_futimesat,
#endif
	SYS_openat,
	SYS_openat2,
	SYS_newfstatat,
	SYS_statx,
	SYS_fstat,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_readlinkat,
	SYS_pread64,
	SYS_pwrite64,
	SYS_execve,
	SYS_execveat,
#ifdef SYS_mkdir
	SYS_mkdir,
	SYS_mknod,
	SYS_symlink,
	SYS_link,
	SYS_rename,
	SYS_unlink,
	SYS_rmdir,
#endif
#ifdef SYS_renameat
	SYS_renameat,
#endif
	SYS_mkdirat,
	SYS_mknodat,
	SYS_symlinkat,
	SYS_linkat,
	SYS_renameat2,
	SYS_unlinkat,
	SYS_preadv,
	SYS_pwritev,
	SYS_preadv2,
	SYS_pwritev2,
	SYS_exit_group,
	SYS_statfs,
	SYS_fstatfs,
	SYS_truncate,
	SYS_chdir,
	SYS_chroot,
	SYS_pivot_root,
	SYS_mount,
	SYS_move_mount,
	SYS_setns,
	SYS_getcwd,
	SYS_getdents64,
	SYS_getxattr,
	SYS_lgetxattr,
	SYS_listxattr,
	SYS_llistxattr,
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_removexattr,
	SYS_lremovexattr,
	SYS_name_to_handle_at,
	SYS_fchmodat,
	SYS_fchmodat2,
	SYS_fchownat,
	SYS_utimensat,
	SYS_inotify_add_watch,
	SYS_fanotify_mark,
	/* Those that may take pinned memory away. */
	SYS_munmap,
	SYS_mremap,
	SYS_brk,
	SYS_shmdt,
	SYS_ftruncate,
	SYS_remap_file_pages,
	/* Registers are left out of these. */
	SYS_mlock,
	SYS_mlock2,
};

/* Calls that wait if an argument has one of these bits. */
static const struct masked {
	unsigned short number, argument;
	unsigned int bits;
} masked[] = {
	{SYS_shmat, 2, SHM_REMAP},
	{SYS_fallocate, 1,
	 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_ZERO_RANGE |
		 FALLOC_FL_INSERT_RANGE},
};

/* Calls that wait if an argument is a descriptor of FILTER_FIRST_FD to FILTER_LAST_FD. */
static const struct numbered {
	unsigned short number, arguments[2]; /* twice the same: there is one */
} numbered[] = {
	/* Frequent ones first. */
	{SYS_read, {0, 0}},	   {SYS_write, {0, 0}},	      {SYS_recvmsg, {0, 0}},
	{SYS_sendmsg, {0, 0}},	   {SYS_recvfrom, {0, 0}},    {SYS_sendto, {0, 0}},
	{SYS_readv, {0, 0}},	   {SYS_writev, {0, 0}},      {SYS_dup, {0, 0}},
	{SYS_dup3, {0, 0}},	   {SYS_fcntl, {0, 0}},	      {SYS_splice, {0, 2}},
	{SYS_sendfile, {0, 1}},	   {SYS_epoll_ctl, {2, 2}},   {SYS_shutdown, {0, 0}},
	{SYS_getsockname, {0, 0}}, {SYS_getpeername, {0, 0}}, {SYS_getsockopt, {0, 0}},
	{SYS_setsockopt, {0, 0}},  {SYS_lseek, {0, 0}},	      {SYS_fsync, {0, 0}},
	{SYS_fdatasync, {0, 0}},   {SYS_bind, {0, 0}},	      {SYS_connect, {0, 0}},
	{SYS_listen, {0, 0}},	   {SYS_accept, {0, 0}},      {SYS_accept4, {0, 0}},
	{SYS_sendmmsg, {0, 0}},	   {SYS_recvmmsg, {0, 0}},    {SYS_readahead, {0, 0}},
#ifdef SYS_dup2
	{SYS_dup2, {0, 0}},
#endif
};

struct program {
	struct sock_filter code[MAX_FILTER];
	unsigned short len;
};

static void add(struct program *program, struct sock_filter instruction)
{
	program->code[program->len++] = instruction;
}

/* Loads the low half of argument @index: all machines that we know are little-endian. */
static void load_argument(struct program *program, unsigned int index)
{
	const size_t off = offsetof(struct seccomp_data, args) + index * sizeof(__u64);

	add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned int)off));
}

/* What the comparison before it has found equal waits; else the next is skipped. */
static void answer(struct program *program, unsigned int action)
{
	add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Waits if argument @index is a number that is stopped; else it goes on behind this. */
static void filter_descriptor(struct program *program, unsigned int index)
{
	load_argument(program, index);
	add(program,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FILTER_FIRST_FD, 0, 2));
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, FILTER_LAST_FD, 1, 0));
	answer(program, SECCOMP_RET_USER_NOTIF);
}

/* ioctl(fd, command): by the command, its type byte, and the descriptor. */
static void filter_ioctl(struct program *program)
{
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 11));
	load_argument(program, 1);
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						  (uint32_t)USERFAULT_MOVE, 0, 1));
	answer(program, SECCOMP_RET_USER_NOTIF);
	add(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00));
	add(program,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_IOCTL_TYPE << 8, 0, 1));
	answer(program, SECCOMP_RET_USER_NOTIF);
	filter_descriptor(program, 0);
	answer(program, SECCOMP_RET_ALLOW);
}

/* mmap(..., flags, fd, ...): of files, or over what is there. */
static void filter_mmap(struct program *program)
{
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 6));
	load_argument(program, 4);
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffffffff, 0, 2));
	load_argument(program, 3);
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_FIXED, 0, 1));
	answer(program, SECCOMP_RET_USER_NOTIF);
	answer(program, SECCOMP_RET_ALLOW);
}

static void filter_masked(struct program *program, const struct masked *call)
{
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->number, 0, 4));
	load_argument(program, call->argument);
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, call->bits, 0, 1));
	answer(program, SECCOMP_RET_USER_NOTIF);
	answer(program, SECCOMP_RET_ALLOW);
}

enum {
	ADVICE_END = 128 /* no advice has a number from here on */
};

/* What drops pages is among it. */
static bool is_for_memory(int advice)
{
	return bar_refuse_advice(advice) != 0;
}

/* madvise and process_madvise: by the advice, argument @index, if @waits says so of it. */
static void filter_advice(struct program *program, unsigned int number, unsigned int index,
			  bool (*waits)(int advice))
{
	unsigned char count = 0;

	for (int advice = 0; advice < ADVICE_END; advice++)
		count = (unsigned char)(count + waits(advice));
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0,
						  (unsigned char)(count + 3)));
	load_argument(program, index);
	for (int advice = 0; advice < ADVICE_END; advice++) {
		if (waits(advice))
			add(program,
			    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (unsigned int)advice, count--, 0));
	}
	answer(program, SECCOMP_RET_ALLOW);
	answer(program, SECCOMP_RET_USER_NOTIF);
}

static void filter_numbered(struct program *program, const struct numbered *call)
{
	const unsigned int count = call->arguments[0] == call->arguments[1] ? 1 : 2;

	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->number, 0,
						  (unsigned char)(4 * count + 1)));
	for (unsigned int i = 0; i < count; i++)
		filter_descriptor(program, call->arguments[i]);
	answer(program, SECCOMP_RET_ALLOW);
}

/* What sets seccomp's strict mode. */
static void filter_strict(struct program *program)
{
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 6));
	load_argument(program, 0);
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 3));
	load_argument(program, 1);
	add(program,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_MODE_STRICT, 0, 1));
	answer(program, SECCOMP_RET_USER_NOTIF);
	answer(program, SECCOMP_RET_ALLOW);
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 8));
	load_argument(program, 0);
	add(program,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_SET_MODE_STRICT, 0, 5));
	/* With anything else it is EINVAL. */
	load_argument(program, 1);
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3));
	load_argument(program, 2);
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1));
	answer(program, SECCOMP_RET_USER_NOTIF);
	answer(program, SECCOMP_RET_ALLOW);
}

static void build(struct program *program)
{
	*program = (struct program){.len = 0};
#ifdef ARCHITECTURE
	add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, arch)));
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
	answer(program, SECCOMP_RET_ALLOW);
#endif
	add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr)));
	/* Those that mostly pass come first: the kernel knows only of the others that they do. */
	for (size_t i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++)
		filter_numbered(program, &numbered[i]);
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		filter_masked(program, &masked[i]);
	filter_advice(program, SYS_madvise, 2, is_for_memory);
	filter_advice(program, SYS_process_madvise, 3, answer_advice_drops);
	filter_strict(program);
	filter_ioctl(program);
	filter_mmap(program);
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		add(program,
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, always[i], 0, 1));
		answer(program, SECCOMP_RET_USER_NOTIF);
	}
	answer(program, SECCOMP_RET_ALLOW);
}

static int install_with(const struct sock_fprog *code, unsigned long flags)
{
	long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, code);

	return rc < 0 ? -errno : (int)rc;
}

static int install(const struct sock_fprog *code)
{
	const unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int rc = install_with(code, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

	return rc == -EINVAL ? install_with(code, flags) : rc;
}

int filter_install(void)
{
	struct program program;
	struct sock_fprog code;
	int rc;

	build(&program);
	code = (struct sock_fprog){.len = program.len, .filter = program.code};
	rc = install(&code);
	if (rc != -EACCES)
		return rc;
	/* Only who may do everything may do it without this promise. */
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : install(&code);
}
