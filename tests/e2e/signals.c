/* SPDX-License-Identifier: MIT */
/*
 * Signals while calls are in progress. A handler may do what it may between two calls: call ioctl
 * itself, fork, jump out. For the kernel a call is over before its handler runs, so the library
 * may not hold anything then, nor leave anything half done.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>

#include "check.h"

enum {
	MEMORY = 16 << 20, /* takes longer to map than the timer's period */
	PERIOD_US = 100,
	ROUNDS = 300,
};

enum {
	MAP_READABLE = 4,
	MAP_WRITEABLE = 2,
};

static int iommu;
static int ioas;
static void *memory;
static _Atomic unsigned int handled;

static void start_timer(unsigned int us)
{
	const struct itimerval timer = {.it_interval.tv_usec = us, .it_value.tv_usec = us};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void handle(int signo, void (*handler)(int), int flags)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = flags};

	CHECK(sigaction(signo, &act, NULL) == 0);
}

static int map(uint64_t *iova)
{
	struct ioas_map cmd = {.size = sizeof(cmd),
			       .flags = MAP_READABLE | MAP_WRITEABLE,
			       .ioas_id = (uint32_t)ioas,
			       .user_va = (uintptr_t)memory,
			       .length = MEMORY};
	int rc = ioctl(iommu, IOMMU_IOAS_MAP, &cmd);

	*iova = cmd.iova;
	return rc;
}

static int unmap(uint64_t iova, uint64_t length)
{
	struct ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = (uint32_t)ioas, .iova = iova, .length = length};

	return ioctl(iommu, IOMMU_IOAS_UNMAP, &cmd);
}

static void open_all(void)
{
	iommu = open("/dev/iommu", O_RDWR);
	ioas = new_ioas(iommu);
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(ioas > 0 && memory != MAP_FAILED);
}

static void close_all(void)
{
	munmap(memory, MEMORY);
	CHECK(close(iommu) == 0);
}

/* What is there still works, from other threads and in a child. */
static void *use_it(void *unused)
{
	uint64_t iova;

	CHECK(map(&iova) == 0);
	CHECK(unmap(iova, MEMORY) == 0);
	return unused;
}

static void all_is_usable(void)
{
	pthread_t thread;
	int status;
	pid_t pid;

	use_it(NULL);
	CHECK(pthread_create(&thread, NULL, use_it, NULL) == 0);
	pthread_join(thread, NULL);
	pid = fork();
	if (pid == 0)
		_exit(new_ioas(iommu) > 0 ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- a storm ---- */

static void count(int signo)
{
	(void)signo;
	atomic_fetch_add(&handled, 1);
}

static void map_in_a_storm(int flags)
{
	uint64_t iova;

	open_all();
	handle(SIGALRM, count, flags);
	start_timer(PERIOD_US);
	handled = 0;
	while (handled < ROUNDS && !check_failed) {
		CHECK(map(&iova) == 0);
		CHECK(unmap(iova, MEMORY) == 0);
	}
	start_timer(0);
	all_is_usable();
	close_all();
}

static void calls_succeed_in_a_storm_of_signals(void)
{
	map_in_a_storm(0);
	map_in_a_storm(SA_RESTART);
}

/* ---- handlers that call ---- */

static void call_from_handler(int signo)
{
	const int saved = errno;
	uint64_t iova;

	(void)signo;
	if (map(&iova) == 0 && unmap(iova, MEMORY) == 0)
		atomic_fetch_add(&handled, 1);
	errno = saved;
}

static void handlers_call_what_they_interrupt(void)
{
	uint64_t iova;

	open_all();
	handled = 0;
	handle(SIGALRM, call_from_handler, 0);
	start_timer(5 * PERIOD_US);
	while (handled < ROUNDS && !check_failed) {
		CHECK(map(&iova) == 0);
		CHECK(unmap(iova, MEMORY) == 0);
	}
	start_timer(0);
	all_is_usable();
	close_all();
}

/* ---- handlers that do not return ---- */

static sigjmp_buf out;
static volatile sig_atomic_t may_jump;

static void jump(int signo)
{
	(void)signo;
	if (may_jump) {
		may_jump = 0;
		siglongjmp(out, 1);
	}
}

static void map_until_interrupted(void)
{
	uint64_t iova;

	if (sigsetjmp(out, 1) == 0) {
		may_jump = 1;
		for (;;) {
			map(&iova);
			unmap(iova, MEMORY);
		}
	}
	atomic_fetch_add(&handled, 1);
}

static void handlers_jump_out_of_calls(void)
{
	open_all();
	handled = 0;
	handle(SIGALRM, jump, 0);
	start_timer(5 * PERIOD_US);
	for (int i = 0; i < ROUNDS; i++)
		map_until_interrupted();
	start_timer(0);
	CHECK(handled == ROUNDS);
	CHECK(unmap(0, UINT64_MAX) == 0 || errno == ENOENT);
	all_is_usable();
	close_all();
}

/* Memory comes and goes beside what is pinned, which the library looks up each time. */
static void take_and_give_memory(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED)
		munmap(page, 4096);
}

static void jump_out_or_take_memory(int signo)
{
	static unsigned int signals;
	const int saved = errno;

	take_and_give_memory();
	errno = saved;
	if (++signals % 2)
		jump(signo);
}

static void take_memory_until_interrupted(void)
{
	if (sigsetjmp(out, 1) == 0) {
		may_jump = 1;
		while (may_jump)
			take_and_give_memory();
	}
	atomic_fetch_add(&handled, 1);
}

static void *interrupt(void *thread)
{
	while (handled < ROUNDS)
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static void handlers_take_memory_and_jump_out_of_taking_it(void)
{
	pthread_t self = pthread_self(), other;
	uint64_t iova;

	open_all();
	CHECK(map(&iova) == 0);
	handled = 0;
	may_jump = 0;
	handle(SIGUSR1, jump_out_or_take_memory, 0);
	CHECK(pthread_create(&other, NULL, interrupt, &self) == 0);
	while (handled < ROUNDS)
		take_memory_until_interrupted();
	pthread_join(other, NULL);
	CHECK(unmap(iova, MEMORY) == 0);
	all_is_usable();
	close_all();
}

/* Not a descriptor, nor what is behind it, may stay open: the device could not be opened again. */
static void open_and_close_until_interrupted(const char *path)
{
	static volatile int fd;

	fd = -1;
	if (sigsetjmp(out, 1) == 0) {
		may_jump = 1;
		for (;;) {
			fd = open(path, O_RDWR);
			fcntl(fd, F_GETFD);
			close(fd);
		}
	}
	close(fd);
}

static void handlers_jump_out_of_open_and_close(void)
{
	handle(SIGALRM, jump, 0);
	start_timer(PERIOD_US);
	for (int i = 0; i < ROUNDS; i++)
		open_and_close_until_interrupted("/dev/iommu");
	start_timer(0);
	open_all();
	all_is_usable();
	close_all();
}

/* A fork has everything stand still, which the handler of its own thread must not wait for. */
static void handlers_call_during_fork(void)
{
	int status;

	open_all();
	handled = 0;
	handle(SIGALRM, call_from_handler, 0);
	start_timer(5 * PERIOD_US);
	while (handled < ROUNDS && !check_failed) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(new_ioas(iommu) > 0 ? 0 : 1);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		CHECK(pid > 0 && status == 0);
	}
	start_timer(0);
	all_is_usable();
	close_all();
}

/* ---- the signal mask is the program's ---- */

static void the_signal_mask_stays_as_it_was(void)
{
	sigset_t before, after;
	uint64_t iova;

	open_all();
	sigemptyset(&before);
	sigaddset(&before, SIGUSR1);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	CHECK(map(&iova) == 0);
	CHECK(unmap(0, 1) == -1);
	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &after) == 0);
	for (int signo = 1; signo < 32; signo++)
		CHECK(sigismember(&after, signo) == (signo == SIGUSR1));
	sigemptyset(&before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close_all();
}

/* ---- actions are the program's ---- */

static struct sigaction seen;

static void look_at_action(int signo, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	CHECK(sigaction(signo, NULL, &seen) == 0);
}

static void a_handler_that_is_reset_leaves_flags_and_mask(void)
{
	const int signals[] = {SIGUSR1, SIGTERM, SIGSEGV, SIGRTMIN};
	const int flags = (int)(SA_RESETHAND | SA_SIGINFO | SA_RESTART);

	open_all();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction act = {.sa_sigaction = look_at_action, .sa_flags = flags};

		sigaddset(&act.sa_mask, SIGUSR2);
		CHECK(sigaction(signals[i], &act, NULL) == 0);
		CHECK(raise(signals[i]) == 0);
		CHECK(seen.sa_handler == SIG_DFL);
		CHECK((seen.sa_flags & flags) == flags);
		CHECK(sigismember(&seen.sa_mask, SIGUSR2) == 1);
	}
	close_all();
}

/* ---- threads that are cancelled, a process that exits ---- */

static void *map_for_ever(void *never)
{
	uint64_t iova;

	while (!never) {
		pthread_testcancel();
		map(&iova);
		unmap(iova, MEMORY);
	}
	return never;
}

static void *map_for_ever_async(void *unused)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	return map_for_ever(unused);
}

static void pause_us(unsigned int us)
{
	const struct timespec pause = {.tv_nsec = us * 1000L};

	nanosleep(&pause, NULL);
}

static void threads_are_cancelled_in_calls(void)
{
	open_all();
	for (int i = 0; i < ROUNDS / 3; i++) {
		pthread_t thread;

		CHECK(pthread_create(&thread, NULL, i % 2 ? map_for_ever : map_for_ever_async,
				     NULL) == 0);
		pause_us(PERIOD_US * (unsigned int)(i % 20));
		CHECK(pthread_cancel(thread) == 0);
		/* Its result is not always PTHREAD_CANCELED, with the C library alone, either. */
		CHECK(pthread_join(thread, NULL) == 0);
	}
	CHECK(unmap(0, UINT64_MAX) == 0 || errno == ENOENT);
	all_is_usable();
	close_all();
}

static void exit_with_threads_in_calls(void)
{
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, map_for_ever, NULL);
	pause_us(20 * PERIOD_US);
	exit(7);
}

static void a_process_exits_with_threads_in_calls(void)
{
	int status;

	open_all();
	for (int i = 0; i < ROUNDS / 10; i++) {
		pid_t pid = fork();

		if (pid == 0)
			exit_with_threads_in_calls();
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
	close_all();
}

#ifdef __x86_64__
static void privileged_instruction(void)
{
	__asm__ volatile("hlt");
}

static volatile char *volatile non_canonical = (char *)(UINT64_C(1) << 63);
static volatile char *volatile nothing = (char *)(uintptr_t)8;

static void access_non_canonical(void)
{
	*non_canonical = 1;
}

static void access_nothing(void)
{
	*nothing = 1;
}

/* A general-protection fault has no address, and is not to be made again and again. */
static void faults_end_the_program(void)
{
	void (*const faults[])(void) = {privileged_instruction, access_non_canonical,
					access_nothing};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			signal(SIGALRM, SIG_DFL);
			alarm(10);
			open("/dev/iommu", O_RDWR);
			faults[i]();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
}
#endif

int main(void)
{
	const struct check_test tests[] = {
#ifdef __x86_64__
		TEST(faults_end_the_program),
#endif
		TEST(calls_succeed_in_a_storm_of_signals),
		TEST(handlers_call_what_they_interrupt),
		TEST(handlers_call_during_fork),
		TEST(handlers_jump_out_of_calls),
		TEST(handlers_jump_out_of_open_and_close),
		TEST(handlers_take_memory_and_jump_out_of_taking_it),
		TEST(the_signal_mask_stays_as_it_was),
		TEST(a_handler_that_is_reset_leaves_flags_and_mask),
		TEST(threads_are_cancelled_in_calls),
		TEST(a_process_exits_with_threads_in_calls),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
