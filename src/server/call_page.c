/* SPDX-License-Identifier: MIT */
/*
 * The file is a memfd that cannot be made shorter: the program could otherwise take away what the
 * server reads.
 *
 * `lock` guards who has which slot. A slot is free when nobody attends it and the thread that had
 * it has ended: while that lives, it may not have read its last answer yet.
 */
#include "server/call_page.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <urcu/compiler.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "base/lock.h"
#include "server/attendant.h"
#include "server/call_slot.h"
#include "server/program_fd.h"

_Static_assert(SLOT_COUNT * sizeof(struct call_slot) <= SLOT_FILE, "all slots are in the file");

/* Who has a slot. */
struct seat {
	pid_t tid;	       /* 0: nobody has had it, or a thread that has ended */
	struct seated *seated; /* who attends it, or NULL */
};

struct call_page {
	int fd;
	struct call_slot *slots;
	atomic_bool closed;
	struct lock lock;
	struct seat seats[SLOT_COUNT]; /* guarded by the lock */
};

/* An attendant, and the slot that it frees. */
struct seated {
	struct attendant attendant;
	struct call_page *page; /* lives as long as the client */
	int index;
};

bool call_page_is_asked(int fd, unsigned int command)
{
	return fd == -1 && command >= SLOT_REQUEST_OPEN && command <= SLOT_REQUEST_ALIVE;
}

/* ---- the file ---- */

static int make_file(void)
{
	int fd = fail_inject() ? -1
			       : memfd_create("uiommufd-calls", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -ENOMEM;
	if (!ftruncate(fd, SLOT_FILE) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	close(fd);
	return -ENOMEM;
}

static int map_file(struct call_page *page)
{
	void *at = fail_inject()
			   ? MAP_FAILED
			   : mmap(NULL, SLOT_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, page->fd, 0);

	if (at == MAP_FAILED)
		return -ENOMEM;
	page->slots = at;
	return 0;
}

static struct call_page *create(void)
{
	struct call_page *page = alloc_zeroed(sizeof(*page));

	if (!page)
		return NULL;
	lock_init(&page->lock, LOCK_SERVER);
	page->fd = make_file();
	if (page->fd >= 0 && !map_file(page))
		return page;
	call_page_destroy(page);
	return NULL;
}

void call_page_destroy(struct call_page *page)
{
	if (!page)
		return;
	if (page->slots)
		(void)munmap(page->slots, SLOT_FILE);
	if (page->fd >= 0)
		close(page->fd);
	alloc_free(page);
}

/* That of @client, made if there is none. NULL: no memory. */
static struct call_page *page_of(struct client *client)
{
	struct call_page *page = atomic_load(&client->page), *fresh;

	if (page)
		return page;
	fresh = create();
	if (!fresh || atomic_compare_exchange_strong(&client->page, &page, fresh))
		return fresh;
	call_page_destroy(fresh);
	return page;
}

static struct answer answer_open(struct request *request)
{
	const struct call_page *page;
	int fd;

	if (request->call->data.args[2] != SLOT_VERSION)
		return answer_result(-EINVAL);
	page = page_of(request->client);
	if (!page)
		return answer_result(-ENOMEM);
	/* Given and answered in two steps, which Linux before 5.14 can, too. */
	fd = fail_inject() ? -EMFILE : program_fd_give(request, page->fd, O_CLOEXEC, false);
	return answer_result(fd);
}

/* ---- slots ---- */

/* Has who attends slot @index, if anybody does, leave it. */
static void dismiss(struct call_page *page, int index)
{
	if (!page->seats[index].seated)
		return;
	/* One that is about to sleep sees it, too. */
	atomic_fetch_or(&page->slots[index].state, SLOT_LEFT);
	attendant_wake(&page->slots[index]);
}

void call_page_close(struct call_page *page)
{
	if (!page)
		return;
	atomic_store(&page->closed, true);
	lock_acquire(&page->lock);
	for (int i = 0; i < SLOT_COUNT; i++)
		dismiss(page, i);
	lock_release(&page->lock);
}

static void destroy_seated(struct seated *seated)
{
	close(seated->attendant.task);
	uiommufd_caller_put(&seated->attendant.client->caller);
	alloc_free(seated);
}

static void leave(struct attendant *attendant)
{
	struct seated *seated = caa_container_of(attendant, struct seated, attendant);

	lock_acquire(&seated->page->lock);
	seated->page->seats[seated->index].seated = NULL;
	lock_release(&seated->page->lock);
	destroy_seated(seated);
}

/* Whether @tid is a thread of @client now. */
static bool lives(const struct client *client, pid_t tid)
{
	return tid && !syscall(SYS_tgkill, client->caller.pid, tid, 0);
}

/* Whether slot @index is attended for the thread that has its seat, and takes a call. */
static bool is_ready(const struct call_page *page, int index)
{
	const uint32_t state = atomic_load(&page->slots[index].state);

	return slot_phase(state) != SLOT_NOBODY && !(state & SLOT_LEFT) &&
	       !faccessat(page->seats[index].seated->attendant.task, "fd", F_OK, 0);
}

/*
 * The slot of @tid that is attended; negative: none is. One that its program has spoilt, or that
 * was another thread's with the same number, is not.
 */
static int find_attended(struct call_page *page, pid_t tid) REQUIRES(page->lock)
{
	lock_assert_held(&page->lock);
	for (int i = 0; i < SLOT_COUNT; i++) {
		struct seat *seat = &page->seats[i];

		if (!seat->seated || seat->tid != tid)
			continue;
		if (is_ready(page, i))
			return i;
		seat->tid = 0;
		dismiss(page, i);
	}
	return -EAGAIN;
}

/* Has who attends a thread that has ended leave its slot, which is free for the next request. */
static void dismiss_ended(struct call_page *page, const struct client *client) REQUIRES(page->lock)
{
	lock_assert_held(&page->lock);
	for (int i = 0; i < SLOT_COUNT; i++) {
		if (page->seats[i].seated && !lives(client, page->seats[i].tid))
			dismiss(page, i);
	}
}

/* A slot that @tid may have: the one that it had, or one of a thread that has ended. */
static int find_free(struct call_page *page, const struct client *client, pid_t tid)
	REQUIRES(page->lock)
{
	lock_assert_held(&page->lock);
	for (int i = 0; i < SLOT_COUNT; i++) {
		const struct seat *seat = &page->seats[i];

		if (!seat->seated && (seat->tid == tid || !lives(client, seat->tid)))
			return i;
	}
	dismiss_ended(page, client);
	return -EAGAIN;
}

/* Who is to attend slot @index of @page for the thread of @request. NULL: no memory. */
static struct seated *create_seated(struct request *request, struct call_page *page, int index)
{
	struct seated *seated = alloc_zeroed(sizeof(*seated));

	if (!seated)
		return NULL;
	*seated = (struct seated){
		.attendant = {.slot = &page->slots[index],
			      .client = request->client,
			      .tid = (pid_t)request->call->pid,
			      .task = fcntl(request->task, F_DUPFD_CLOEXEC, 0),
			      .closed = &page->closed,
			      .idle = ATTENDANT_IDLE,
			      .left = leave},
		.page = page,
		.index = index,
	};
	if (seated->attendant.task >= 0) {
		uiommufd_caller_get(&request->client->caller);
		return seated;
	}
	alloc_free(seated);
	return NULL;
}

/* Has slot @index attended, which is free. 0 or a negative errno. */
static int seat_at(struct request *request, struct call_page *page, int index) REQUIRES(page->lock)
{
	struct seated *seated = create_seated(request, page, index);
	int rc;

	lock_assert_held(&page->lock);
	if (!seated)
		return -ENOMEM;
	atomic_store(&page->slots[index].state, SLOT_IDLE);
	rc = attendant_start(&seated->attendant);
	if (!rc) {
		page->seats[index].tid = (pid_t)request->call->pid;
		page->seats[index].seated = seated;
		return 0;
	}
	atomic_store(&page->slots[index].state, SLOT_NOBODY);
	destroy_seated(seated);
	return rc;
}

static struct answer answer_attend(struct request *request)
{
	struct call_page *page = atomic_load(&request->client->page);
	const pid_t tid = (pid_t)request->call->pid;
	int index, rc = 0;

	if (!page || atomic_load(&page->closed))
		return answer_result(-ENXIO);
	lock_acquire(&page->lock);
	index = find_attended(page, tid);
	if (index < 0) {
		index = find_free(page, request->client, tid);
		rc = index < 0 ? index : seat_at(request, page, index);
	}
	lock_release(&page->lock);
	return answer_result(rc ? rc : index);
}

struct answer call_page_answer(struct request *request)
{
	switch (request->call->data.args[1]) {
	case SLOT_REQUEST_OPEN:
		return answer_open(request);
	case SLOT_REQUEST_ATTEND:
		return answer_attend(request);
	default:
		return answer_result(0);
	}
}
