/* SPDX-License-Identifier: MIT */
/*
 * Calls of a dynamic program on a shared machine go through memory that it shares with the server
 * (src/client/), and nothing is different for that. Needs one device, edu.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "check.h"
#include "device.h"
#include "shared_slots.h"

enum {
	PAGE = 4096,
	PERIOD_US = 100,
	ROUNDS = 300,
	THREADS = 100, /* more than there are slots */
	PROCESSES = 80,
	EACH = 4,	      /* threads: together more than the server has for them */
	SERVER_THREADS = 300, /* at most */
	LONGEST = 100,	      /* hundredths of a second until threads have ended */
	CALLS_WITHOUT = 20000,
};

/* Commands that no file knows, so that they stand out. */
#define UNKNOWN(number) (0x3bd0u + (number))

static int open_context(void)
{
	return open("/dev/iommu", O_RDWR);
}

static bool destroys(int fd, int id)
{
	struct destroy cmd = {.size = sizeof(cmd), .id = (uint32_t)id};

	return ioctl(fd, IOMMU_DESTROY, &cmd) == 0;
}

/*
 * Makes calls with @command until one goes through a slot. A thread that got none asks again only
 * after some hundred calls, when those of threads that had ended just before are free.
 */
static bool gets_slot(int fd, unsigned int command)
{
	for (int i = 0; i < CALLS_WITHOUT; i++) {
		CHECK(ioctl(fd, command, 0) < 0 && errno == ENOTTY);
		if (i % 100 == 0 && slot_of(command))
			return true;
	}
	return false;
}

static void calls_go_through_shared_memory(void)
{
	int fd = open_context();
	const struct call_slot *slot;
	uint32_t value = 0;

	CHECK(ioctl(fd, UNKNOWN(0), 0) < 0 && errno == ENOTTY);
	slot = slot_of(UNKNOWN(0));
	CHECK(slot && slot->number == SYS_ioctl && slot->args[0] == (uint64_t)fd);
	CHECK(slot && !slot->by_kernel && slot->value == -ENOTTY);
	set_up();
	CHECK(pread(device, &value, 4, (off_t)registers) == 4 && value == 0x010000ed);
	CHECK(slot && slot->number == SYS_pread64 && slot->value == 4 && !slot->by_kernel);
	tear_down();
	close(fd);
}

static void a_system_call_of_the_program_s_own_finds_the_same_files(void)
{
	struct ioas_alloc cmd = {.size = sizeof(cmd)};
	struct destroy destroy = {.size = sizeof(destroy)};
	int fd = open_context();

	CHECK(syscall(SYS_ioctl, fd, IOMMU_IOAS_ALLOC, &cmd) == 0);
	CHECK(destroys(fd, (int)cmd.out_ioas_id));
	destroy.id = (uint32_t)new_ioas(fd);
	CHECK(syscall(SYS_ioctl, fd, IOMMU_DESTROY, &destroy) == 0);
	CHECK(!destroys(fd, (int)destroy.id) && errno == ENOENT);
	close(fd);
}

static void errors_are_those_of_the_system_call(void)
{
	const int fd = open_context(), null = open("/dev/null", O_RDWR);
	uint32_t *page =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte;

	page[0] = sizeof(struct ioas_alloc);
	CHECK(mprotect(page, PAGE, PROT_READ) == 0);
	CHECK(ioctl(fd, IOMMU_IOAS_ALLOC, page) < 0 && errno == EFAULT);
	CHECK(ioctl(fd, IOMMU_IOAS_ALLOC, NULL) < 0 && errno == EFAULT);
	CHECK(ioctl(null, IOMMU_IOAS_ALLOC, page) < 0 && errno == ENOTTY);
	CHECK(ioctl(1000, IOMMU_IOAS_ALLOC, page) < 0 && errno == EBADF);
	CHECK(ioctl(-1, IOMMU_IOAS_ALLOC, page) < 0 && errno == EBADF);
	CHECK(pread(1000, &byte, 1, 0) < 0 && errno == EBADF);
	CHECK(dup2(null, 1000) == 1000 && pread(1000, &byte, 1, 0) == 0);
	close(1000);
	close(null);
	close(fd);
	munmap(page, PAGE);
}

/* ---- processes ---- */

static bool child_succeeds(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void a_forked_child_has_slots_of_its_own(void)
{
	const int fd = open_context(), kept = new_ioas(fd);
	const struct call_slot *slot;
	pid_t pid;

	CHECK(ioctl(fd, UNKNOWN(1), 0) < 0);
	slot = slot_of(UNKNOWN(1));
	pid = fork();
	if (pid == 0) {
		const bool bare = !shared_slots(0);

		_exit(!(bare && ioctl(fd, UNKNOWN(2), 0) < 0 && slot_of(UNKNOWN(2)) &&
			destroys(fd, kept)));
	}
	CHECK(child_succeeds(pid));
	CHECK(slot && slot->args[1] == UNKNOWN(1));
	CHECK(!destroys(fd, kept) && errno == ENOENT);
	close(fd);
}

/* It has its parent's memory, and descriptors of its own. */
static void the_child_of_a_vfork_does_not_speak_as_its_parent(void)
{
	const int fd = open_context(), other = open_context();
	const int only = new_ioas(other);
	pid_t pid;

	CHECK(only > 0);
	pid = vfork();
	if (pid == 0) {
		(void)dup2(other, fd);
		_exit(!destroys(fd, only));
	}
	CHECK(child_succeeds(pid));
	CHECK(!destroys(other, only) && errno == ENOENT);
	CHECK(ioctl(fd, UNKNOWN(3), 0) < 0 && slot_of(UNKNOWN(3)));
	close(other);
	close(fd);
}

static void an_exec_that_fails_changes_nothing(void)
{
	char name[] = "/nothing", *arguments[] = {name, NULL};
	const int fd = open_context(), kept = new_ioas(fd);

	CHECK(execv(name, arguments) < 0 && errno == ENOENT);
	CHECK(destroys(fd, kept));
	CHECK(ioctl(fd, UNKNOWN(4), 0) < 0 && slot_of(UNKNOWN(4)));
	close(fd);
}

static void *work(void *arg)
{
	const int fd = open_context();
	int failures = 0;

	for (int i = 0; i < 20; i++)
		failures += !destroys(fd, new_ioas(fd));
	/* All are there at once. */
	pthread_barrier_wait(arg);
	failures += !destroys(fd, new_ioas(fd));
	close(fd);
	return (void *)(intptr_t)failures;
}

static bool all_work(int count)
{
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];
	intptr_t failures = 0;
	void *result;

	pthread_barrier_init(&barrier, NULL, (unsigned int)count);
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, work, &barrier);
	for (int i = 0; i < count; i++) {
		pthread_join(threads[i], &result);
		failures += (intptr_t)result;
	}
	pthread_barrier_destroy(&barrier);
	return !failures;
}

static void more_threads_than_slots_make_calls(void)
{
	CHECK(all_work(THREADS));
	/* Their slots are free again. */
	CHECK(all_work(THREADS));
}

static void *find_slot(void *unused)
{
	const int fd = open_context();

	(void)unused;
	CHECK(gets_slot(fd, UNKNOWN(12)));
	close(fd);
	return NULL;
}

/* Sooner than one that is only idle is given back. */
static void slots_of_threads_that_have_ended_are_free_soon(void)
{
	pthread_t thread;

	CHECK(all_work(THREADS));
	CHECK(pthread_create(&thread, NULL, find_slot, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

static long server_threads(void)
{
	char path[64], line[256];
	long number = -1;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", getppid());
	in = fopen(path, "r");
	while (in && fgets(line, sizeof(line), in))
		(void)sscanf(line, "Threads: %ld", &number);
	if (in)
		(void)fclose(in);
	return number;
}

/* Some that have answered a call may be about to end. */
static bool server_threads_are_bounded(void)
{
	long number = server_threads();

	for (int i = 0; i < LONGEST && number >= SERVER_THREADS; i++) {
		usleep(10000);
		number = server_threads();
	}
	printf("the server has %ld threads\n", number);
	return number > 0 && number < SERVER_THREADS;
}

static void the_server_s_threads_are_bounded(void)
{
	int ready[2], go[2];
	pid_t pids[PROCESSES];
	char byte = 0;

	CHECK(pipe(ready) == 0 && pipe(go) == 0);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		byte = (char)all_work(EACH);
		(void)!write(ready[1], &byte, 1);
		(void)!read(go[0], &byte, 1);
		_exit(!all_work(EACH));
	}
	for (int i = 0; i < PROCESSES; i++)
		CHECK(read(ready[0], &byte, 1) == 1 && byte);
	CHECK(server_threads_are_bounded());
	for (int i = 0; i < PROCESSES; i++)
		CHECK(write(go[1], &byte, 1) == 1);
	for (int i = 0; i < PROCESSES; i++)
		CHECK(child_succeeds(pids[i]));
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

/* ---- what happens to a slot ---- */

static void a_slot_that_is_left_is_asked_for_again(void)
{
	const int fd = open_context(), kept = new_ioas(fd);
	struct call_slot *slot;

	CHECK(gets_slot(fd, UNKNOWN(5)));
	slot = slot_of(UNKNOWN(5));
	CHECK(slot);
	if (slot)
		atomic_fetch_or(&slot->state, SLOT_LEFT);
	CHECK(destroys(fd, kept));
	CHECK(gets_slot(fd, UNKNOWN(6)));
	close(fd);
}

static void slots_that_are_cleared_are_asked_for_again(void)
{
	const int fd = open_context(), kept = new_ioas(fd);
	struct call_slot *slots;

	CHECK(gets_slot(fd, UNKNOWN(10)));
	for (int file = 0; (slots = shared_slots(file)); file++)
		CHECK(madvise(slots, SLOT_FILE, MADV_REMOVE) == 0);
	CHECK(destroys(fd, kept));
	CHECK(gets_slot(fd, UNKNOWN(7)));
	close(fd);
}

static void the_file_of_slots_cannot_be_made_shorter(void)
{
	struct call_slot *slots;
	char path[64];
	int fd, file;

	fd = open_context();
	CHECK(new_ioas(fd) > 0);
	slots = shared_slots(0);
	CHECK(slots);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)slots,
		 (unsigned long)slots + SLOT_FILE);
	file = open(path, O_RDWR);
	/* Only root may open it so. */
	CHECK(file < 0 || (ftruncate(file, 0) < 0 && errno == EPERM));
	if (file >= 0)
		close(file);
	close(fd);
}

/* ---- signals ---- */

static volatile sig_atomic_t handled, failed;
static int handlers_context;
static sigjmp_buf behind;

static void make_a_call(int signo)
{
	(void)signo;
	handled++;
	failed += !destroys(handlers_context, new_ioas(handlers_context));
}

static void leave_by_a_jump(int signo)
{
	(void)signo;
	handled++;
	siglongjmp(behind, 1);
}

/* Once: one that repeats may leave nothing but its handler to run. */
static void start_timer(unsigned int us)
{
	const struct itimerval timer = {.it_value.tv_usec = us};

	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

/* Without SA_RESTART; the handler makes calls, too. */
static void signals_do_not_interrupt_calls(void)
{
	const struct sigaction act = {.sa_handler = make_a_call};
	const int fd = open_context();

	handlers_context = open_context();
	/* A system call, as without a slot, is one that a signal can end. */
	CHECK(gets_slot(fd, UNKNOWN(11)) && new_ioas(handlers_context) > 0);
	failed = handled = 0;
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	for (unsigned int i = 0; handled < ROUNDS && !check_failed; i++) {
		start_timer(1 + i % PERIOD_US);
		CHECK(destroys(fd, new_ioas(fd)));
	}
	start_timer(0);
	printf("%d of %d calls of handlers were interrupted\n", (int)failed, (int)handled);
	close(handlers_context);
	close(fd);
}

static void a_handler_may_jump_out_of_a_call(void)
{
	const struct sigaction act = {.sa_handler = leave_by_a_jump, .sa_flags = SA_NODEFER};
	const int fd = open_context();

	handled = 0;
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	if (!sigsetjmp(behind, 1) || handled < ROUNDS) {
		start_timer(PERIOD_US);
		for (;;)
			(void)ioctl(fd, UNKNOWN(8), 0);
	}
	start_timer(0);
	CHECK(destroys(fd, new_ioas(fd)));
	CHECK(gets_slot(fd, UNKNOWN(12)));
	close(fd);
}

/* What a call writes to may be something else after a jump out of it. */
static void nothing_is_written_after_a_jump_out_of_a_call(void)
{
	const struct sigaction act = {.sa_handler = leave_by_a_jump, .sa_flags = SA_NODEFER};
	const int fd = open_context();
	static volatile struct ioas_alloc cmd;

	handled = 0;
	CHECK(gets_slot(fd, UNKNOWN(13)));
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	if (sigsetjmp(behind, 1)) {
		cmd.out_ioas_id = UINT32_MAX;
		usleep(PERIOD_US);
		CHECK(cmd.out_ioas_id == UINT32_MAX);
	}
	if (handled < ROUNDS) {
		start_timer(1 + (unsigned int)handled % PERIOD_US);
		for (;;) {
			cmd.size = sizeof(cmd);
			(void)ioctl(fd, IOMMU_IOAS_ALLOC, &cmd);
			(void)destroys(fd, (int)cmd.out_ioas_id);
		}
	}
	start_timer(0);
	close(fd);
}

static void *call_for_ever(void *arg)
{
	const int fd = *(int *)arg;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;)
		(void)ioctl(fd, UNKNOWN(9), 0);
	return arg;
}

static void threads_may_end_in_a_call(void)
{
	int fd = open_context();

	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, call_for_ever, &fd);
		usleep((unsigned int)i % 50);
		pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
	CHECK(destroys(fd, new_ioas(fd)));
	CHECK(all_work(THREADS));
	close(fd);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(calls_go_through_shared_memory),
		TEST(a_system_call_of_the_program_s_own_finds_the_same_files),
		TEST(errors_are_those_of_the_system_call),
		TEST(a_forked_child_has_slots_of_its_own),
		TEST(the_child_of_a_vfork_does_not_speak_as_its_parent),
		TEST(an_exec_that_fails_changes_nothing),
		TEST(more_threads_than_slots_make_calls),
		TEST(slots_of_threads_that_have_ended_are_free_soon),
		TEST(the_server_s_threads_are_bounded),
		TEST(a_slot_that_is_left_is_asked_for_again),
		TEST(slots_that_are_cleared_are_asked_for_again),
		TEST(the_file_of_slots_cannot_be_made_shorter),
		TEST(signals_do_not_interrupt_calls),
		TEST(a_handler_may_jump_out_of_a_call),
		TEST(nothing_is_written_after_a_jump_out_of_a_call),
		TEST(threads_may_end_in_a_call),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
