/* SPDX-License-Identifier: MIT */
/*
 * Signals on a machine that is shared (uiommufd run --shared): one that comes before the server has
 * taken a call ends it with EINTR in the kernel, unless a tracer sees it. Needs one device, edu.
 */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/page.h"
#include "check.h"
#include "device.h"

enum {
	PERIOD_US = 100,
	ROUNDS = 500,
	IOVA = 0x100000,
};

static volatile sig_atomic_t handled;

static void count(int signo)
{
	(void)signo;
	handled++;
}

static void start_timer(unsigned int us)
{
	const struct itimerval timer = {.it_interval.tv_usec = us, .it_value.tv_usec = us};

	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

/* The handler has no SA_RESTART. */
static void calls_of_a_program_that_has_mapped_a_device_are_not_interrupted(void)
{
	const struct sigaction act = {.sa_handler = count};
	void *bar;

	set_up();
	bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
	CHECK(bar != MAP_FAILED);
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	start_timer(PERIOD_US);
	for (int i = 0; (i < ROUNDS || handled < ROUNDS) && !check_failed; i++) {
		CHECK(map(scratch(), PAGE, IOVA) == 0);
		CHECK(unmap(PAGE, IOVA) == 0);
	}
	start_timer(0);
	CHECK(munmap(bar, PAGE) == 0);
	tear_down();
}

/* Takes pinned memory away again and again. Does not return. */
static void take_away(bool with_a_device)
{
	CHECK(!with_a_device ||
	      mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0) != MAP_FAILED);
	while (!check_failed) {
		void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0);

		CHECK(map(memory, PAGE, IOVA) == 0);
		CHECK(munmap(memory, PAGE) == 0);
		CHECK(unmap(PAGE, IOVA) == 0);
	}
	fflush(stdout);
	_exit(1);
}

static void stop_and_continue(bool with_a_device)
{
	const pid_t child = fork();
	int status;

	if (!child)
		take_away(with_a_device);
	for (int i = 0; i < ROUNDS && !check_failed; i++) {
		usleep((unsigned int)random() % 1000);
		CHECK(kill(child, SIGSTOP) == 0);
		CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
		CHECK(kill(child, SIGCONT) == 0);
	}
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	(void)unmap(PAGE, IOVA);
}

/* Its thread is traced for each call that takes pinned memory away. */
static void a_program_that_takes_pinned_memory_away_can_be_stopped(void)
{
	set_up();
	stop_and_continue(false);
	stop_and_continue(true);
	tear_down();
}

/* In a child: seccomp's strict mode, in which all but four calls end the thread. */
static int status_in_strict_mode(bool by_prctl, bool errs)
{
	int status = -1, fd;
	pid_t pid = fork();
	char byte;

	if (pid == 0) {
		fd = open("/dev/iommu", O_RDWR);
		if (by_prctl ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0
			     : syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL) != 0)
			syscall(SYS_exit, 1);
		if (syscall(SYS_read, fd, &byte, 1) != -1 || errno != EINVAL)
			syscall(SYS_exit, 2);
		if (errs)
			(void)syscall(SYS_getppid);
		syscall(SYS_exit, 3);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static void the_strict_mode_permits_reading_writing_and_the_end(void)
{
	int status = status_in_strict_mode(true, false);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	status = status_in_strict_mode(false, false);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	status = status_in_strict_mode(true, true);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) < 0 && errno == EINVAL);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(calls_of_a_program_that_has_mapped_a_device_are_not_interrupted),
		TEST(a_program_that_takes_pinned_memory_away_can_be_stopped),
		TEST(the_strict_mode_permits_reading_writing_and_the_end),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
