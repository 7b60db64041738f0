/* SPDX-License-Identifier: MIT */
/*
 * A program that confines itself to the system calls named as its arguments, once it has opened its
 * device, as virtual machine monitors do; or, with the arguments --root DIRECTORY, to that.
 * Everything it does with the device afterwards works. The names are those of docs/run.md
 * (sandbox.sh). With the argument --paths it permits itself to open nothing before it opens them.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
	COMPLEMENT = 0x4, /* registers */
	RAISE_INTERRUPT = 0x60,
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
	CALL(epoll_create1),
	CALL(epoll_ctl),
	CALL(epoll_pwait),
	CALL(fstatfs),
	CALL(msync),
	CALL(pkey_mprotect),
	CALL(preadv2),
	CALL(shmdt),
	CALL(socketpair),
	CALL(wait4),
	CALL(sched_setscheduler),
	CALL(sched_yield),
	CALL(set_robust_list),
	CALL(statx),
	CALL(tgkill),
	CALL(write),
};

/* What an ordinary program uses in any case. */
static const char *const own[] = {"close", "exit_group", "read", "write", "poll", "wait4", "shmdt"};

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

static void change_root(const char *empty)
{
	CHECK(chroot(empty) == 0 && chdir("/") == 0);
	CHECK(access("/proc", F_OK) < 0);
}

/* Landlock, which headers and kernels may lack: only /proc and /dev/null can be opened. */
static void confine_paths(void)
{
	enum {
		CREATE_RULESET = 444,
		ADD_RULE,
		RESTRICT_SELF,
		PATH_BENEATH = 1,
	};
	const uint64_t handled = 0x1fff, reads_and_writes = 0xe;
	struct {
		uint64_t rights;
		int32_t fd;
	} __attribute__((packed)) rule = {.rights = reads_and_writes};
	int ruleset = (int)syscall(CREATE_RULESET, &handled, sizeof(handled), 0);

	if (ruleset < 0)
		return;
	rule.fd = open("/proc", O_PATH | O_CLOEXEC);
	CHECK(syscall(ADD_RULE, ruleset, PATH_BENEATH, &rule, 0) == 0);
	rule.fd = open("/dev/null", O_PATH | O_CLOEXEC);
	rule.rights &= ~UINT64_C(8); /* it is no directory */
	CHECK(syscall(ADD_RULE, ruleset, PATH_BENEATH, &rule, 0) == 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(syscall(RESTRICT_SELF, ruleset, 0) == 0);
	CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
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

static int set_interrupts(int fd)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} irqs = {.set = {.argsz = sizeof(irqs),
			  .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			  .index = VFIO_PCI_MSI_IRQ_INDEX,
			  .count = 1},
		  .fd = fd};

	return ioctl(device.fd, VFIO_DEVICE_SET_IRQS, &irqs.set);
}

/* As a virtual machine monitor does when the guest enables them. */
static void use_interrupts(int event, int file)
{
	const uint32_t interrupt = 1;
	uint64_t count = 0;

	CHECK(set_interrupts(file) < 0 && errno == EINVAL);
	CHECK(set_interrupts(event) == 0);
	CHECK(pwrite(device.fd, &interrupt, 4, (off_t)device.bar + RAISE_INTERRUPT) == 4);
	CHECK(read(event, &count, sizeof(count)) == sizeof(count) && count == 1);
}

/* A doorbell that an eventfd rings. */
static void use_doorbell(int event)
{
	struct vfio_device_ioeventfd cmd = {.argsz = sizeof(cmd),
					    .flags = VFIO_DEVICE_IOEVENTFD_32,
					    .offset = device.bar + COMPLEMENT,
					    .data = 0x1234,
					    .fd = event};
	const uint64_t one = 1;
	uint32_t value = 0;

	CHECK(ioctl(device.fd, VFIO_DEVICE_IOEVENTFD, &cmd) == 0);
	CHECK(write(event, &one, sizeof(one)) == sizeof(one));
	while (value != ~UINT32_C(0x1234)) {
		CHECK(pread(device.fd, &value, 4, (off_t)(device.bar + COMPLEMENT)) == 4);
		sched_yield();
	}
	cmd.fd = -1;
	CHECK(ioctl(device.fd, VFIO_DEVICE_IOEVENTFD, &cmd) == 0);
}

/* A file, an event queue, and memory that moves and is taken away. */
static void use_objects(int file, char *segment)
{
	struct mapping buffer = map_buffer();
	struct iommu_ioas_map_file map = {.size = sizeof(map),
					  .flags = IOMMU_IOAS_MAP_READABLE,
					  .ioas_id = ioas,
					  .fd = file,
					  .length = 4096};
	struct iommu_ioas_map from_segment = {.size = sizeof(from_segment),
					      .flags = IOMMU_IOAS_MAP_READABLE,
					      .ioas_id = ioas,
					      .user_va = (uintptr_t)segment,
					      .length = 4096};
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};

	CHECK(ioctl(iommufd, IOMMU_IOAS_MAP_FILE, &map) == 0);
	CHECK(ftruncate(file, 0) == 0);
	CHECK(ioctl(iommufd, IOMMU_FAULT_QUEUE_ALLOC, &queue) == 0);
	CHECK(close((int)queue.out_fault_fd) == 0);
	CHECK(mremap(buffer.memory, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
		     (char *)allocate(LEN).memory) != MAP_FAILED);
	CHECK(ioctl(iommufd, IOMMU_IOAS_MAP, &from_segment) == 0 && shmdt(segment) == 0);
}

/* What the device reads of @page's first byte, and writes there, while the program may not. */
static void use_forbidden_memory(void)
{
	struct mapping from = map_buffer(), to = map_buffer();

	from.memory[0] = 5;
	CHECK(mprotect(from.memory, LEN, PROT_NONE) == 0 &&
	      mprotect(to.memory, LEN, PROT_READ) == 0);
	edu_copy(&device, &from, &to, LEN);
	CHECK(to.memory[0] == 5);
}

static void use_child(void)
{
	uint32_t value = 0;
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(pread(device.fd, &value, 4, (off_t)device.bar) != 4 ||
		      value != IDENTIFICATION);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(int argc, char **argv)
{
	volatile uint32_t *bar;
	pthread_t thread;
	int event, file, memory;
	char *segment;
	int id;

	if (argc == 2 && strcmp(argv[1], "--paths") == 0)
		confine_paths();
	open_device();
	edu_start(&device);
	event = eventfd(0, EFD_CLOEXEC);
	file = open("/dev/null", O_RDWR | O_CLOEXEC);
	memory = memfd_create("memory", MFD_CLOEXEC);
	CHECK(ftruncate(memory, LEN) == 0);
	id = shmget(IPC_PRIVATE, LEN, 0600);
	segment = shmat(id, NULL, 0);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	if (argc == 3 && strcmp(argv[1], "--root") == 0)
		change_root(argv[2]);
	else if (argc != 2)
		confine(argv + 1, argc - 1);
	use_device(NULL);
	use_doorbell(event);
	use_objects(memory, segment);
	use_forbidden_memory();
	use_child();
	bar = mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, device.fd,
		   (off_t)device.bar);
	CHECK(bar != MAP_FAILED && bar[0] == IDENTIFICATION);
	CHECK(pthread_create(&thread, NULL, use_device, NULL) == 0);
	pthread_join(thread, NULL);
	use_interrupts(event, file);
	CHECK(ioctl(device.fd, VFIO_DEVICE_RESET) == 0);
	CHECK(close(device.fd) == 0 && close(iommufd) == 0);
	printf(check_failed ? "failed\n" : "done\n");
	return check_failed;
}
