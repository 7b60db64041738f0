/* SPDX-License-Identifier: MIT */
/*
 * The guard's signal handlers. Faults that do not belong to the engine are raised in child
 * processes, before and after the handlers are installed: both must end alike.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include <cmocka.h>

#include "base/check.h"
#include "base/sanitized_build.h"
#include "mem/guard.h"

enum {
	SPAN = 3 * PAGE_SIZE
};

/* Installs the handlers; cmocka puts its own over them at the beginning of each test. */
static void install(void)
{
	static struct sigaction segv, bus;
	bool again = guard_installed();

	assert_int_equal(guard_install(), 0);
	assert_true(guard_installed());
	assert_int_equal(sigaction(SIGSEGV, again ? &segv : NULL, again ? NULL : &segv), 0);
	assert_int_equal(sigaction(SIGBUS, again ? &bus : NULL, again ? NULL : &bus), 0);
}

static char *map_pages(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

/* Every length of the short ways to copy, and some of the long ones. */
static size_t next_len(size_t len)
{
	return len < 1100 ? len + 1 : len + 97;
}

/* Does @test with what older processors have, too. */
static void with_all_vectors(void (*test)(void))
{
#if defined(__x86_64__)
	const uint8_t best = guard_vectors;

	for (uint8_t vectors = 0; vectors < best; vectors++) {
		guard_vectors = vectors;
		test();
	}
	guard_vectors = best;
#endif
	test();
}

static void copy_any_length(void)
{
	char *src = map_pages(3), *dst = map_pages(3);

	for (int i = 0; i < SPAN; i++)
		src[i] = (char)(i * 7 + 1);
	for (size_t len = 0; len < SPAN - 4; len = next_len(len)) {
		for (size_t skew = 0; skew < 3; skew++) {
			memset(dst, 0, SPAN);
			assert_int_equal(guard_copy(dst + 1 + skew, src + skew, len), 0);
			assert_int_equal(dst[skew], 0);
			assert_memory_equal(dst + 1 + skew, src + skew, len);
			assert_int_equal(dst[1 + skew + len], 0);
		}
	}
	munmap(src, SPAN);
	munmap(dst, SPAN);
}

static void a_copy_of_any_length_copies_just_that(void **state)
{
	(void)state;
	with_all_vectors(copy_any_length);
}

static void a_load_reads_one_word(void **state)
{
	char *memory = map_pages(1);
	uint64_t word = 0;

	(void)state;
	install();
	*(uint64_t *)(void *)memory = UINT64_C(0x1122334455667788);
	assert_int_equal(guard_load(&word, (const uint64_t *)(const void *)memory), 0);
	assert_true(word == UINT64_C(0x1122334455667788));
	munmap(memory, PAGE_SIZE);
	assert_int_equal(guard_load(&word, (const uint64_t *)(const void *)memory), -EFAULT);
	assert_true(word == UINT64_C(0x1122334455667788));
}

static void an_exchange_replaces_what_was_expected(void **state)
{
	char *memory = map_pages(1);
	uint64_t *word = (uint64_t *)(void *)memory;

	(void)state;
	install();
	*word = 5;
	assert_int_equal(guard_exchange(word, 5, 6), 0);
	assert_int_equal(guard_exchange(word, 5, 7), 1);
	assert_int_equal(*word, 6);
	assert_int_equal(mprotect(memory, PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(guard_exchange(word, 6, 7), -EFAULT);
	munmap(memory, PAGE_SIZE);
	assert_int_equal(guard_exchange(word, 6, 7), -EFAULT);
}

static void an_atomic_operation_returns_what_was_there(void **state)
{
	static const struct {
		enum guard_op op;
		uint64_t operand, compare, after_4, after_8;
	} cases[] = {
		{GUARD_ADD, 1, 0, 0, UINT64_C(0x1234567900000000)},
		{GUARD_SWAP, UINT64_C(0x1111111122222222), 0, 0x22222222,
		 UINT64_C(0x1111111122222222)},
		{GUARD_COMPARE_SWAP, 5, UINT64_C(0x12345678ffffffff), 5, 5},
		{GUARD_COMPARE_SWAP, 5, UINT64_C(0x02345678fffffffe), 0xffffffff,
		 UINT64_C(0x12345678ffffffff)},
	};
	uint64_t *words = (uint64_t *)map_pages(1);
	uint64_t old;

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		words[1] = UINT64_C(0x12345678ffffffff);
		assert_int_equal(guard_atomic(&words[1], 4, cases[i].op, cases[i].operand,
					      cases[i].compare, &old),
				 0);
		assert_true(old == 0xffffffff);
		assert_true(words[1] == (UINT64_C(0x12345678) << 32 | cases[i].after_4));
		words[1] = UINT64_C(0x12345678ffffffff);
		assert_int_equal(guard_atomic(&words[1], 8, cases[i].op, cases[i].operand,
					      cases[i].compare, &old),
				 0);
		assert_true(old == UINT64_C(0x12345678ffffffff));
		assert_true(words[1] == cases[i].after_8);
	}
	assert_true(words[0] == 0 && words[2] == 0);
	munmap(words, PAGE_SIZE);
}

static void a_fault_ends_an_atomic_operation(void **state)
{
	char *memory = map_pages(1);
	uint64_t old = 77;

	(void)state;
	install();
	mprotect(memory, PAGE_SIZE, PROT_READ);
	for (unsigned int op = GUARD_ADD; op <= GUARD_COMPARE_SWAP; op++) {
		assert_int_equal(guard_atomic(memory, 4, op, 1, 1, &old), -EFAULT);
		assert_int_equal(guard_atomic(memory, 8, op, 1, 1, &old), -EFAULT);
	}
	assert_int_equal(old, 77);
	munmap(memory, PAGE_SIZE);
}

#if defined(__x86_64__) && !defined(BASE_SANITIZER)
#define TRAP_FLAG 0x100

/* The first one is what is taken; the second one is there for the longest copy. */
static volatile uint64_t taken_word[2] __attribute__((aligned(16)));
static volatile int times_taken;

/* After each instruction: a driver that takes the word as soon as it is there. */
static void take_word(int signo)
{
	(void)signo;
	if (taken_word[0]) {
		taken_word[0] = 0;
		times_taken++;
	}
}

/* Otherwise what a driver has taken and cleared could come back. */
static void a_word_is_written_once(void **state)
{
	static const size_t lengths[] = {4, 8, 16};
	const uint64_t words[2] = {UINT64_C(0x100000001), 0};

	(void)state;
	install();
	signal(SIGTRAP, take_word);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int rc;

		times_taken = 0;
		__writeeflags(__readeflags() | TRAP_FLAG);
		rc = guard_copy((void *)(uintptr_t)taken_word, words, lengths[i]);
		__writeeflags(__readeflags() & ~(unsigned long long)TRAP_FLAG);
		assert_int_equal(rc, 0);
		assert_int_equal(times_taken, 1);
	}
	signal(SIGTRAP, SIG_DFL);
}
#endif

static void copy_to_and_from_edges(void)
{
	char *good = map_pages(3), *bad = map_pages(3);

	munmap(bad + 2 * PAGE_SIZE, PAGE_SIZE);
	for (size_t len = 1; len < 2 * PAGE_SIZE; len = next_len(len)) {
		char *edge = bad + 2 * PAGE_SIZE - len;

		assert_int_equal(guard_copy(good, edge, len), 0);
		assert_int_equal(guard_copy(edge, good, len), 0);
		assert_int_equal(guard_copy(good, edge + 1, len), -EFAULT);
		assert_int_equal(guard_copy(edge + 1, good, len), -EFAULT);
	}
	assert_int_equal(guard_copy(good, NULL, 8), -EFAULT);
	assert_int_equal(guard_copy(good, (void *)(UINTPTR_MAX << 48 >> 1), 8), -EFAULT);
	munmap(good, SPAN);
	munmap(bad, 2 * PAGE_SIZE);
}

static void a_fault_on_either_side_ends_the_copy(void **state)
{
	(void)state;
	install();
	with_all_vectors(copy_to_and_from_edges);
}

static void a_truncated_file_ends_the_copy(void **state)
{
	int fd = memfd_create("truncated", MFD_CLOEXEC);
	char buf[64];
	char *p;

	(void)state;
	assert_int_equal(ftruncate(fd, PAGE_SIZE), 0);
	p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	install();
	assert_int_equal(guard_copy(buf, p, sizeof(buf)), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(guard_copy(buf, p, sizeof(buf)), -EFAULT);
	munmap(p, PAGE_SIZE);
	close(fd);
}

static void *copy_from_nowhere(void *bad)
{
	char buf[32];

	for (int i = 0; i < 1000; i++)
		assert_int_equal(guard_copy(buf, bad, sizeof(buf)), -EFAULT);
	return NULL;
}

static void threads_fault_independently(void **state)
{
	char *bad = map_pages(1);
	pthread_t threads[4];

	(void)state;
	/* Not unmapped: a thread's stack could come there. */
	assert_int_equal(mprotect(bad, PAGE_SIZE, PROT_NONE), 0);
	install();
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, copy_from_nowhere, bad), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	munmap(bad, PAGE_SIZE);
}

/* ---- faults of the program ---- */

static volatile char *nowhere;
static int set_action(int signo, const struct sigaction *act)
{
	return guard_installed() ? guard_sigaction(signo, act, NULL) : sigaction(signo, act, NULL);
}

static void fault(void)
{
	*nowhere = 1;
}

static void run_default(void)
{
	fault();
}

static void run_ignored(void)
{
	const struct sigaction act = {.sa_handler = SIG_IGN};

	set_action(SIGSEGV, &act);
	raise(SIGSEGV);
	fault();
}

static void run_raised(void)
{
	raise(SIGSEGV);
	_exit(1);
}

/*
 * ThreadSanitizer calls handlers itself: with more signals blocked than they asked for, keeping
 * errno.
 */
#ifdef BASE_THREAD_SANITIZER
#define DELIVERY_IS_EXACT false
#else
#define DELIVERY_IS_EXACT true
#endif

static void plain_handler(int signo)
{
	sigset_t mask;

	/* The mask: the signal itself, and what was asked for. */
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	_exit(signo == SIGSEGV && sigismember(&mask, SIGSEGV) && sigismember(&mask, SIGUSR1) &&
			      !(DELIVERY_IS_EXACT && sigismember(&mask, SIGUSR2))
		      ? 40
		      : 41);
}

static void run_plain(void)
{
	struct sigaction act = {.sa_handler = plain_handler};

	sigaddset(&act.sa_mask, SIGUSR1);
	set_action(SIGSEGV, &act);
	fault();
}

static char *opened;

static void info_handler(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (signo != SIGSEGV || info->si_addr != opened)
		_exit(51);
	mprotect(opened, PAGE_SIZE, PROT_READ | PROT_WRITE);
	errno = ERANGE;
}

/* The program's handler repairs the mapping, and the program goes on. */
static void run_info(void)
{
	const struct sigaction act = {.sa_sigaction = info_handler, .sa_flags = SA_SIGINFO};
	sigset_t before, after;

	opened = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	set_action(SIGSEGV, &act);
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	*opened = 5;
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	_exit(*opened == 5 && (!DELIVERY_IS_EXACT || errno == ERANGE) &&
			      !memcmp(&before, &after, sizeof(long))
		      ? 50
		      : 52);
}

static volatile int handled;

static void counting_handler(int signo)
{
	(void)signo;
	handled++;
}

/* The first fault resets the action, the second one kills. */
static void run_resethand(void)
{
	const struct sigaction act = {.sa_handler = counting_handler,
				      .sa_flags = (int)SA_RESETHAND};

	set_action(SIGSEGV, &act);
	raise(SIGSEGV);
	if (handled == 1)
		raise(SIGSEGV);
	_exit(1);
}

static char alternate[64 * 1024];

static void on_alternate_handler(int signo)
{
	char here;

	(void)signo;
	_exit(&here >= alternate && &here < alternate + sizeof(alternate) ? 60 : 61);
}

static void use_alternate_stack(int flags)
{
	const stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	const struct sigaction act = {.sa_handler = on_alternate_handler, .sa_flags = flags};

	sigaltstack(&stack, NULL);
	set_action(SIGSEGV, &act);
	fault();
}

static void run_onstack(void)
{
	use_alternate_stack(SA_ONSTACK);
}

static void run_not_onstack(void)
{
	use_alternate_stack(0);
}

static sigjmp_buf jump;

static void jumping_handler(int signo)
{
	(void)signo;
	siglongjmp(jump, 1);
}

static void run_jump(void)
{
	const struct sigaction act = {.sa_handler = jumping_handler, .sa_flags = SA_NODEFER};

	set_action(SIGSEGV, &act);
	for (volatile int i = 0; i < 3; i++) {
		if (!sigsetjmp(jump, !DELIVERY_IS_EXACT))
			fault();
	}
	_exit(70);
}

static int status_of(void (*run)(void), bool guard)
{
	int status;
	pid_t child = fork();

	if (!child) {
		const struct rlimit no_core = {0, 0};
		const struct sigaction by_default = {.sa_handler = SIG_DFL};

		setrlimit(RLIMIT_CORE, &no_core);
		/* The sanitizers' own. */
		sigaction(SIGSEGV, &by_default, NULL);
		if (guard && guard_install())
			_exit(2);
		run();
		_exit(3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status & ~0x80; /* whether it dumped core does not matter */
}

static bool second_was_blocked;

static void look_at_mask(int signo)
{
	sigset_t mask;

	(void)signo;
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	second_was_blocked = sigismember(&mask, SIGUSR2);
}

/* Whether signals that an action asks for are blocked. Under qemu-riscv64 7 they are not. */
static bool masks_of_actions_count(void)
{
	struct sigaction act = {.sa_handler = look_at_mask}, before;

	sigaddset(&act.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &act, &before);
	raise(SIGUSR1);
	sigaction(SIGUSR1, &before, NULL);
	return second_was_blocked;
}

/* Runs before anything is installed in this process, which children would inherit. */
static void faults_of_the_program_go_where_they_went_before(void **state)
{
	const struct {
		void (*run)(void);
		int status;
	} cases[] = {
		{run_default, SIGSEGV}, {run_ignored, SIGSEGV},	    {run_raised, SIGSEGV},
		{run_plain, 40 << 8},	{run_info, 50 << 8},	    {run_resethand, SIGSEGV},
		{run_onstack, 60 << 8}, {run_not_onstack, 61 << 8}, {run_jump, 70 << 8},
	};

	(void)state;
	if (!masks_of_actions_count()) {
		print_message("skipped: the masks of actions do not count here\n");
		skip();
	}
	nowhere = map_pages(1);
	munmap((char *)nowhere, PAGE_SIZE);
	assert_false(guard_installed());
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(status_of(cases[i].run, false), cases[i].status);
		assert_int_equal(status_of(cases[i].run, true), cases[i].status);
	}
}

static void the_programs_action_is_kept_for_it(void **state)
{
	struct sigaction act = {.sa_handler = plain_handler, .sa_flags = SA_NODEFER}, old, kernels;

	(void)state;
	install();
	assert_int_equal(guard_sigaction(SIGBUS, &act, NULL), 0);
	act.sa_handler = SIG_DFL;
	assert_int_equal(guard_sigaction(SIGBUS, &act, &old), 0);
	assert_ptr_equal(old.sa_handler, plain_handler);
	assert_int_equal(old.sa_flags, SA_NODEFER);
	assert_int_equal(guard_sigaction(SIGBUS, NULL, &old), 0);
	assert_ptr_equal(old.sa_handler, SIG_DFL);
	assert_int_equal(sigaction(SIGBUS, NULL, &kernels), 0);
	assert_ptr_not_equal(kernels.sa_handler, SIG_DFL);
}

#if defined(__x86_64__) || defined(__aarch64__)
static int *missing; /* a page behind the end of its file */
static bool could_open;
static int copied = 1;

/* Carries an access of one page out, with a copy that fails. */
static bool answer_with_a_copy(uintptr_t addr, void *context)
{
	sigset_t before;
	char byte;

	(void)addr;
	could_open = guard_open(&before);
	if (could_open) {
		copied = guard_copy(&byte, missing + PAGE_SIZE / sizeof(*missing), 1);
		guard_close(&before);
	}
#ifdef __x86_64__
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2; /* movl %eax, (%rdi) */
#else
	((ucontext_t *)context)->uc_mcontext.pc += 4;
#endif
	return true;
}

static void access_missing(void)
{
#ifdef __x86_64__
	__asm__ volatile("movl %%eax, (%%rdi)" : : "a"(0), "D"(missing) : "memory");
#else
	__asm__ volatile("str wzr, [%0]" : : "r"(missing) : "memory");
#endif
}

static void a_copy_may_fail_in_the_handler_of_an_access(void **state)
{
	FILE *file = tmpfile();

	(void)state;
	install();
	missing = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	assert_ptr_not_equal(missing, MAP_FAILED);
	guard_set_bus_handler(answer_with_a_copy);
	access_missing();
	assert_true(could_open);
	assert_int_equal(copied, -EFAULT);
	access_missing();
	guard_set_bus_handler(NULL);
	munmap(missing, 2 * PAGE_SIZE);
	fclose(file);
}

static void a_small_alternate_stack_has_no_room_for_such_a_copy(void **state)
{
	static char memory[32 * 1024];
	const stack_t small = {.ss_sp = memory, .ss_size = sizeof(memory)};
	const stack_t none = {.ss_flags = SS_DISABLE};
	const struct sigaction on_it = {.sa_handler = SIG_DFL}; /* ours, for that, is */
	struct sigaction former;
	FILE *file = tmpfile();

	(void)state;
	install();
	guard_sigaction(SIGBUS, &on_it, &former);
	missing = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	assert_ptr_not_equal(missing, MAP_FAILED);
	assert_int_equal(sigaltstack(&small, NULL), 0);
	guard_set_bus_handler(answer_with_a_copy);
	access_missing();
	assert_false(could_open);
	guard_set_bus_handler(NULL);
	guard_sigaction(SIGBUS, &former, NULL);
	assert_int_equal(sigaltstack(&none, NULL), 0);
	munmap(missing, 2 * PAGE_SIZE);
	fclose(file);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_of_the_program_go_where_they_went_before),
		cmocka_unit_test(a_copy_of_any_length_copies_just_that),
#if defined(__x86_64__) && !defined(BASE_SANITIZER)
		cmocka_unit_test(a_word_is_written_once),
#endif
		cmocka_unit_test(a_fault_on_either_side_ends_the_copy),
		cmocka_unit_test(a_load_reads_one_word),
		cmocka_unit_test(an_exchange_replaces_what_was_expected),
		cmocka_unit_test(an_atomic_operation_returns_what_was_there),
		cmocka_unit_test(a_fault_ends_an_atomic_operation),
		cmocka_unit_test(a_truncated_file_ends_the_copy),
#if defined(__x86_64__) || defined(__aarch64__)
		cmocka_unit_test(a_copy_may_fail_in_the_handler_of_an_access),
		cmocka_unit_test(a_small_alternate_stack_has_no_room_for_such_a_copy),
#endif
		cmocka_unit_test(threads_fault_independently),
		cmocka_unit_test(the_programs_action_is_kept_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
