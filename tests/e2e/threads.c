/* SPDX-License-Identifier: MIT */
/*
 * Threads that open, duplicate and close numbers at random while others call ioctl on them, some
 * fork, and others use the same numbers for other files. Nothing may crash, hang, or give an answer
 * that no order of the calls explains.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/random.h"
#include "check.h"

enum {
	FIRST = 100, /* numbers that all threads fight for */
	NUMBERS = 8,
	THREADS = 6,
	SECONDS = 2,
};

static _Atomic bool stop;
static _Atomic unsigned int answers, surprises, forks;

static int a_number(struct rng *rng)
{
	return FIRST + (int)rng_below(rng, NUMBERS);
}

static void expect(bool fine)
{
	if (!fine)
		atomic_fetch_add(&surprises, 1);
}

static void put_at(const char *path, int number)
{
	int fd = open(path, O_RDWR);

	expect(fd >= 0);
	if (fd >= 0) {
		dup2(fd, number);
		close(fd);
	}
}

static void fork_and_use(int number)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open("/dev/iommu", O_RDWR);

		new_ioas(number);
		_exit(new_ioas(fd) == 1 ? 0 : 1);
	}
	expect(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	atomic_fetch_add(&forks, 1);
}

static void *change_numbers(void *arg)
{
	struct rng rng = {.state = (uintptr_t)arg};

	while (!stop) {
		switch (rng_below(&rng, 64)) {
		case 0:
			fork_and_use(a_number(&rng));
			break;
		case 1 ... 15:
			put_at("/dev/null", a_number(&rng));
			break;
		case 16 ... 30:
			close(a_number(&rng));
			break;
		case 31 ... 45:
			dup2(a_number(&rng), a_number(&rng));
			break;
		default:
			put_at("/dev/iommu", a_number(&rng));
		}
	}
	return NULL;
}

static void *use_numbers(void *arg)
{
	struct rng rng = {.state = (uintptr_t)arg};

	while (!stop) {
		int id = new_ioas(a_number(&rng));

		if (id > 0)
			atomic_fetch_add(&answers, 1);
		else
			expect(errno == EBADF || errno == ENOTTY);
	}
	return NULL;
}

static void numbers_change_hands_at_random(void)
{
	struct timespec pause = {.tv_sec = SECONDS};
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, i % 2 ? use_numbers : change_numbers,
				     (void *)(uintptr_t)(i + 1)) == 0);
	nanosleep(&pause, NULL);
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%u answers, %u forks\n", answers, forks);
	CHECK(answers > 0);
	CHECK(forks > 0);
	CHECK(surprises == 0);
}

static int device = -1;

static void *open_and_close(void *unused)
{
	(void)unused;
	for (;;)
		close(open("/dev/iommu", O_RDWR));
	return NULL;
}

static void *read_config(void *unused)
{
	char bytes[4];

	(void)unused;
	for (;;)
		CHECK(pread(device, bytes, 4, (off_t)7 << 40) == -1); /* it is not bound */
	return NULL;
}

static void *synchronise(void *unused)
{
	(void)unused;
	for (;;)
		CHECK(fsync(device) == -1);
	return NULL;
}

static void *read_null(void *unused)
{
	char byte;
	int fd;

	(void)unused;
	for (;;) {
		fd = open("/dev/null", O_RDONLY);
		CHECK(read(fd, &byte, 1) == 0);
		close(fd);
	}
	return NULL;
}

static void a_deferred_cancellation_arrives(void)
{
	void *(*const loops[])(void *) = {open_and_close, read_config, synchronise, read_null};
	struct timespec end;
	pthread_t thread;
	void *result;

	device = open("/dev/vfio/devices/vfio0", O_RDWR);
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		CHECK(pthread_create(&thread, NULL, loops[i], NULL) == 0);
		usleep(5000);
		pthread_cancel(thread);
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_sec += 10;
		CHECK(pthread_timedjoin_np(thread, &result, &end) == 0);
		CHECK(result == PTHREAD_CANCELED);
	}
	close(device);
}

static void *close_own(void *fd)
{
	CHECK(unshare(CLONE_FILES) == 0 && close(*(int *)fd) == 0);
	return NULL;
}

static void a_thread_may_have_descriptors_of_its_own(void)
{
	int fd = open("/dev/iommu", O_RDWR);
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, close_own, &fd) == 0);
	pthread_join(thread, NULL);
	CHECK(new_ioas(fd) == 1);
	close(fd);
}

/* How many other threads the process has; -1: one has this policy or only this processor. */
static int count_others(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	bool free = true;
	int others = 0;
	cpu_set_t cpus;
	pid_t tid;

	while (dir && (entry = readdir(dir))) {
		tid = atoi(entry->d_name);
		if (tid <= 0 || tid == getpid())
			continue;
		others++;
		CPU_ZERO(&cpus);
		free &= sched_getaffinity(tid, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) > 1;
		free &= sched_getscheduler(tid) == SCHED_OTHER;
	}
	if (dir)
		closedir(dir);
	return free ? others : -1;
}

/* As a program that polls. */
static void become_busy(const cpu_set_t *all)
{
	const struct sched_param priority = {.sched_priority = 1};
	cpu_set_t one;

	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++) {
		if (CPU_ISSET(i, all))
			CPU_SET(i, &one);
	}
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	sched_setscheduler(0, SCHED_FIFO, &priority); /* which root may */
}

/* How many other threads a child has that opens files of the machine; -1: something is wrong. */
static int count_in_child(const cpu_set_t *all, bool busy)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		check_failed = false;
		if (busy)
			become_busy(all);
		CHECK(new_ioas(open("/dev/iommu", O_RDWR)) == 1);
		CHECK(open("/dev/vfio/devices/vfio0", O_RDWR) >= 0);
		_exit(check_failed ? 255 : count_others() & 255);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status) == 255 ? -1 : WEXITSTATUS(status);
}

static void our_threads_do_not_inherit_a_busy_processor(void)
{
	cpu_set_t all;
	int others;

	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	if (CPU_COUNT(&all) == 1)
		return;
	others = count_in_child(&all, false);
	CHECK(others >= 0 && count_in_child(&all, true) == others);
}

static void *list_and_open(void *found)
{
	DIR *dir = opendir("/dev");
	struct dirent *entry;
	struct stat st;
	int fd;

	while (dir && (entry = readdir(dir)))
		*(bool *)found |= strcmp(entry->d_name, "iommu") == 0;
	if (dir)
		closedir(dir);
	CHECK(stat("/sys/bus/pci/devices/0000:c1:00.0/../0000:c1:00.0/vendor", &st) == 0);
	fd = open("/dev/iommu", O_RDWR);
	CHECK(fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
	close(fd);
	return NULL;
}

static void the_smallest_stack_is_enough(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool found = false;

	pthread_attr_init(&attr);
	CHECK(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN) == 0);
	CHECK(pthread_create(&thread, &attr, list_and_open, &found) == 0);
	pthread_join(thread, NULL);
	CHECK(found);
	pthread_attr_destroy(&attr);
}

/* Makes calls of the descriptor @arg until one fails. Its errno; 0: one had another answer. */
static void *call_until_it_fails(void *arg)
{
	const int fd = *(int *)arg;
	static _Thread_local int error;
	char byte;
	int id;

	do {
		id = new_ioas(fd);
		if (id < 0)
			break;
	} while (read(fd, &byte, 1) < 0 && errno == EINVAL);
	error = id >= 0 && errno == EINVAL ? 0 : errno;
	return (void *)(intptr_t)error;
}

static void a_descriptor_that_another_thread_closes_is_EBADF(void)
{
	enum {
		ROUNDS = 500,
	};

	for (int i = 0; i < ROUNDS && !check_failed; i++) {
		int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
		pthread_t thread;
		void *error;

		CHECK(fd >= 0);
		CHECK(pthread_create(&thread, NULL, call_until_it_fails, &fd) == 0);
		sched_yield();
		close(fd);
		pthread_join(thread, &error);
		CHECK((intptr_t)error == EBADF);
	}
}

/* ---- the end ---- */

static void *outlive_the_first(void *opens)
{
	const struct timespec time = {.tv_nsec = 50000000};

	int fd, copy;

	nanosleep(&time, NULL);
	if (!opens)
		return NULL;
	fd = open("/dev/iommu", O_RDWR);
	copy = dup(fd);
	if (fd < 0 || copy < 0 || new_ioas(copy) < 0)
		_exit(1);
	return NULL;
}

static void leave_alone(void)
{
	(void)open("/dev/iommu", O_RDWR);
	pthread_exit(NULL);
}

static void leave_another(void)
{
	pthread_t thread;

	(void)open("/dev/iommu", O_RDWR);
	CHECK(pthread_create(&thread, NULL, outlive_the_first, NULL) == 0);
	pthread_exit(NULL);
}

static void leave_one_that_opens(void)
{
	static char opens;
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, outlive_the_first, &opens) == 0);
	pthread_exit(NULL);
}

static void leave_by_number(void)
{
	(void)open("/dev/iommu", O_RDWR);
	syscall(SYS_exit, 0);
}

static void a_process_ends_with_the_last_thread_of_the_program(void)
{
	static void (*const leave[])(void) = {leave_alone, leave_another, leave_one_that_opens,
					      leave_by_number};

	for (size_t i = 0; i < sizeof(leave) / sizeof(leave[0]); i++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0) {
			alarm(20);
			leave[i]();
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(numbers_change_hands_at_random),
		TEST(a_descriptor_that_another_thread_closes_is_EBADF),
		TEST(a_deferred_cancellation_arrives),
		TEST(our_threads_do_not_inherit_a_busy_processor),
		TEST(the_smallest_stack_is_enough),
		TEST(a_thread_may_have_descriptors_of_its_own),
		TEST(a_process_ends_with_the_last_thread_of_the_program),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
