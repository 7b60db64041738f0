/* SPDX-License-Identifier: MIT */
/*
 * Threads that open, duplicate and close numbers at random while others call ioctl on them, some
 * fork, and others use the same numbers for other files. Nothing may crash, hang, or give an answer
 * that no order of the calls explains.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
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

int main(void)
{
	const struct check_test tests[] = {
		TEST(numbers_change_hands_at_random),
	};

	return run_tests(tests, 1);
}
