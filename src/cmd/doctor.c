/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd doctor`: what of this machine limits a run, and how to lift it. Each line comes from
 * trying the thing, not from the version of the kernel. What may not be changed back is tried in a
 * child.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "cmd/cmd.h"
#include "cmd/config.h"
#include "cmd/library.h"
#include "cmd/own_proc.h"
#include "cmd/tree.h"
#include "preload/start/layout.h"

/* Of Linux 5.11: the C library's headers may be older. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

/* Of linux/userfaultfd.h since Linux 5.11. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

enum finding {
	FINE,
	LIMITS, /* a run works, except for what the line says */
	STOPS,	/* no run works */
};

/* Prints one line, and below it what to do. @cure may be NULL. */
static enum finding tell(enum finding finding, const char *what, const char *cure)
{
	static const char *const names[] = {[FINE] = "ok", [LIMITS] = "limit", [STOPS] = "stop"};

	printf("%-6s %s\n", names[finding], what);
	if (finding != FINE && cure)
		printf("       %s\n", cure);
	return finding;
}

static enum finding check_proc(void)
{
	switch (own_proc_find()) {
	case OWN_PROC_IS_THERE:
		break;
	case OWN_PROC_OF_OTHERS:
		return tell(
			LIMITS,
			"/proc is that of another PID namespace: statically linked programs and "
			"--shared cannot be served",
			OWN_PROC_CURE);
	case OWN_PROC_MISSING:
		return tell(STOPS, "there is no /proc", OWN_PROC_CURE);
	}
	return tell(FINE, "/proc tells of programs", NULL);
}

static enum finding check_library(void)
{
	static char path[PATH_MAX], line[PATH_MAX + 64];

	if (!CONFIG_HAS_PRELOAD)
		return tell(FINE, "no preload for this C library: as with --shared", NULL);
	if (library_find(LAYOUT_LIBRARY, path) == 0) {
		snprintf(line, sizeof(line), "preload: %s", path);
		return tell(FINE, line, NULL);
	}
	snprintf(line, sizeof(line), "preload: there is no %s", path);
	return tell(STOPS, line, "install uiommufd again, with its libraries");
}

/* Whether @attempt works in a child, with which ends what it has changed. */
static bool child_can(bool (*attempt)(void))
{
	pid_t child = fork();
	int status = -1;

	if (child == 0)
		_exit(attempt() ? 0 : 1);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* As preload/trap/user_dispatch.c turns it on. */
static bool can_dispatch(void)
{
	static char selector; /* 0: calls pass */

	return prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &selector) == 0;
}

static enum finding check_dispatch(void)
{
	if (child_can(can_dispatch))
		return tell(FINE, "system calls without the C library's functions are answered",
			    NULL);
	return tell(LIMITS, "system calls without the C library's functions are not seen",
		    "Linux 5.11 or later hands them over; a seccomp filter (of a container) may "
		    "forbid it");
}

static enum finding check_populate(void)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);

	/* There is no memory at page 0; a kernel that does not know the advice gives EINVAL. */
	if (madvise(NULL, size, MADV_POPULATE_WRITE) && errno == ENOMEM)
		return tell(FINE, "memory that is mapped for DMA is populated by one call", NULL);
	return tell(LIMITS, "memory that is mapped for DMA is populated page by page: slower",
		    "Linux 5.14 or later populates it by one call");
}

static enum finding check_memlock(void)
{
	char line[160];
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return tell(FINE, "locked memory: no limit", NULL);
	snprintf(line, sizeof(line),
		 "locked memory: %" PRIu64 " KiB can be mapped for DMA, then ENOMEM as from Linux",
		 (uint64_t)limit.rlim_cur / 1024);
	return tell(limit.rlim_cur < (UINT64_C(64) << 20) ? LIMITS : FINE, line,
		    "uiommufd run --memlock unlimited, or ulimit -l");
}

/* Writing memory past its own rights, as the preload does for DMA. */
static enum finding check_own_memory(void)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *memory = fopen("/proc/self/mem", "r+e");
	bool works = memory && page != MAP_FAILED &&
		     pwrite(fileno(memory), "", 1, (off_t)(uintptr_t)page) == 1;

	if (memory)
		fclose(memory);
	if (page != MAP_FAILED)
		munmap(page, size);
	if (works)
		return tell(FINE, "DMA reaches memory that the program itself may not write", NULL);
	return tell(LIMITS, "DMA does not reach memory that the program itself may not write",
		    "the kernel's proc_mem.force_override= forbids it");
}

/* Where the shadow root of a run would be. */
static enum finding check_folder(void)
{
	static struct tree tree;
	char line[sizeof(tree.root) + 64];
	bool made;

	tree_create(&tree, NULL);
	made = !tree.error && tree.root[0];
	if (made)
		snprintf(line, sizeof(line), "a folder for the emulated files: %.*s",
			 (int)(strrchr(tree.root, '/') - tree.root), tree.root);
	tree_remove(&tree);
	if (!made)
		return tell(STOPS, "no folder for the emulated files can be written",
			    "set TMPDIR to one that can");
	return tell(FINE, line, NULL);
}

/* As server/filter.c hands a program's calls to the server, with a filter that permits all. */
static bool can_notify(void)
{
	struct sock_filter permit = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog program = {.len = 1, .filter = &permit};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		       &program) >= 0;
}

static enum finding check_notify(void)
{
	if (child_can(can_notify))
		return tell(FINE, "statically linked programs and --shared can be served", NULL);
	return tell(LIMITS, "statically linked programs and --shared cannot be served",
		    "Linux 5.9 or later has seccomp's user notification; the profile of a "
		    "container may forbid seccomp");
}

/* Whether a child can be traced, which no setting of Yama's but the last forbids. */
static bool can_trace(void)
{
	pid_t child = fork();
	bool traced;

	if (child < 0)
		return false;
	if (child == 0) {
		pause();
		_exit(0);
	}
	traced = ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return traced;
}

/* Whether gdb and strace can be attached to a program that runs, and the server can trace one. */
static enum finding check_ptrace(void)
{
	FILE *scope = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int level = scope ? fgetc(scope) : '0';

	if (scope)
		fclose(scope);
	if (!can_trace())
		return tell(LIMITS,
			    "ptrace is refused: no debuggers, and no mapped BARs in statically "
			    "linked programs",
			    "Docker: --cap-add SYS_PTRACE; or sysctl kernel.yama.ptrace_scope=0");
	if (level <= '0' || geteuid() == 0)
		return tell(FINE, "debuggers can be attached to a program that runs", NULL);
	return tell(LIMITS,
		    "debuggers cannot be attached to a program that runs; they can start it",
		    "sysctl kernel.yama.ptrace_scope=0");
}

/* A mapping reserves its page, so that nothing has to be written to it. */
static enum finding check_huge_pages(void)
{
	const size_t size = 2 << 20;
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (page != MAP_FAILED) {
		munmap(page, size);
		return tell(FINE, "huge pages are free for programs that ask for them", NULL);
	}
	return tell(LIMITS, "no huge page is free: DPDK and SPDK need --no-huge here",
		    "sysctl vm.nr_hugepages=64, on the host of a container");
}

/* uiommufd has no use for it. */
static enum finding check_userfaultfd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd >= 0) {
		close(fd);
		return tell(FINE, "userfaultfd is there for programs that use it", NULL);
	}
	return tell(LIMITS, "programs that use userfaultfd, as for post-copy migration, cannot",
		    "sysctl vm.unprivileged_userfaultfd=1; the profile of a container may forbid "
		    "it");
}

int cmd_doctor(char **args)
{
	enum finding (*const checks[])(void) = {
		check_proc,	  check_library,     check_folder,     check_dispatch,
		check_notify,	  check_memlock,     check_own_memory, check_populate,
		check_huge_pages, check_userfaultfd, check_ptrace,
	};
	unsigned int counts[STOPS + 1] = {0};
	struct utsname system;

	if (*args) {
		cmd_complain("doctor takes no arguments");
		return CMD_USAGE;
	}
	if (uname(&system) == 0)
		printf("%s %s, %s\n", system.sysname, system.release, system.machine);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		counts[checks[i]()]++;
	if (counts[STOPS])
		puts("no program can be run here");
	else if (counts[LIMITS])
		printf("programs can be run, with %u limit%s\n", counts[LIMITS],
		       counts[LIMITS] == 1 ? "" : "s");
	else
		puts("programs can be run, without limits");
	return counts[STOPS] ? CMD_FAILED : CMD_OK;
}
