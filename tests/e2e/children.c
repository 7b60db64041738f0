/* SPDX-License-Identifier: MIT */
/*
 * Programs that this one starts see the machine, whatever environment they are given. Each child is
 * this program again, or a shell, which opens a node and ends with 0 if it is there.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

extern char **environ;

static const char *self;
static char *const arguments[] = {"children", "child", NULL};
static char *const own[] = {"A=b", "LD_PRELOAD=", NULL};
static char *const none[] = {NULL};

enum {
	FIRST_WAY,
	EXECVE = FIRST_WAY,
	EXECVE_NULL,
	EXECV,
	EXECVP,
	EXECVPE,
	EXECL,
	EXECLP,
	EXECLE,
	FEXECVE,
	BY_NUMBER,
	AT_BY_NUMBER,
	WAYS,
};

static void execute(int way)
{
	switch (way) {
	case EXECVE:
		execve(self, arguments, own);
		break;
	case EXECVE_NULL:
		execve(self, arguments, none);
		break;
	case EXECV:
		clearenv();
		execv(self, arguments);
		break;
	case EXECVP:
		environ = NULL;
		execvp(self, arguments);
		break;
	case EXECVPE:
		execvpe(self, arguments, own);
		break;
	case EXECL:
		clearenv();
		execl(self, "children", "child", (char *)NULL);
		break;
	case EXECLP:
		clearenv();
		execlp(self, "children", "child", (char *)NULL);
		break;
	case EXECLE:
		execle(self, "children", "child", (char *)NULL, own);
		break;
	case FEXECVE:
		fexecve(open(self, O_RDONLY | O_CLOEXEC), arguments, own);
		break;
#ifdef __x86_64__
	case BY_NUMBER:
		syscall(SYS_execve, self, arguments, own);
		break;
	case AT_BY_NUMBER:
		syscall(SYS_execveat, AT_FDCWD, self, arguments, own, 0);
		break;
#endif
	default:
		_exit(0);
	}
	_exit(99);
}

static int status_of(pid_t pid)
{
	int status = -1;

	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static void every_exec_leads_to_the_machine(void)
{
	for (int way = FIRST_WAY; way < WAYS; way++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			execute(way);
		status = status_of(pid);
		if (status)
			printf("way %d: status %#x\n", way, status);
		CHECK(status == 0);
	}
}

static void a_spawned_program_sees_it(void)
{
	posix_spawn_file_actions_t actions;
	char text[16] = "";
	int ends[2];
	pid_t pid;

	CHECK(posix_spawn(&pid, self, NULL, NULL, arguments, own) == 0 && status_of(pid) == 0);
	CHECK(posix_spawnp(&pid, self, NULL, NULL, arguments, none) == 0 && status_of(pid) == 0);

	/* A file of sysfs as standard input. */
	CHECK(pipe(ends) == 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/sys/bus/pci/devices/0000:c1:00.0/vendor",
					 O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	CHECK(posix_spawnp(&pid, "cat", &actions, NULL, (char *[]){"cat", NULL}, environ) == 0);
	CHECK(status_of(pid) == 0 && read(ends[0], text, sizeof(text) - 1) == 7);
	CHECK(strcmp(text, "0x1234\n") == 0);
	posix_spawn_file_actions_destroy(&actions);
	/* The same from its directory. */
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, "/sys/bus/pci/devices/0000:c1:00.0");
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	CHECK(posix_spawnp(&pid, "cat", &actions, NULL, (char *[]){"cat", "vendor", NULL},
			   environ) == 0);
	CHECK(status_of(pid) == 0 && read(ends[0], text, sizeof(text)) == 7);
	CHECK(memcmp(text, "0x1234\n", 7) == 0);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[0]);
	close(ends[1]);
}

static void bad_environments_are_EFAULT(void)
{
	char *const *volatile nowhere = (char *const *)8; /* which no compiler would let pass */
	char *const bad[] = {(char *)nowhere, NULL};

	CHECK(execve(self, arguments, bad) == -1 && errno == EFAULT);
	CHECK(execve(self, arguments, nowhere) == -1 && errno == EFAULT);
	CHECK(execve((const char *)nowhere, arguments, own) == -1 && errno == EFAULT);
	CHECK(execve("/dev/nothing", arguments, own) == -1 && errno == ENOENT);
}

static void a_node_is_no_program(void)
{
	CHECK(execve("/dev/iommu", arguments, own) == -1 && errno == EACCES);
	CHECK(execve("/sys/bus/pci/devices/0000:c1:00.0/config", arguments, own) == -1 &&
	      errno == EACCES);
	CHECK(execve("/dev/vfio/nothing", arguments, own) == -1 && errno == ENOENT);
}

/* The least stack that a thread may have. */
static void *execute_on_small_stack(void *unused)
{
	pid_t pid;

	CHECK(posix_spawnp(&pid, self, NULL, NULL, arguments, own) == 0 && status_of(pid) == 0);
	pid = vfork();
	if (pid == 0) {
		execve(self, arguments, own);
		_exit(99);
	}
	CHECK(status_of(pid) == 0);
	return unused;
}

static void a_small_stack_is_enough(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	CHECK(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN) == 0);
	CHECK(pthread_create(&thread, &attr, execute_on_small_stack, NULL) == 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
}

static int execute_descriptor(void *fd)
{
	char *const by_loader[] = {"ld.so", (char *)self, "child", NULL};

	execveat(*(int *)fd, "", by_loader, own, AT_EMPTY_PATH);
	return 99;
}

/* User Mode Linux starts its processes in this way, with a static program, as the loader is. */
static void a_page_of_stack_is_enough_for_a_clone(void)
{
	const size_t page = 4096;
	char *stack =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/lib64/ld-linux-x86-64.so.2", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	CHECK(stack != MAP_FAILED && fd >= 0 && mprotect(stack, page, PROT_NONE) == 0);
	pid = clone(execute_descriptor, stack + 2 * page, CLONE_VM | CLONE_VFORK | SIGCHLD, &fd);
	CHECK(status_of(pid) == 0);
	munmap(stack, 2 * page);
	close(fd);
}

static void a_shell_sees_it_after_clearenv(void)
{
	FILE *shell;

	clearenv();
	CHECK(system("test -c /dev/iommu") == 0);
	clearenv();
	shell = popen("test -c /dev/iommu", "r");
	CHECK(shell && pclose(shell) == 0);
}

int main(int argc, char **argv)
{
	const struct check_test tests[] = {
		TEST(every_exec_leads_to_the_machine),
		TEST(a_spawned_program_sees_it),
		TEST(bad_environments_are_EFAULT),
		TEST(a_node_is_no_program),
		TEST(a_small_stack_is_enough),
		TEST(a_shell_sees_it_after_clearenv),
		TEST(a_page_of_stack_is_enough_for_a_clone),
	};

	if (argc > 1)
		return open("/dev/iommu", O_RDWR) < 0;
	self = argv[0];
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
