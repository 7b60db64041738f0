/* SPDX-License-Identifier: MIT */
/*
 * A program of a shared machine takes pinned memory away: each step of the server's that can fail
 * does so in turn. Either the program's call fails, and its memory, its file and what the device
 * sees are as they were; or it succeeds, and the device goes on with what was there.
 *
 * The program is a child under the server's filter, which tells by calls of fstat() how far it is.
 * Two threads answer its calls as the server does, one of them what the main thread makes, the
 * tracer. The failure is armed for one call: on the thread that answers it, and then on the tracer
 * while that works for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answered_program.h"
#include "base/log.h"
#include "base/sys.h"
#include "kit.h"
#include "mem/aside.h"
#include "mem/displace.h"
#include "mem/guard.h"
#include "mem/source.h"
#include "mem/view.h"
#include "server/answer.h"
#include "server/client.h"
#include "server/filter.h"
#include "server/opened.h"
#include "server/traced_call.h"
#include "server/tracer.h"

/* In no shadow of a sanitizer. */
#define AREA   UINT64_C(0x300000000000)
#define TARGET (AREA + 0x100000)

enum {
	PAGES = 8,
	LEN = PAGES * PAGE,
	FIRST_PINNED = 2,
	PINNED = 4,
	MORE_THAN_ENOUGH = 100,

	/* Descriptors of fstat(), which are none: nothing has happened; it failed; it is done. */
	READY = -10,
	FAILED = -11,
	DONE = -12,
};

enum memory {
	PRIVATE,
	OF_FILE,
	OF_SEGMENT,
};

/* What has become of the pages at AREA, but for the first, when the call is made. */
enum effect {
	UNMAPPED,
	EMPTY,
	SHORTER, /* they are behind the end of their file */
};

/* A call. */
struct taking {
	const char *name;
	enum memory memory;
	enum effect effect;
	int number;
	uint64_t args[6]; /* the descriptor of the file is 0 here */
	bool needs_file;
	bool onto_pinned;   /* pages are pinned at TARGET, too; if it fails they may be copies */
	unsigned int least; /* steps of which each makes it fail */
};

static const struct taking takings[] = {
	{"munmap", PRIVATE, UNMAPPED, SYS_munmap, {AREA, LEN}, .least = 5},
	{"munmap of a file", OF_FILE, UNMAPPED, SYS_munmap, {AREA, LEN}, .least = 6},
	{"shmdt", OF_SEGMENT, UNMAPPED, SYS_shmdt, {AREA}, .least = 7},
	{"mmap",
	 PRIVATE,
	 EMPTY,
	 SYS_mmap,
	 {AREA, LEN, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, UINT64_MAX},
	 .least = 6},
	{"MADV_DONTNEED", PRIVATE, EMPTY, SYS_madvise, {AREA, LEN, MADV_DONTNEED}, .least = 7},
	{"MADV_REMOVE", OF_FILE, EMPTY, SYS_madvise, {AREA, LEN, MADV_REMOVE}, .least = 9},
	{"ftruncate", OF_FILE, SHORTER, SYS_ftruncate, {0, PAGE}, .needs_file = true, .least = 8},
	{"fallocate",
	 OF_FILE,
	 EMPTY,
	 SYS_fallocate,
	 {0, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LEN},
	 .needs_file = true,
	 .least = 8},
	{"mremap that shrinks", PRIVATE, UNMAPPED, SYS_mremap, {AREA, LEN, PAGE}, .least = 6},
	{"mremap that moves",
	 PRIVATE,
	 UNMAPPED,
	 SYS_mremap,
	 {AREA, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, TARGET},
	 .least = 4},
	{"mremap onto pinned pages",
	 PRIVATE,
	 UNMAPPED,
	 SYS_mremap,
	 {AREA, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, TARGET},
	 .onto_pinned = true,
	 .least = 11},
};

/* A program that makes the call. */
static struct {
	const struct taking *taking;
	bool traceable;
	uint64_t n; /* the failure */

	struct answered_program program;
	struct mem_source *sources[2]; /* at AREA and TARGET */
	uint64_t bus[2][PINNED];
	uint64_t left; /* of the countdown: on its way to the tracer, and then for good */
	bool was_armed, failed, done;
} scene;

/* ---- in the program ---- */

static void check_in_child(bool good)
{
	if (!good)
		syscall(SYS_exit_group, 1);
}

static void fill(uint64_t at, unsigned char first)
{
	for (int i = 0; i < PAGES; i++)
		memset((void *)(at + (uint64_t)i * PAGE), first + i, PAGE);
}

static bool is_filled(uint64_t at, unsigned char first)
{
	for (int i = 0; i < PAGES; i++) {
		const unsigned char *page = (const unsigned char *)(at + (uint64_t)i * PAGE);

		if (page[0] != first + i || page[PAGE - 1] != first + i)
			return false;
	}
	return true;
}

/* A file, or -1. */
static int map_area(enum memory memory)
{
	const int rights = PROT_READ | PROT_WRITE;
	int fd = -1, id;

	if (memory == OF_SEGMENT) {
		id = shmget(IPC_PRIVATE, LEN, 0600);
		check_in_child(shmat(id, (void *)AREA, 0) == (void *)AREA &&
			       !shmctl(id, IPC_RMID, NULL));
	} else if (memory == OF_FILE) {
		fd = memfd_create("shared", MFD_CLOEXEC);
		check_in_child(!ftruncate(fd, LEN) &&
			       mmap((void *)AREA, LEN, rights, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
				    0) == (void *)AREA);
	} else {
		check_in_child(mmap((void *)AREA, LEN, rights,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
				    0) == (void *)AREA);
	}
	check_in_child(mmap((void *)TARGET, LEN, rights,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			    0) == (void *)TARGET);
	fill(AREA, 1);
	fill(TARGET, 101);
	return fd;
}

static long make_call(const struct taking *taking, int fd)
{
	const uint64_t *args = taking->args;

	return syscall(taking->number, taking->needs_file ? (uint64_t)fd : args[0], args[1],
		       args[2], args[3], args[4], args[5]);
}

static bool has_effect(enum effect effect, int fd)
{
	const unsigned char *page = (const unsigned char *)(AREA + PAGE);
	struct stat st;

	switch (effect) {
	case UNMAPPED:
		return msync((void *)page, PAGE, MS_ASYNC) && errno == ENOMEM;
	case EMPTY:
		return !page[0] && !page[PAGE - 1];
	default:
		return !syscall(SYS_fstat, fd, &st) && st.st_size == PAGE;
	}
}

static void tell(int how_far)
{
	struct stat st;

	(void)syscall(SYS_fstat, how_far, &st);
}

static void run_program(int channel)
{
	const struct taking *taking = scene.taking;
	int fd = map_area(taking->memory), listener = filter_install();
	long rc;

	check_in_child(listener >= 0 &&
		       write(channel, &listener, sizeof(listener)) == sizeof(listener));
	tell(READY);
	rc = make_call(taking, fd);
	if (rc < 0) {
		check_in_child(errno == ENOMEM && is_filled(AREA, 1) && is_filled(TARGET, 101));
		tell(FAILED);
		rc = make_call(taking, fd);
	}
	check_in_child(rc >= 0 && has_effect(taking->effect, fd));
	tell(DONE);
	syscall(SYS_exit_group, 0);
}

/* ---- the tracer ---- */

struct traced_call *__real_traced_call_create(pid_t tid);
struct traced_call *__wrap_traced_call_create(pid_t tid);
void __real_traced_call_destroy(struct traced_call *call);
void __wrap_traced_call_destroy(struct traced_call *call);
bool __real_tracer_stop_for(struct request *request, int *fd, long (*work)(void *arg), void *arg);
bool __wrap_tracer_stop_for(struct request *request, int *fd, long (*work)(void *arg), void *arg);

struct traced_call *__wrap_traced_call_create(pid_t tid)
{
	failure_arm(scene.left);
	return __real_traced_call_create(tid);
}

void __wrap_traced_call_destroy(struct traced_call *call)
{
	scene.left = failure_disarm();
	__real_traced_call_destroy(call);
}

struct work {
	long (*work)(void *arg);
	void *arg;
};

static long work_armed(void *arg)
{
	const struct work *work = arg;
	long rc = work->work(work->arg);

	scene.left = failure_disarm();
	return rc;
}

bool __wrap_tracer_stop_for(struct request *request, int *fd, long (*work)(void *arg), void *arg)
{
	struct work armed = {.work = work, .arg = arg};
	bool answered;

	if (!scene.traceable)
		return false;
	scene.left = failure_disarm();
	answered = __real_tracer_stop_for(request, fd, work_armed, &armed);
	failure_arm(scene.left);
	return answered;
}

/* ---- the server ---- */

static unsigned char first_of(int source)
{
	return source ? 101 : 1;
}

static void look_at(int source, int page, unsigned char *byte, uint64_t *bus)
{
	uint64_t run;

	mem_source_extent(scene.sources[source], (uint64_t)(FIRST_PINNED + page) * PAGE, PAGE, bus,
			  &run);
	assert_int_equal(run, PAGE);
	assert_int_equal(view_copy(byte, (const void *)(uintptr_t)(*bus + PAGE - 1), 1), 0);
}

static void check_devices_view(bool in_place)
{
	for (int i = 0; i < 2; i++) {
		for (int page = 0; scene.sources[i] && page < PINNED; page++) {
			unsigned char byte;
			uint64_t bus;

			look_at(i, page, &byte, &bus);
			assert_int_equal(byte, first_of(i) + FIRST_PINNED + page);
			if (in_place && !(scene.taking->onto_pinned && i == 1))
				assert_int_equal(bus, scene.bus[i][page]);
		}
	}
}

static void pin(struct uiommufd_caller *caller)
{
	const struct mem_pages pages = {.first = FIRST_PINNED, .count = PINNED};

	for (int i = 0; i < (scene.taking->onto_pinned ? 2 : 1); i++) {
		assert_int_equal(mem_source_from_va(caller, i ? TARGET : AREA, LEN, true,
						    MEM_ACCOUNT_USER, &scene.sources[i]),
				 0);
		assert_int_equal(mem_source_pin(scene.sources[i], pages), 0);
		for (int page = 0; page < PINNED; page++) {
			unsigned char byte;

			look_at(i, page, &byte, &scene.bus[i][page]);
			assert_int_equal(byte, first_of(i) + FIRST_PINNED + page);
		}
	}
}

static void unpin(void)
{
	const struct mem_pages pages = {.first = FIRST_PINNED, .count = PINNED};

	for (int i = 0; i < 2; i++) {
		if (!scene.sources[i])
			continue;
		mem_source_unpin(scene.sources[i], pages);
		mem_source_put(scene.sources[i]);
	}
}

/* What the program tells. False: it makes a call. */
static bool is_told(struct request *request)
{
	if (request->call->data.nr != SYS_fstat)
		return false;
	switch ((int)request->call->data.args[0]) {
	case READY:
		pin(&request->client->caller);
		break;
	case FAILED:
		scene.failed = true;
		check_devices_view(true);
		break;
	case DONE:
		scene.done = true;
		check_devices_view(false);
		break;
	default:
		return false;
	}
	return true;
}

static struct answer answer(struct request *request)
{
	/* Before Linux 5.19 the program may make the call again when the tracer stops it. */
	const bool armed = request->call->data.nr == scene.taking->number && scene.sources[0] &&
			   !scene.failed;

	if (is_told(request))
		return answer_by_kernel();
	scene.was_armed |= armed;
	return answered_by_server(request, armed, scene.n, &scene.left);
}

/* ---- */

/* Has a program make @taking, with the @n-th step failing. True: there were fewer. */
static bool run(const struct taking *taking, bool traceable, uint64_t n, unsigned int *failures)
{
	int ends[2], status;
	pthread_t servers[2];

	memset(&scene, 0, sizeof(scene));
	scene.taking = taking;
	scene.traceable = traceable;
	scene.n = n;
	assert_int_equal(pipe(ends), 0);
	scene.program.answer = answer;
	scene.program.pid = fork();
	if (!scene.program.pid)
		run_program(ends[1]);
	close(ends[1]);
	answered_begin(&scene.program, ends[0]);
	close(ends[0]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&servers[i], NULL, answered_serve, &scene.program),
				 0);
	assert_int_equal(tracer_wait(true, &status), scene.program.pid);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(servers[i], NULL);
	close(scene.program.calls.fd);
	assert_true(scene.was_armed && scene.done);
	unpin();
	assert_int_equal(aside_held(), 0);
	*failures += scene.failed;
	return scene.left;
}

static void try_all(bool traceable)
{
	for (size_t i = 0; i < sizeof(takings) / sizeof(takings[0]); i++) {
		unsigned int failures = 0;
		uint64_t n = 1;

		while (n < MORE_THAN_ENOUGH && !run(&takings[i], traceable, n, &failures))
			n++;
		if (failures < takings[i].least || n == MORE_THAN_ENOUGH)
			fail_msg("%s: %u of %u steps made it fail", takings[i].name, failures,
				 (unsigned int)n - 1);
	}
}

static void a_call_that_fails_changes_nothing(void **state)
{
	(void)state;
	try_all(true);
}

/* Then the kernel makes the call when all has been done that can fail. */
static void a_call_that_fails_of_a_program_that_cannot_be_traced_changes_nothing(void **state)
{
	(void)state;
	try_all(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_that_fails_changes_nothing),
		cmocka_unit_test(
			a_call_that_fails_of_a_program_that_cannot_be_traced_changes_nothing),
	};
	sigset_t child;

	/* As the command does: the tracer waits for it. */
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &child, NULL);
	log_set_level(LOG_LEVEL_ERROR);
	displace_enable();
	if (opened_start() || guard_install())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
