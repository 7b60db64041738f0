/* SPDX-License-Identifier: MIT */
/*
 * A program that takes things away from itself: descriptors, memory, the right to make processes
 * and system calls, its stack. Calls may then fail, with the kernel's errno for it, and work again
 * as soon as they can.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/page.h"
#include "check.h"

enum {
	MAP_RW = 6,
	FEW_DESCRIPTORS = 8,
};

static int map(int iommu, int ioas, void *memory, uint64_t length)
{
	struct ioas_map cmd = {.size = sizeof(cmd),
			       .flags = MAP_RW,
			       .ioas_id = (uint32_t)ioas,
			       .user_va = (uintptr_t)memory,
			       .length = length};

	return ioctl(iommu, IOMMU_IOAS_MAP, &cmd);
}

static void *new_memory(size_t len)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

/* All that a program needs works. */
static void all_works(void)
{
	void *memory = new_memory(PAGE);
	int iommu = open("/dev/iommu", O_RDWR), ioas = new_ioas(iommu);

	CHECK(iommu >= 0);
	CHECK(ioas > 0);
	CHECK(map(iommu, ioas, memory, PAGE) == 0);
	CHECK(close(iommu) == 0);
	munmap(memory, PAGE);
}

/* Runs @body in a child, which takes things away for ever. */
static void in_child(void (*body)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		check_failed = false;
		body();
		_exit(check_failed);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- descriptors ---- */

static void use_few_descriptors(void)
{
	const struct rlimit few = {FEW_DESCRIPTORS, FEW_DESCRIPTORS};
	int fds[FEW_DESCRIPTORS], count = 0;

	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	for (int i = 0; i < 2 * FEW_DESCRIPTORS; i++) {
		int fd = open("/dev/iommu", O_RDWR);

		if (fd < 0) {
			CHECK(errno == EMFILE);
			continue;
		}
		CHECK(fd < FEW_DESCRIPTORS);
		CHECK(new_ioas(fd) == 1);
		fds[count++] = fd;
	}
	CHECK(count >= 1 && count <= FEW_DESCRIPTORS - 3);
	while (count)
		CHECK(close(fds[--count]) == 0);
	all_works();
}

static void few_descriptors_are_enough(void)
{
	in_child(use_few_descriptors);
}

static void all_descriptors_are_closed_at_once(void)
{
	int iommu = open("/dev/iommu", O_RDWR);

	CHECK(new_ioas(iommu) == 1);
	CHECK(syscall(SYS_close_range, 3, UINT_MAX, 0) == 0); /* past the C library */
	CHECK(new_ioas(iommu) == 2 || errno == EBADF);
	close(iommu);
	all_works();
	iommu = open("/dev/iommu", O_RDWR);
	CHECK(close_range(3, UINT_MAX, 0) == 0);
	CHECK(new_ioas(iommu) == -1 && errno == EBADF);
	all_works();
}

/* What another file is put over is closed; what is put over another file is there. */
static void descriptors_are_put_over_each_other(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < FEW_DESCRIPTORS; i++) {
		int iommu = open("/dev/iommu", O_RDWR);

		CHECK(dup2(null, iommu) == iommu);
		CHECK(new_ioas(iommu) == -1 && errno == ENOTTY);
		CHECK(write(iommu, "x", 1) == 1);
		CHECK(close(iommu) == 0);
		iommu = open("/dev/iommu", O_RDWR);
		CHECK(dup2(iommu, null) == null);
		CHECK(new_ioas(null) == 1);
		CHECK(new_ioas(iommu) == 2);
		CHECK(close(iommu) == 0);
		CHECK(dup3(null, null, 0) == -1 && errno == EINVAL);
		CHECK(new_ioas(null) == 3);
		close(null);
		null = open("/dev/null", O_RDWR);
	}
	close(null);
	all_works();
}

#define VFIO_SET_IRQS	  0x3b6e
#define VFIO_BIND_IOMMUFD 0x3b76

enum {
	EVENTFD_TRIGGER = 36,
	NONE_TRIGGER = 33,
	VICTIMS = 10,
};

static int open_device(void)
{
	DIR *dir = opendir("/dev/vfio/devices");
	struct dirent *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			fd = openat(dirfd(dir), entry->d_name, O_RDWR);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/*
 * The device's interrupt goes to its eventfd, and not to the file that has got a number that the
 * program closed blindly.
 */
static void closing_numbers_of_nobody_harms_nothing(void)
{
	const int iommu = open("/dev/iommu", O_RDWR), device = open_device();
	const int event = eventfd(0, EFD_NONBLOCK);
	const uint32_t bind[4] = {sizeof(bind), 0, (uint32_t)iommu};
	const uint32_t set[6] = {sizeof(set), EVENTFD_TRIGGER, 1, 0, 1, (uint32_t)event};
	const uint32_t trigger[5] = {sizeof(trigger), NONE_TRIGGER, 1, 0, 1};
	int victims[VICTIMS];
	uint64_t count = 0;

	CHECK(ioctl(device, VFIO_BIND_IOMMUFD, bind) == 0);
	CHECK(ioctl(device, VFIO_SET_IRQS, set) == 0);
	for (int fd = 3; fd < 64; fd++) {
		if (fd != iommu && fd != device && fd != event)
			close(fd);
	}
	for (int i = 0; i < VICTIMS; i++)
		victims[i] = memfd_create("victim", 0);
	CHECK(ioctl(device, VFIO_SET_IRQS, trigger) == 0);
	CHECK(read(event, &count, sizeof(count)) == sizeof(count) && count == 1);
	for (int i = 0; i < VICTIMS; i++) {
		CHECK(lseek(victims[i], 0, SEEK_END) == 0);
		close(victims[i]);
	}
	close(device);
	close(iommu);
	close(event);
}

/* ---- memory ---- */

static void use_little_memory(void)
{
	struct rlimit limit;
	int iommu = open("/dev/iommu", O_RDWR), ioas = new_ioas(iommu);
	void *memory = new_memory(PAGE);

	/* No more than there is. */
	limit = (struct rlimit){PAGE, PAGE};
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (int i = 0; i < PAGE; i++) {
		if (map(iommu, ioas, memory, PAGE))
			CHECK(errno == ENOMEM);
		if (new_ioas(iommu) < 0)
			CHECK(errno == ENOMEM);
	}
	CHECK(close(iommu) == 0);
	if (open("/dev/iommu", O_RDWR) < 0)
		CHECK(errno == ENOMEM || errno == ENFILE || errno == ENODEV);
}

static void calls_fail_without_memory(void)
{
	all_works();
	in_child(use_little_memory);
}

static void *use_on_small_stack(void *unused)
{
	all_works();
	return unused;
}

static void the_smallest_stack_is_enough(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	CHECK(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN) == 0);
	CHECK(pthread_create(&thread, &attr, use_on_small_stack, NULL) == 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
}

static int stack_iommu;

static void use_on_signal_stack(int signo)
{
	(void)signo;
	CHECK(new_ioas(stack_iommu) > 0);
}

static void a_signal_stack_is_enough(void)
{
	struct sigaction act = {.sa_handler = use_on_signal_stack, .sa_flags = SA_ONSTACK};
	const size_t size = 16384; /* SIGSTKSZ, as it was a constant, twice */
	stack_t stack = {.ss_sp = new_memory(size), .ss_size = size},
		none = {.ss_flags = SS_DISABLE};

	stack_iommu = open("/dev/iommu", O_RDWR);
	CHECK(sigaltstack(&stack, NULL) == 0);
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	raise(SIGUSR1);
	CHECK(sigaltstack(&none, NULL) == 0);
	CHECK(new_ioas(stack_iommu) == 2);
	signal(SIGUSR1, SIG_DFL);
	close(stack_iommu);
	munmap(stack.ss_sp, size);
}

/* ---- processes ---- */

static void use_no_threads(void)
{
	const struct rlimit none = {0, 0};

	CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
	all_works();
}

static void no_thread_can_be_made(void)
{
	in_child(use_no_threads);
}

static void a_child_of_vfork_leaves_all_as_it_is(void)
{
	int iommu = open("/dev/iommu", O_RDWR), status;
	struct sigaction act;
	pid_t pid;

	signal(SIGUSR1, use_on_signal_stack);
	pid = vfork();
	if (pid == 0) {
		signal(SIGUSR1, SIG_DFL);
		close(iommu);
		close_range(3, UINT_MAX, 0);
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(new_ioas(iommu) == 1);
	CHECK(sigaction(SIGUSR1, NULL, &act) == 0 && act.sa_handler == use_on_signal_stack);
	CHECK(!(act.sa_flags & SA_SIGINFO));
	signal(SIGUSR1, SIG_DFL);
	CHECK(close(iommu) == 0);
}

/* ---- system calls ---- */

/* From now on @number fails with EPERM. */
static void forbid(long number)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]),
					   .filter = filter};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void use_a_sandbox(void)
{
	static const long numbers[] = {SYS_process_vm_readv, SYS_process_vm_writev, SYS_madvise,
				       SYS_memfd_create,     SYS_rt_tgsigqueueinfo, SYS_socket};
	struct ioas_alloc *cmd = new_memory(PAGE);
	int iommu = open("/dev/iommu", O_RDWR);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		forbid(numbers[i]);
	cmd->size = sizeof(*cmd);
	CHECK(ioctl(iommu, IOMMU_IOAS_ALLOC, cmd) == 0 && cmd->out_ioas_id == 1);
	CHECK(ioctl(iommu, IOMMU_IOAS_ALLOC, (void *)8) == -1 && errno == EFAULT);
	CHECK(new_ioas(iommu) == 2);
	CHECK(map(iommu, 1, cmd, PAGE) == 0 || errno == EFAULT || errno == EPERM);
	CHECK(close(iommu) == 0);
}

static void a_sandbox_does_not_break_calls(void)
{
	in_child(use_a_sandbox);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(few_descriptors_are_enough),
		TEST(all_descriptors_are_closed_at_once),
		TEST(descriptors_are_put_over_each_other),
		TEST(closing_numbers_of_nobody_harms_nothing),
		TEST(calls_fail_without_memory),
		TEST(the_smallest_stack_is_enough),
		TEST(a_signal_stack_is_enough),
		TEST(no_thread_can_be_made),
		TEST(a_child_of_vfork_leaves_all_as_it_is),
		TEST(a_sandbox_does_not_break_calls),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
