/* SPDX-License-Identifier: MIT */
/*
 * The caller for this process: copies that survive bad pointers, populating, rights, and stacks
 * that grow.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include <uiommufd/caller.h>

#include "base/check.h"
#include "mem/guard.h"
#include "mem/reached.h"

static uint64_t addr(const void *p)
{
	return (uintptr_t)p;
}

static int read_self(void *dst, const void *src, size_t len)
{
	struct uiommufd_caller *self = uiommufd_caller_self();

	return self->ops->read(self, dst, addr(src), len);
}

static int write_self(void *dst, const void *src, size_t len)
{
	struct uiommufd_caller *self = uiommufd_caller_self();

	return self->ops->write(self, addr(dst), src, len);
}

static int populate_self(void *va, size_t len, bool write)
{
	struct uiommufd_caller *self = uiommufd_caller_self();

	return self->ops->populate(self, addr(va), len, write);
}

/* @pages pages, the last of which is taken away again. */
static char *map_before_a_hole(size_t pages, int prot)
{
	char *p = mmap(NULL, pages * PAGE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(munmap(p + (pages - 1) * PAGE_SIZE, PAGE_SIZE), 0);
	/* As the preload says: musl's free() may have left a page there that was reached. */
	reached_forget(addr(p) + (pages - 1) * PAGE_SIZE, PAGE_SIZE);
	return p;
}

static void check_copies(void)
{
	char *heap = malloc(3 * PAGE_SIZE), *back = malloc(3 * PAGE_SIZE);
	char onstack[64] = "on the stack", got[64];
	char *edge = map_before_a_hole(3, PROT_READ | PROT_WRITE);
	char *ro = map_before_a_hole(2, PROT_READ);

	assert_non_null(heap);
	assert_non_null(back);
	memset(heap, 0x5a, 3 * PAGE_SIZE);
	memset(back, 0, 3 * PAGE_SIZE);
	assert_int_equal(read_self(back, heap, 3 * PAGE_SIZE), 0);
	assert_memory_equal(back, heap, 3 * PAGE_SIZE);
	memset(back, 0x33, 3 * PAGE_SIZE);
	assert_int_equal(write_self(heap + 1, back, 2 * PAGE_SIZE), 0);
	assert_memory_equal(heap + 1, back, 2 * PAGE_SIZE);
	assert_int_equal(heap[0], 0x5a);

	assert_int_equal(read_self(got, onstack, sizeof(got)), 0);
	assert_memory_equal(got, onstack, sizeof(got));
	assert_int_equal(write_self(onstack, "x", 1), 0);
	assert_int_equal(onstack[0], 'x');

	assert_int_equal(read_self(got, NULL, 1), -EFAULT);
	assert_int_equal(read_self(got, (void *)UINTPTR_MAX, 1), -EFAULT);
	assert_int_equal(read_self(got, edge + 2 * PAGE_SIZE - 8, 16), -EFAULT);
	assert_int_equal(read_self(got, edge + 2 * PAGE_SIZE - 16, 16), 0);
	assert_int_equal(write_self(edge + 2 * PAGE_SIZE - 8, got, 16), -EFAULT);
	assert_int_equal(read_self(got, ro, 16), 0);
	assert_int_equal(write_self(ro, got, 16), -EFAULT);
	assert_int_equal(read_self(got, heap, 0), 0);

	/* The bytes before the missing page have been copied. */
	memset(back, 0x77, 2 * PAGE_SIZE);
	assert_int_equal(write_self(edge + 100, back, 2 * PAGE_SIZE), -EFAULT);
	assert_memory_equal(edge + 100, back, 2 * PAGE_SIZE - 100);

	munmap(edge, 2 * PAGE_SIZE);
	munmap(ro, PAGE_SIZE);
	free(heap);
	free(back);
}

static void copies_work_and_bad_addresses_are_efault(void **state)
{
	(void)state;
	check_copies();
}

static void copies_work_with_the_signals_of_a_fault_blocked(void **state)
{
	sigset_t set, old;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	check_copies();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void refuse_process_vm(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

/* A filter stays for the thread's life, so it gets one of its own. */
static void *copy_without_process_vm(void *arg)
{
	(void)arg;
	refuse_process_vm();
	check_copies();
	return NULL;
}

/* qemu's emulation of a process has no filters. */
static void require_filters(void)
{
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
		print_message("skipped: there are no seccomp filters here\n");
		skip();
	}
}

static void copies_work_where_process_vm_readv_is_refused(void **state)
{
	pthread_t thread;

	(void)state;
	require_filters();
	assert_int_equal(pthread_create(&thread, NULL, copy_without_process_vm, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *check_copies_thread(void *arg)
{
	check_copies();
	return arg;
}

static void copies_work_on_a_stack_that_the_program_made(void **state)
{
	const size_t size = 1024 * PAGE_SIZE; /* sanitizers need much stack */
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t thread;

	(void)state;
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstack(&attr, memory, size), 0);
	assert_int_equal(pthread_create(&thread, &attr, check_copies_thread, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
	munmap(memory, size);
}

#ifdef __GLIBC__

static ucontext_t main_context, coroutine_context;
static char *coroutine_bad;
static int coroutine_rc;

static void coroutine(void)
{
	char got[8];

	coroutine_rc = read_self(got, coroutine_bad, sizeof(got));
}

/* A coroutine's frame is not in the thread's stack, so an address above it proves nothing. */
static void an_address_above_a_coroutines_frame_is_not_trusted(void **state)
{
	const size_t size = 64 * PAGE_SIZE;
	char *memory = mmap(NULL, size + PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	munmap(memory + size, PAGE_SIZE);
	coroutine_bad = memory + size;
	getcontext(&coroutine_context);
	coroutine_context.uc_stack.ss_sp = memory;
	coroutine_context.uc_stack.ss_size = size;
	coroutine_context.uc_link = &main_context;
	makecontext(&coroutine_context, coroutine, 0);
	swapcontext(&main_context, &coroutine_context);
	assert_int_equal(coroutine_rc, -EFAULT);
	munmap(memory, size);
}

#else

static void an_address_above_a_coroutines_frame_is_not_trusted(void **state)
{
	(void)state;
	skip(); /* musl has no functions for them */
}

#endif

static __attribute__((noinline)) int read_deep(int depth, const char *src)
{
	volatile char room[PAGE_SIZE];
	char got[4];

	room[0] = room[PAGE_SIZE - 1] = (char)depth;
	if (depth)
		return read_deep(depth - 1, src) + (room[0] != (char)depth);
	return read_self(got, src, sizeof(got));
}

static void a_deeper_frame_still_finds_the_stack(void **state)
{
	char text[4] = "abc";

	(void)state;
	for (int depth = 0; depth < 200; depth += 40)
		assert_int_equal(read_deep(depth, text), 0);
}

static void populate_tells_missing_rights_from_success(void **state)
{
	const size_t len = 4 * PAGE_SIZE;
	char *rw = map_before_a_hole(5, PROT_READ | PROT_WRITE);
	char *ro = map_before_a_hole(5, PROT_READ), *none = map_before_a_hole(5, PROT_NONE);
	unsigned char present[4];

	(void)state;
	assert_int_equal(populate_self(rw, len, true), 0);
	assert_int_equal(mincore(rw, len, present), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(present[i] & 1, 1);
	assert_int_equal(populate_self(ro, len, false), 0);
	assert_int_equal(populate_self(ro, len, true), -EFAULT);
	assert_int_equal(populate_self(none, len, false), -EFAULT);
	assert_int_equal(populate_self(rw, len + PAGE_SIZE, true), -EFAULT);
	assert_int_equal(populate_self(NULL, PAGE_SIZE, false), -EFAULT);
	munmap(rw, len);
	munmap(ro, len);
	munmap(none, len);
}

static void populate_past_the_end_of_a_file_is_efault(void **state)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	char *p;

	(void)state;
	assert_int_equal(ftruncate(fd, PAGE_SIZE), 0);
	p = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(populate_self(p, PAGE_SIZE, true), 0);
	assert_int_equal(populate_self(p, 2 * PAGE_SIZE, true), -EFAULT);
	munmap(p, 2 * PAGE_SIZE);
	close(fd);
}

static void refuse_populate(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 22, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

/* In a process of its own, and before any other test: whether the kernel knows the call is asked
 * once. */
static void populate_works_on_a_kernel_without_the_call(void **state)
{
	pid_t child;
	int status;

	(void)state;
	require_filters();
	child = fork();
	if (!child) {
		char *rw, *ro;
		bool good;

		refuse_populate();
		rw = map_before_a_hole(3, PROT_READ | PROT_WRITE);
		ro = map_before_a_hole(3, PROT_READ);
		rw[PAGE_SIZE] = 7;
		good = !populate_self(rw, 2 * PAGE_SIZE, true) && rw[PAGE_SIZE] == 7 &&
		       !populate_self(ro, 2 * PAGE_SIZE, false) &&
		       populate_self(ro, PAGE_SIZE, true) == -EFAULT &&
		       populate_self(rw, 3 * PAGE_SIZE, true) == -EFAULT &&
		       populate_self(rw, 3 * PAGE_SIZE, false) == -EFAULT;
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Changes the calling thread alone. */
static void set_effective(int cap, bool on)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(syscall(SYS_capget, &header, sets), 0);
	if (on)
		sets[CAP_TO_INDEX(cap)].effective |= CAP_TO_MASK(cap);
	else
		sets[CAP_TO_INDEX(cap)].effective &= ~CAP_TO_MASK(cap);
	assert_int_equal(syscall(SYS_capset, &header, sets), 0);
}

/* The last test of capabilities: the promise that the program reports its changes stays. */
static void rights_are_asked_for_again_when_the_program_has_reported_a_change(void **state)
{
	struct uiommufd_caller *self = uiommufd_caller_self();

	(void)state;
	if (!self->ops->capable(self, CAP_SYS_PACCT))
		skip();
	set_effective(CAP_SYS_PACCT, false);
	assert_false(self->ops->capable(self, CAP_SYS_PACCT));
	uiommufd_caller_rights_changed();
	assert_false(self->ops->capable(self, CAP_SYS_PACCT));
	set_effective(CAP_SYS_PACCT, true);
	assert_false(self->ops->capable(self, CAP_SYS_PACCT));
	uiommufd_caller_rights_changed();
	assert_true(self->ops->capable(self, CAP_SYS_PACCT));
}

static void a_descriptor_is_copied_close_on_exec(void **state)
{
	struct uiommufd_caller *self = uiommufd_caller_self();
	int fd = self->ops->dup_fd(self, STDIN_FILENO);

	(void)state;
	assert_true(fd > STDERR_FILENO || fcntl(STDIN_FILENO, F_GETFD) < 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	assert_int_equal(self->ops->dup_fd(self, -1), -EBADF);
	assert_int_equal(self->ops->dup_fd(self, 1 << 20), -EBADF);
}

static void the_limit_is_read_each_time(void **state)
{
	struct uiommufd_caller *self = uiommufd_caller_self();
	struct rlimit limit, lower;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	assert_int_equal(self->ops->memlock_limit(self), limit.rlim_cur);
	lower = limit;
	lower.rlim_cur = 3 * PAGE_SIZE;
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &lower), 0);
	assert_int_equal(self->ops->memlock_limit(self), 3 * PAGE_SIZE);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
}

static void a_capability_that_does_not_exist_is_not_held(void **state)
{
	struct uiommufd_caller *self = uiommufd_caller_self();

	(void)state;
	assert_false(self->ops->capable(self, 63));
	assert_false(self->ops->capable(self, 64));
	assert_false(self->ops->capable(self, -1));
}

static int released;

static void count_release(struct uiommufd_caller *caller)
{
	(void)caller;
	released++;
}

static void the_last_put_releases(void **state)
{
	const struct uiommufd_caller_ops ops = {.release = count_release};
	struct uiommufd_caller caller;

	(void)state;
	uiommufd_caller_init(&caller, &ops, 5, 6);
	assert_int_equal(caller.pid, 5);
	assert_int_equal(caller.uid, 6);
	assert_ptr_equal(uiommufd_caller_get(&caller), &caller);
	uiommufd_caller_put(&caller);
	assert_int_equal(released, 0);
	uiommufd_caller_put(&caller);
	assert_int_equal(released, 1);
}

/* A page that copies have reached in both directions, and that a change then spoils. */
static char *reached_page(void)
{
	char *page =
		mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t word = 0x1234;

	assert_ptr_not_equal(page, MAP_FAILED);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(write_self(page + 8, &word, sizeof(word)), 0);
		word = 0;
		assert_int_equal(read_self(&word, page + 8, sizeof(word)), 0);
		assert_int_equal(word, 0x1234);
	}
	return page;
}

static void check_changes_of_rights(void)
{
	char *page = reached_page();
	uint64_t word = 0x5678;

	assert_int_equal(mprotect(page, PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(write_self(page + 8, &word, sizeof(word)), -EFAULT);
	assert_int_equal(read_self(&word, page + 8, sizeof(word)), 0);
	assert_int_equal(word, 0x1234);

	assert_ptr_equal(mmap(page, PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 page);
	assert_int_equal(read_self(&word, page + 8, sizeof(word)), 0);
	assert_int_equal(word, 0);

	assert_int_equal(munmap(page, PAGE_SIZE), 0);
	assert_int_equal(write_self(page + 8, &word, sizeof(word)), -EFAULT);
	assert_int_equal(read_self(&word, page + 8, sizeof(word)), -EFAULT);
}

static void check_a_file_that_shrinks(void)
{
	int fd = memfd_create("reached", MFD_CLOEXEC);
	uint64_t word = 0x1234;
	char *page;

	assert_int_equal(ftruncate(fd, PAGE_SIZE), 0);
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(write_self(page, &word, sizeof(word)), 0);
	assert_int_equal(read_self(&word, page, sizeof(word)), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write_self(page, &word, sizeof(word)), -EFAULT);
	assert_int_equal(read_self(&word, page, sizeof(word)), -EFAULT);
	munmap(page, PAGE_SIZE);
	close(fd);
}

/* One test: for each, cmocka puts its own handlers in front of the guard's. */
static void memory_that_was_reached_may_change_under_the_guard(void **state)
{
	(void)state;
	assert_int_equal(guard_install(), 0);
	check_copies();
	check_changes_of_rights();
	check_a_file_that_shrinks();
}

/* The guard could not end a copy then, so none may be tried. */
static void what_is_forgotten_raises_no_signal(void **state)
{
	char *page = reached_page();
	sigset_t set, old;
	uint64_t word;

	(void)state;
	assert_int_equal(guard_install(), 0);
	assert_int_equal(munmap(page, PAGE_SIZE), 0);
	reached_forget(addr(page), PAGE_SIZE);
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	assert_int_equal(read_self(&word, page, sizeof(word)), -EFAULT);
	assert_int_equal(write_self(page, &word, sizeof(word)), -EFAULT);
	check_copies();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(populate_works_on_a_kernel_without_the_call),
		cmocka_unit_test(copies_work_and_bad_addresses_are_efault),
		cmocka_unit_test(copies_work_with_the_signals_of_a_fault_blocked),
		cmocka_unit_test(copies_work_where_process_vm_readv_is_refused),
		cmocka_unit_test(copies_work_on_a_stack_that_the_program_made),
		cmocka_unit_test(an_address_above_a_coroutines_frame_is_not_trusted),
		cmocka_unit_test(a_deeper_frame_still_finds_the_stack),
		cmocka_unit_test(populate_tells_missing_rights_from_success),
		cmocka_unit_test(populate_past_the_end_of_a_file_is_efault),
		cmocka_unit_test(a_descriptor_is_copied_close_on_exec),
		cmocka_unit_test(rights_are_asked_for_again_when_the_program_has_reported_a_change),
		cmocka_unit_test(the_limit_is_read_each_time),
		cmocka_unit_test(a_capability_that_does_not_exist_is_not_held),
		cmocka_unit_test(the_last_put_releases),
		cmocka_unit_test(memory_that_was_reached_may_change_under_the_guard),
		cmocka_unit_test(what_is_forgotten_raises_no_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
