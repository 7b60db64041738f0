/* SPDX-License-Identifier: MIT */
/*
 * System calls past the functions of the C library: by instructions of the program, and by the C
 * library itself. They mean what the functions mean, and leave all that the kernel leaves. x86-64.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "direct_call.h"

#ifdef __x86_64__

/* Newer than some headers. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

enum {
	PAGE = 4096,
};

#define DIRECT(...) DIRECT_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define DIRECT_PADDED(n, a, b, c, d, e, f, ...) \
	direct(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static int open_directly(const char *path)
{
	return (int)DIRECT(SYS_openat, AT_FDCWD, path, O_RDWR);
}

static bool opens_directly(void)
{
	struct ioas_alloc cmd = {.size = sizeof(cmd)};
	int fd = open_directly("/dev/iommu");
	bool fine = fd >= 0 && DIRECT(SYS_ioctl, fd, IOMMU_IOAS_ALLOC, &cmd) == 0;

	return DIRECT(SYS_close, fd) == 0 && fine;
}

/* ---- files ---- */

static void a_node_is_opened_used_and_closed(void)
{
	int fd = open_directly("/dev/iommu");
	struct stat st;

	CHECK(fd >= 0);
	CHECK(new_ioas(fd) > 0);
	CHECK(DIRECT(SYS_fstat, fd, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(DIRECT(SYS_dup, fd) == fd + 1);
	CHECK(new_ioas(fd + 1) > 0);
	CHECK(DIRECT(SYS_close, fd + 1) == 0);
	CHECK(DIRECT(SYS_close, fd) == 0);
	CHECK(new_ioas(fd) == -1 && errno == EBADF);
	CHECK(DIRECT(SYS_open, "/dev/vfio/vfio", O_RDWR) == fd);
	CHECK(DIRECT(SYS_close, fd) == 0);
}

static void errors_are_those_of_the_kernel(void)
{
	int fd = open_directly("/dev/iommu");

	errno = 0;
	CHECK(open_directly((const char *)8) == -EFAULT);
	CHECK(open_directly("/dev/vfio/none") == -ENOENT);
	CHECK(DIRECT(SYS_newfstatat, AT_FDCWD, "/dev/iommu", 8, 0) == -EFAULT);
	CHECK(DIRECT(SYS_ioctl, fd, IOMMU_IOAS_ALLOC, 8) == -EFAULT);
	CHECK(DIRECT(SYS_ioctl, fd, 1, 8) == -ENOTTY);
	CHECK(DIRECT(SYS_read, -1, 8, 8) == -EBADF);
	CHECK(errno == 0);
	DIRECT(SYS_close, fd);
}

struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

static bool listed(int fd, const char *name, unsigned char type)
{
	char buf[4096];
	bool found = false;
	long len;

	while ((len = DIRECT(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < len; at += ((struct entry *)(buf + at))->len) {
			struct entry *entry = (struct entry *)(buf + at);

			found |= !strcmp(entry->name, name) && entry->type == type;
		}
	}
	return found;
}

static void listings_have_what_the_machine_adds(void)
{
	int fd = (int)DIRECT(SYS_openat, AT_FDCWD, "/dev", O_RDONLY | O_DIRECTORY);

	CHECK(listed(fd, "iommu", DT_CHR));
	CHECK(DIRECT(SYS_lseek, fd, 0, SEEK_SET) == 0);
	CHECK(listed(fd, "iommu", DT_CHR));
	DIRECT(SYS_close, fd);
}

/* ---- the C library's own calls ---- */

static void fts_lists_them(void)
{
	char *const roots[] = {(char *)"/dev", NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int node = 0, container = 0;
	FTSENT *entry;

	while (tree && (entry = fts_read(tree))) {
		node += !strcmp(entry->fts_path, "/dev/iommu") &&
			S_ISCHR(entry->fts_statp->st_mode);
		container += !strcmp(entry->fts_path, "/dev/vfio/vfio");
	}
	CHECK(node == 1);
	CHECK(container == 1);
	fts_close(tree);
}

static int nodes_found;

static int visit(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)type, (void)at;
	nodes_found += !strcmp(path, "/dev/vfio/vfio") && S_ISCHR(st->st_mode);
	return 0;
}

static void nftw_lists_them_and_changes_directory(void)
{
	nodes_found = 0;
	CHECK(nftw("/dev", visit, 8, FTW_PHYS | FTW_CHDIR) == 0);
	CHECK(nodes_found == 1);
}

static void a_function_of_a_version_is_no_way_past(void)
{
	int (*versioned)(const char *, int, ...) = NULL;
	int fd;

	if (__GLIBC_PREREQ(2, 41)) /* docs/limits.md: such calls are not seen */
		return;
	*(void **)&versioned = dlvsym(RTLD_NEXT, "open", "GLIBC_2.2.5");
	CHECK(versioned != NULL);
	fd = versioned("/dev/iommu", O_RDWR);
	CHECK(fd >= 0 && new_ioas(fd) > 0);
	close(fd);
}

/* ---- what the kernel leaves as it is ---- */

/* Makes the call with 16 bytes of @pattern in all vector registers and 8 in the red zone. */
long call_with_pattern(long number, long a, long b, long c, const char *pattern, char *after);

__asm__(".pushsection .text\n"
	".globl call_with_pattern\n"
	"call_with_pattern:\n"
	"	movq %rdi, %rax\n"
	"	movq %rsi, %rdi\n"
	"	movq %rdx, %rsi\n"
	"	movq %rcx, %rdx\n"
	"	movdqu (%r8), %xmm0\n"
	"	movdqu (%r8), %xmm7\n"
	"	movdqu (%r8), %xmm15\n"
	"	movq (%r8), %r10\n"
	"	movq %r10, -8(%rsp)\n"
	"	movq %r10, -128(%rsp)\n"
	"	syscall\n"
	"	movdqu %xmm0, (%r9)\n"
	"	movdqu %xmm7, 16(%r9)\n"
	"	movdqu %xmm15, 32(%r9)\n"
	"	movq -8(%rsp), %r10\n"
	"	movq %r10, 48(%r9)\n"
	"	movq -128(%rsp), %r10\n"
	"	movq %r10, 56(%r9)\n"
	"	ret\n"
	".popsection\n");

static void registers_and_the_red_zone_stay(void)
{
	static const char pattern[] = "0123456789abcdef";
	char after[64] = "";
	struct stat st;

	CHECK(call_with_pattern(SYS_stat, (long)"/dev/iommu", (long)&st, 0, pattern, after) == 0);
	CHECK(S_ISCHR(st.st_mode));
	for (int i = 0; i < 48; i += 16)
		CHECK(memcmp(after + i, pattern, 16) == 0);
	CHECK(memcmp(after + 48, pattern, 8) == 0 && memcmp(after + 56, pattern, 8) == 0);
	CHECK(call_with_pattern(SYS_getppid, 0, 0, 0, pattern, after) == getppid());
}

/* ---- threads and processes ---- */

static void *use(void *fine)
{
	*(bool *)fine = opens_directly();
	return NULL;
}

static void threads_are_as_the_first(void)
{
	bool fine[8] = {false};
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		CHECK(pthread_create(&threads[i], NULL, use, &fine[i]) == 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		CHECK(fine[i]);
	}
}

static bool child_ends_well(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static void a_forked_child_is_as_its_parent(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(!opens_directly());
	CHECK(child_ends_well(pid));
}

static void a_process_is_made_without_the_c_library(void)
{
	char *const argv[] = {(char *)"true", NULL};
	pid_t pid = (pid_t)DIRECT(SYS_clone, SIGCHLD);

	if (pid == 0)
		DIRECT(SYS_exit_group, 0);
	CHECK(child_ends_well(pid));
	pid = (pid_t)DIRECT(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD);
	if (pid == 0) {
		DIRECT(SYS_execve, "/bin/true", argv, NULL);
		DIRECT(SYS_exit_group, 1);
	}
	CHECK(child_ends_well(pid));
	pid = (pid_t)DIRECT(SYS_vfork);
	if (pid == 0)
		DIRECT(SYS_exit_group, 0);
	CHECK(child_ends_well(pid));
}

static void a_static_program_is_executed(void)
{
	char *const argv[] = {getenv("E2E_STATIC"), NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(1);
	}
	CHECK(child_ends_well(pid));
	pid = fork();
	if (pid == 0) {
		DIRECT(SYS_execve, argv[0], argv, environ);
		_exit(1);
	}
	CHECK(child_ends_well(pid));
}

static int run_cloned(void *arg)
{
	*(volatile int *)arg = 1;
	return 0;
}

/* As a runtime begins its threads: the function and its argument are on the new stack. */
long clone_directly(long flags, void *stack);

__asm__(".pushsection .text\n"
	".globl clone_directly\n"
	"clone_directly:\n"
	"	movl $56, %eax\n"
	"	xorl %edx, %edx\n"
	"	xorl %r10d, %r10d\n"
	"	xorl %r8d, %r8d\n"
	"	syscall\n"
	"	testq %rax, %rax\n"
	"	jz 1f\n"
	"	ret\n"
	"1:	pop %rax\n"
	"	pop %rdi\n"
	"	call *%rax\n"
	"	movl $60, %eax\n"
	"	xorl %edi, %edi\n"
	"	syscall\n"
	".popsection\n");

static void a_thread_begins_on_its_own_stack(void)
{
	static volatile int ran;
	void **top = (void **)((char *)mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) +
			       16 * PAGE - 64);

	top[0] = (void *)(uintptr_t)run_cloned;
	top[1] = (void *)&ran;
	CHECK(child_ends_well((pid_t)clone_directly(CLONE_VM | SIGCHLD, top)));
	CHECK(ran == 1);
}

/* ---- signals and filters ---- */

static volatile int caught;

static void on_signal(int signo)
{
	caught = signo;
	if (signo == SIGUSR1 && !opens_directly())
		caught = -1;
}

static void the_program_has_its_own_handler_of_sigsys(void)
{
	struct sigaction act = {.sa_handler = on_signal}, old;

	caught = 0;
	CHECK(sigaction(SIGSYS, &act, NULL) == 0);
	CHECK(opens_directly());
	CHECK(caught == 0);
	CHECK(sigaction(SIGSYS, NULL, &old) == 0 && old.sa_handler == on_signal);
	raise(SIGSYS);
	CHECK(caught == SIGSYS);
	act.sa_handler = SIG_DFL;
	CHECK(sigaction(SIGSYS, &act, NULL) == 0);
	CHECK(opens_directly());
}

/* ---- calls that the program has dispatched to itself ---- */

#define OF_CALL 2 /* si_code of a dispatched call */

static volatile unsigned char own_selector;
static volatile int dispatched;

static void on_own_dispatch(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	own_selector = 0; /* SYSCALL_DISPATCH_FILTER_ALLOW */
	dispatched += info->si_code == OF_CALL && info->si_syscall == SYS_getppid;
}

static void the_program_dispatches_calls_itself(void)
{
	const struct sigaction act = {.sa_sigaction = on_own_dispatch, .sa_flags = SA_SIGINFO};
	struct sigaction old;

	CHECK(sigaction(SIGSYS, &act, &old) == 0);
	CHECK(prctl(PR_SET_SYSCALL_USER_DISPATCH, 1L, 0L, 0L, &own_selector) == 0);
	own_selector = 1; /* SYSCALL_DISPATCH_FILTER_BLOCK */
	(void)DIRECT(SYS_getppid);
	CHECK(dispatched == 1 && own_selector == 0);
	own_selector = 1;
	(void)syscall(SYS_getppid); /* by the C library's code, which is nothing special here */
	CHECK(dispatched == 2 && own_selector == 0);
	CHECK(DIRECT(SYS_getppid) == getppid() && dispatched == 2);
	CHECK(prctl(PR_SET_SYSCALL_USER_DISPATCH, 0L, 0L, 0L, 0L) == 0);
	CHECK(opens_directly() && dispatched == 2);
	CHECK(sigaction(SIGSYS, &old, NULL) == 0);
}

static void a_handler_with_all_signals_blocked_makes_calls(void)
{
	struct sigaction act = {.sa_handler = on_signal};

	sigfillset(&act.sa_mask);
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	caught = 0;
	raise(SIGUSR1);
	CHECK(caught == SIGUSR1);
}

static void blocked_signals_do_not_matter(void)
{
	uint64_t all = ~0ull, none = 0, was = 1;
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	CHECK(opens_directly());
	CHECK(sigprocmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, SIGSYS) == 1);
	CHECK(DIRECT(SYS_rt_sigprocmask, SIG_SETMASK, &none, &was, 8) == 0);
	CHECK(was >> (SIGSYS - 1) & 1);
	CHECK(DIRECT(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8) == 0);
	CHECK(opens_directly());
	CHECK(DIRECT(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8) == 0);
}

static void on_filtered(int signo, siginfo_t *info, void *context)
{
	(void)context;
	caught = info->si_code == 1 ? signo : -1;
}

/* SYS_getpgrp is what the filter traps. */
static int confined(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgrp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	struct sigaction act = {.sa_sigaction = on_filtered, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &act, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    DIRECT(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 1;
	caught = 0;
	getpgrp();
	if (caught != SIGSYS)
		return 2;
	caught = 0;
	DIRECT(SYS_getpgrp);
	if (caught != SIGSYS)
		return 3;
	return opens_directly() ? 0 : 4;
}

static void a_filter_of_the_program_works(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(confined());
	CHECK(child_ends_well(pid));
}

int main(void)
{
	static const struct check_test tests[] = {
		TEST(a_node_is_opened_used_and_closed),
		TEST(errors_are_those_of_the_kernel),
		TEST(listings_have_what_the_machine_adds),
		TEST(fts_lists_them),
		TEST(nftw_lists_them_and_changes_directory),
		TEST(a_function_of_a_version_is_no_way_past),
		TEST(registers_and_the_red_zone_stay),
		TEST(threads_are_as_the_first),
		TEST(a_forked_child_is_as_its_parent),
		TEST(a_process_is_made_without_the_c_library),
		TEST(a_static_program_is_executed),
		TEST(a_thread_begins_on_its_own_stack),
		TEST(the_program_has_its_own_handler_of_sigsys),
		TEST(the_program_dispatches_calls_itself),
		TEST(a_handler_with_all_signals_blocked_makes_calls),
		TEST(blocked_signals_do_not_matter),
		TEST(a_filter_of_the_program_works),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

#else

int main(void)
{
	return 77; /* skipped */
}

#endif
