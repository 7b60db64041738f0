/* SPDX-License-Identifier: MIT */
/*
 * A program of a shared machine opens the memory for its calls, and asks for a slot: each step of
 * the server's that can fail does so in turn. Then the request fails, and the next one succeeds:
 * nothing is left of the first, and a call goes through the slot.
 *
 * The program is a child under the server's filter; this process answers its calls as the server
 * does. The failure is armed for the first request of a kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answered_program.h"
#include "base/log.h"
#include "base/sys.h"
#include "filters.h"
#include "kit.h"
#include "mem/guard.h"
#include "server/answer.h"
#include "server/call_slot.h"
#include "server/client.h"
#include "server/filter.h"
#include "server/opened.h"

enum {
	MORE_THAN_ENOUGH = 50,
	LONGEST = 500, /* hundredths of a second that a slot may take to be left */
};

static struct {
	unsigned int request; /* the kind that fails */
	uint64_t n;	      /* the step */

	struct answered_program program;
	uint64_t left; /* of the countdown */
	bool was_armed;
} scene;

/* ---- in the program ---- */

static void check_in_child(bool good)
{
	if (!good)
		syscall(SYS_exit_group, 100);
}

/* Makes the request until it succeeds: the result; *@failures: how often it did not. */
static int ask(unsigned int request, unsigned int *failures)
{
	int rc;

	while ((rc = ioctl(-1, request, SLOT_VERSION)) < 0) {
		check_in_child(errno == ENOMEM || errno == EMFILE || errno == EAGAIN);
		check_in_child(++*failures < MORE_THAN_ENOUGH);
	}
	return rc;
}

static bool calls(struct call_slot *slot)
{
	uint32_t state;

	slot->number = SYS_ioctl;
	slot->args[0] = (uint64_t)-5;
	slot->args[1] = FILTER_IOCTL_TYPE << 8;
	state = atomic_exchange(&slot->state, SLOT_ASKED);
	if (slot_phase(state) != SLOT_IDLE)
		return false;
	(void)syscall(SYS_futex, &slot->state, FUTEX_WAKE, 1, NULL, NULL, 0);
	while (slot_phase(atomic_load(&slot->state)) != SLOT_IDLE)
		usleep(100);
	return slot->by_kernel;
}

static _Noreturn void run_program(int channel)
{
	int listener = filter_install(), fd, index;
	unsigned int failures = 0;
	struct call_slot *slots;

	check_in_child(listener >= 0 &&
		       write(channel, &listener, sizeof(listener)) == sizeof(listener));
	check_in_child(ioctl(-1, SLOT_REQUEST_OPEN, SLOT_VERSION + 1) < 0 && errno == EINVAL);
	check_in_child(ioctl(-1, SLOT_REQUEST_ATTEND, 0) < 0 && errno == ENXIO);
	fd = ask(SLOT_REQUEST_OPEN, &failures);
	slots = mmap(NULL, SLOT_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check_in_child(slots != MAP_FAILED);
	check_in_child(ftruncate(fd, 0) < 0 && errno == EPERM);
	index = ask(SLOT_REQUEST_ATTEND, &failures);
	check_in_child(index < SLOT_COUNT && calls(&slots[index]));
	/* The same thread has the same one. */
	check_in_child(ask(SLOT_REQUEST_ATTEND, &failures) == index && calls(&slots[index]));
	syscall(SYS_exit_group, (int)failures);
	__builtin_unreachable();
}

/* ---- the server ---- */

static struct answer answer(struct request *request)
{
	const bool armed = request->call->data.nr == SYS_ioctl &&
			   request->call->data.args[1] == scene.request &&
			   request->call->data.args[2] <= SLOT_VERSION && !scene.was_armed &&
			   (scene.request != SLOT_REQUEST_ATTEND || request->client->page);

	scene.was_armed |= armed;
	return answered_by_server(request, armed, scene.n, &scene.left);
}

/* Has a program make its requests, with the @n-th step of one failing. True: there were fewer. */
static bool run(unsigned int kind, uint64_t n, unsigned int *failures)
{
	pthread_t server;
	int ends[2], status;

	memset(&scene, 0, sizeof(scene));
	scene.request = kind;
	scene.n = n;
	assert_int_equal(pipe(ends), 0);
	scene.program.answer = answer;
	scene.program.pid = fork();
	if (!scene.program.pid)
		run_program(ends[1]);
	close(ends[1]);
	answered_begin(&scene.program, ends[0]);
	close(ends[0]);
	/* Before Linux 6.11 calls end when the program has been waited for. */
	assert_int_equal(pthread_create(&server, NULL, answered_serve, &scene.program), 0);
	assert_int_equal(waitpid(scene.program.pid, &status, 0), scene.program.pid);
	pthread_join(server, NULL);
	close(scene.program.calls.fd);
	assert_true(scene.was_armed && WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), scene.left ? 0 : 1);
	*failures += WEXITSTATUS(status);
	return scene.left;
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* What is known of a program is forgotten when the next one begins, and its threads have left. */
static bool is_settled(int descriptors)
{
	for (int i = 0; i < LONGEST && count_descriptors() > descriptors; i++)
		usleep(10000);
	return count_descriptors() <= descriptors;
}

static void try_all(unsigned int kind, unsigned int least)
{
	unsigned int failures = 0;
	int before;

	(void)run(kind, MORE_THAN_ENOUGH, &failures);
	(void)run(kind, MORE_THAN_ENOUGH, &failures);
	usleep(100000);
	before = count_descriptors();
	for (uint64_t n = 1; !run(kind, n, &failures); n++)
		assert_true(n < MORE_THAN_ENOUGH);
	assert_true(is_settled(before));
	if (failures < least)
		fail_msg("%u steps made it fail", failures);
}

static void opening_that_fails_leaves_nothing(void **state)
{
	(void)state;
	if (!has_filters())
		skip();
	/* Memory, the file, its mapping, the program's descriptor. */
	try_all(SLOT_REQUEST_OPEN, 4);
}

static void a_request_for_a_slot_that_fails_leaves_nothing(void **state)
{
	(void)state;
	if (!has_filters())
		skip();
	/* Memory, the thread. */
	try_all(SLOT_REQUEST_ATTEND, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opening_that_fails_leaves_nothing),
		cmocka_unit_test(a_request_for_a_slot_that_fails_leaves_nothing),
	};

	log_set_level(LOG_LEVEL_ERROR);
	if (opened_start() || guard_install())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
