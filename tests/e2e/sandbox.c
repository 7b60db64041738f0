/* SPDX-License-Identifier: MIT */
/*
 * A program that confines itself to the system calls named as its arguments, once it has opened its
 * device, as virtual machine monitors do. Everything it does with the device afterwards works. The
 * names are those of docs/run.md (sandbox.sh).
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../examples/edu.h"
/* check.h has its own, for programs that include no more. */
#undef IOMMU_DESTROY
#undef IOMMU_IOAS_ALLOC
#undef IOMMU_IOAS_MAP
#undef IOMMU_IOAS_UNMAP
#include "check.h"

enum {
	LEN = 3 * 4096,
	BAR_BYTES = 1 << 20,
	IDENTIFICATION = 0x010000ed,
	MOST_CALLS = 128,
};

static const struct {
	const char *name;
	unsigned int number;
} calls[] = {
#define CALL(name)                \
	{                         \
#name, SYS_##name \
	}
	CALL(capget),
	CALL(clone),
	CALL(clone3),
	CALL(close),
	CALL(exit),
	CALL(exit_group),
	CALL(fallocate),
	CALL(fcntl),
	CALL(fstat),
	CALL(ftruncate),
	CALL(futex),
	CALL(getpid),
	CALL(gettid),
	CALL(getuid),
	CALL(geteuid),
	CALL(lseek),
	CALL(madvise),
	CALL(membarrier),
	CALL(memfd_create),
	CALL(mmap),
	CALL(mprotect),
	CALL(mremap),
	CALL(munmap),
	CALL(nanosleep),
	CALL(clock_nanosleep),
	CALL(newfstatat),
	CALL(openat),
	CALL(pipe2),
	CALL(poll),
	CALL(ppoll),
	CALL(pread64),
	CALL(prlimit64),
	CALL(process_vm_readv),
	CALL(process_vm_writev),
	CALL(pwrite64),
	CALL(read),
	CALL(readlinkat),
	CALL(rseq),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(rt_tgsigqueueinfo),
	CALL(sched_getaffinity),
	CALL(sched_setaffinity),
	CALL(sched_getparam),
	CALL(sched_getscheduler),
	CALL(eventfd2),
	CALL(dup),
	CALL(sched_setscheduler),
	CALL(sched_yield),
	CALL(set_robust_list),
	CALL(statx),
	CALL(tgkill),
	CALL(write),
};

/* What an ordinary program uses in any case. */
static const char *const own[] = {"close", "exit_group", "read", "write", "poll"};

static struct edu device;
static int iommufd;
static uint32_t ioas;

static void on_refused(int signo, siginfo_t *info, void *context)
{
	char line[64];
	int len =
		snprintf(line, sizeof(line), "system call %d is not permitted\n", info->si_syscall);

	(void)signo, (void)context;
	_exit(write(STDERR_FILENO, line, (size_t)len) < 0 ? 2 : 1);
}

static unsigned int number_of(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	}
	printf("%s is no call that this program knows\n", name);
	exit(1);
}

/* Permits the @count system calls @names, and those of our own. */
static void confine(char *const names[], int count)
{
	struct sock_filter filter[2 * MOST_CALLS + 2] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	const int owned = sizeof(own) / sizeof(own[0]);
	struct sock_fprog program = {.len = 1, .filter = filter};
	const struct sigaction act = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO};

	CHECK(count + owned < MOST_CALLS && sigaction(SIGSYS, &act, NULL) == 0);
	for (int i = 0; i < count + owned; i++) {
		const unsigned int number = number_of(i < count ? names[i] : own[i - count]);

		filter[program.len++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
		filter[program.len++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void open_device(void)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	device.fd = open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC);
	bind.iommufd = iommufd;
	CHECK(ioctl(device.fd, VFIO_DEVICE_BIND_IOMMUFD, &bind) == 0);
	ioas = attach.pt_id = (uint32_t)new_ioas(iommufd);
	CHECK(ioctl(device.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) == 0);
}

static struct mapping map_buffer(void)
{
	struct mapping buffer = allocate(LEN);
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas,
		.user_va = (uintptr_t)buffer.memory,
		.length = LEN,
		.iova = 0x100000,
	};

	/* The device drives 28 bits. */
	while (ioctl(iommufd, IOMMU_IOAS_MAP, &cmd) && errno == EEXIST)
		cmd.iova += 0x100000;
	buffer.iova = cmd.iova;
	return buffer;
}

static void *use_device(void *unused)
{
	struct mapping from = map_buffer(), to = map_buffer();

	memset(from.memory, 7, LEN);
	edu_copy(&device, &from, &to, LEN);
	CHECK(memcmp(from.memory, to.memory, LEN) == 0);
	/* Memory that is taken away from the device, and a bad pointer. */
	CHECK(munmap(from.memory, from.size) == 0);
	CHECK(ioctl(iommufd, IOMMU_IOAS_MAP, (void *)8) == -1 && errno == EFAULT);
	return unused;
}

int main(int argc, char **argv)
{
	volatile uint32_t *bar;
	pthread_t thread;

	open_device();
	edu_start(&device);
	confine(argv + 1, argc - 1);
	use_device(NULL);
	bar = mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, device.fd,
		   (off_t)device.bar);
	CHECK(bar != MAP_FAILED && bar[0] == IDENTIFICATION);
	CHECK(pthread_create(&thread, NULL, use_device, NULL) == 0);
	pthread_join(thread, NULL);
	CHECK(ioctl(device.fd, VFIO_DEVICE_RESET) == 0);
	CHECK(close(device.fd) == 0 && close(iommufd) == 0);
	printf(check_failed ? "failed\n" : "done\n");
	return check_failed;
}
