/* SPDX-License-Identifier: MIT */
/*
 * A statically linked program on an emulated device: it loads no library, so the process that has
 * started it answers its system calls (docs/shared.md). It is also linked dynamically, for a
 * machine that is shared. Arguments make it one of its own helpers.
 */
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"
#include "device.h"

enum {
	PAGE = 4096,
	IOVA = 0x100000,
	THREADS = 100,
	ROUNDS = 20,
	KILLS = 200,
	MAPPERS = 100,
};

static const char *self;

static unsigned char *pages(size_t count, int flags)
{
	return mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
}

/* How a child ended: its exit status, or -1. */
static int end_of(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- names ---- */

static void nodes_are_character_devices(void)
{
	struct stat st;
	int fd = open("/dev/iommu", O_RDWR);

	CHECK(fd >= 0);
	CHECK(stat("/dev/iommu", &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 10);
	CHECK(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 10);
	CHECK(pread(fd, &st, 1, 0) < 0 && errno == EINVAL);
	CHECK(close(fd) == 0);
	CHECK(open("/dev/iommu/", O_RDWR) < 0 && errno == ENOTDIR);
	CHECK(open("/dev/iommu/../iommu", O_RDWR) < 0 && errno == ENOTDIR);
	CHECK(stat("/dev/iommu/x", &st) < 0 && errno == ENOTDIR);
	CHECK(access("/dev/vfio/devices/vfio0", R_OK | W_OK) == 0);
	CHECK(open("/dev/vfio/devices/vfio77", O_RDWR) < 0 && errno == ENOENT);
	CHECK(open("/dev/iommu", O_RDWR | O_CREAT | O_EXCL, 0600) < 0 && errno == EEXIST);
}

/* Nor does the real system get such names. */
static void emulated_names_are_not_changed(void)
{
	struct stat st;

	CHECK(mkdir("/dev/iommu", 0700) < 0 && errno == EEXIST);
	CHECK(mkdir("/dev/vfio/new", 0700) < 0 && errno == EPERM);
	CHECK(symlink("iommu", "/dev/vfio/new") < 0 && errno == EPERM);
	CHECK(unlink("/dev/iommu") < 0 && errno == EPERM);
	CHECK(unlink("/dev/vfio/nothing") < 0 && errno == ENOENT);
	CHECK(rename("/dev/iommu", "/dev/other") < 0 && errno == EBUSY);
	CHECK(rename("/dev/null", "/dev/iommu") < 0 && errno == EBUSY);
	CHECK(stat("/dev/iommu", &st) == 0 && stat("/dev/null", &st) == 0);
}

static void sysfs_is_listed_and_read(void)
{
	char text[64] = "", path[300];
	struct dirent *entry;
	int found = 0, fd;
	DIR *dir = opendir("/sys/bus/pci/devices");

	CHECK(dir);
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, "0000:c1:00.0") != 0)
			continue;
		found++;
		/* By the directory's descriptor, and through the link. */
		snprintf(path, sizeof(path), "%s/vendor", entry->d_name);
		fd = openat(dirfd(dir), path, O_RDONLY);
		CHECK(read(fd, text, sizeof(text) - 1) > 0 && strcmp(text, "0x1234\n") == 0);
		close(fd);
		CHECK(readlinkat(dirfd(dir), entry->d_name, text, sizeof(text)) > 0);
	}
	CHECK(found == 1);
	if (dir)
		closedir(dir);
}

static void the_rest_of_the_system_is_the_kernels(void)
{
	int dev = open("/dev", O_RDONLY | O_DIRECTORY);
	int null = openat(dev, "null", O_WRONLY);
	char byte;

	CHECK(write(null, "x", 1) == 1);
	close(null);
	close(dev);
	null = open("/dev/zero", O_RDONLY);
	CHECK(read(null, &byte, 1) == 1 && byte == 0);
	CHECK(pread(null, &byte, 1, 0) == 1);
	CHECK(ioctl(null, IOMMU_IOAS_ALLOC, &byte) < 0 && errno == ENOTTY);
	close(null);
	CHECK(open("/does/not/exist", O_RDONLY) < 0 && errno == ENOENT);
	CHECK(access("/proc/self/maps", R_OK) == 0);
}

/* ---- a device ---- */

/* Memory space of the command register, as sysfs shows it. */
static char enabled(void)
{
	int fd = open("/sys/bus/pci/devices/0000:c1:00.0/enable", O_RDONLY);
	char state = '?';

	CHECK(read(fd, &state, 1) == 1);
	close(fd);
	return state;
}

static void attributes_show_what_is(void)
{
	CHECK(enabled() == '0');
	set_up();
	CHECK(enabled() == '1');
	tear_down();
	CHECK(enabled() == '0');
}

/* The system knows nothing of pins, so what it shows of a program is completed. */
static void proc_shows_what_is_pinned(void)
{
	char line[256];
	long pinned = -1;
	FILE *status;

	set_up();
	map_scratch();
	status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmPin: %ld kB", &pinned);
	CHECK(pinned == PAGE / 1024);
	if (status)
		(void)fclose(status);
	tear_down();
}

static void registers_dma_and_interrupts_work(void)
{
	struct {
		struct vfio_irq_set set;
		int fd;
	} irq = {.set = {.argsz = sizeof(irq),
			 .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			 .index = VFIO_PCI_MSI_IRQ_INDEX,
			 .count = 1}};
	unsigned char *memory = pages(2, MAP_PRIVATE);
	uint32_t id = 0;
	uint64_t count = 0;

	set_up();
	CHECK(pread(device, &id, 4, (off_t)registers) == 4 && id == 0x010000ed);
	irq.fd = eventfd(0, EFD_NONBLOCK);
	CHECK(ioctl(device, VFIO_DEVICE_SET_IRQS, &irq) == 0);
	strcpy((char *)memory, "through the device");
	CHECK(map(memory, 2 * PAGE, IOVA) == 0);
	transfer(IOVA, EDU_MEMORY, 32);
	transfer(EDU_MEMORY, IOVA + PAGE, 32);
	CHECK(strcmp((char *)memory + PAGE, "through the device") == 0);
	/* The same with an interrupt at the end. */
	set_register(0x80, IOVA);
	set_register(0x88, EDU_MEMORY);
	set_register(0x90, 4);
	set_register(0x98, 1 | 4);
	for (int i = 0; i < 5000 && read(irq.fd, &count, sizeof(count)) < 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	CHECK(count == 1);
	CHECK(unmap(2 * PAGE, IOVA) == 0);
	tear_down();
	close(irq.fd);
	munmap(memory, 2 * PAGE);
}

static void dma_reaches_shared_memory_and_files(void)
{
	unsigned char *shared = pages(1, MAP_SHARED);
	int fd = memfd_create("guest", 0);
	unsigned char byte = 0;

	set_up();
	map_scratch();
	CHECK(ftruncate(fd, PAGE) == 0);
	CHECK(map(shared, PAGE, IOVA) == 0 && map_file(fd, PAGE, IOVA + PAGE) == 0);
	dma_write(IOVA, 0x11);
	CHECK(shared[0] == 0x11);
	dma_write(IOVA + PAGE, 0x22);
	CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 0x22);
	tear_down();
	close(fd);
	munmap(shared, PAGE);
}

static long drop(int pidfd, void *at)
{
	const struct iovec page = {.iov_base = at, .iov_len = PAGE};

	return syscall(440, pidfd, &page, 1, MADV_DONTNEED, 0); /* process_madvise() */
}

static void process_madvise_that_drops_pinned_pages_is_EINVAL(void)
{
	int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
	unsigned char *memory = pages(1, MAP_PRIVATE);

	set_up();
	map_scratch();
	memory[0] = 7;
	CHECK(map(memory, PAGE, IOVA) == 0);
	CHECK(drop(process, memory) < 0 && errno == EINVAL && memory[0] == 7);
	CHECK(dma_read(IOVA) == 7);
	CHECK(unmap(PAGE, IOVA) == 0);
	/* Whether it may is the kernel's. */
	CHECK(drop(process, memory) < 0 ? memory[0] == 7 : memory[0] == 0);
	close(process);
	munmap(memory, PAGE);
	tear_down();
}

static void bad_memory_is_EFAULT_and_faults(void)
{
	unsigned char *memory = pages(3, MAP_PRIVATE);

	set_up();
	map_scratch();
	munmap(memory + 2 * PAGE, PAGE);
	mprotect(memory, PAGE, PROT_READ);
	CHECK(map(memory, PAGE, IOVA) < 0 && errno == EFAULT);
	CHECK(map(memory + PAGE, 2 * PAGE, IOVA) < 0 && errno == EFAULT);
	CHECK(ioctl(context, IOMMU_IOAS_ALLOC, memory + 2 * PAGE) < 0 && errno == EFAULT);
	CHECK(ioctl(context, IOMMU_IOAS_ALLOC, memory + 2 * PAGE - 2) < 0 && errno == EFAULT);
	CHECK(pread(device, memory, 4, (off_t)registers) < 0 && errno == EFAULT);
	CHECK(map(memory + PAGE, PAGE, IOVA) == 0);
	memory[PAGE] = 7;
	CHECK(dma_read(IOVA) == 7);
	CHECK(dma_read(IOVA + PAGE) == -1);
	tear_down();
	munmap(memory, 2 * PAGE);
}

static void memory_that_is_only_written_is_pinned(void)
{
	unsigned char *memory = pages(1, MAP_PRIVATE);

	set_up();
	map_scratch();
	CHECK(mprotect(memory, PAGE, PROT_WRITE) == 0 && map(memory, PAGE, IOVA) == 0);
	dma_write(IOVA, 9);
	CHECK(dma_read(IOVA) == 9);
	CHECK(mprotect(memory, PAGE, PROT_READ) == 0 && memory[0] == 9);
	tear_down();
	munmap(memory, PAGE);
}

/* The register that shows the complement of what was written to it. */
enum {
	COMPLEMENT = 1
};

static bool registers_answer(volatile uint32_t *bar)
{
	bar[COMPLEMENT] = 0x1234;
	return bar[0] == 0x010000ed && bar[COMPLEMENT] == ~UINT32_C(0x1234);
}

static void *map_registers(int prot, int flags, uint64_t from)
{
	return mmap(NULL, PAGE, prot, flags, device, (off_t)(registers + from));
}

static void *answer_in_thread(void *bar)
{
	return registers_answer(bar) ? bar : NULL;
}

/* A parent that asks only when the system has told it of the end. */
static bool end_is_seen_at_once(pid_t pid)
{
	struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	int status = 0;
	bool seen = end.fd >= 0 && poll(&end, 1, -1) == 1 && waitpid(pid, &status, WNOHANG) == pid;

	close(end.fd);
	if (!seen)
		waitpid(pid, &status, 0);
	return seen && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void the_end_of_a_child_that_has_mapped_a_device_is_seen_at_once(void)
{
	int missed = 0;

	set_up();
	for (int i = 0; i < MAPPERS; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(map_registers(PROT_READ, MAP_SHARED, 0) == MAP_FAILED);
		missed += !end_is_seen_at_once(pid);
	}
	CHECK(missed == 0);
	tear_down();
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* It gets no descriptor for the mapping, either. */
static bool maps_nothing(void)
{
	const int before = count_descriptors();

	return map_registers(PROT_READ, MAP_SHARED, 0) == MAP_FAILED && errno == ENODEV &&
	       count_descriptors() == before;
}

/* What maps a device is traced by the server. */
static void a_program_that_a_debugger_traces_maps_no_device(void)
{
	pid_t pid;

	set_up();
	pid = fork();
	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) || !maps_nothing());
	CHECK(end_of(pid) == 0);
	tear_down();
}

static void mapped_registers_are_the_devices(void)
{
	void *bar, *answered = NULL;
	pthread_t thread;
	int status;
	pid_t pid;

	set_up();
	CHECK(map_registers(PROT_READ, MAP_PRIVATE, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(map_registers(PROT_READ, MAP_SHARED, UINT64_C(1) << 32) == MAP_FAILED &&
	      errno == EINVAL);
	bar = map_registers(PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	CHECK(bar != MAP_FAILED);
	if (bar == MAP_FAILED)
		return;
	CHECK(registers_answer(bar));
	pthread_create(&thread, NULL, answer_in_thread, bar);
	pthread_join(thread, &answered);
	CHECK(answered == bar);
	pid = fork();
	if (pid == 0)
		_exit(!registers_answer(bar));
	CHECK(end_of(pid) == 0);
	/* Memory without access is a fault of the program's, as ever. */
	pid = fork();
	if (pid == 0) {
		mprotect(bar, PAGE, PROT_NONE);
		_exit(registers_answer(bar));
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	      WTERMSIG(status) == SIGSEGV);
	/* The mapping keeps the device open. */
	close(device);
	CHECK(registers_answer(bar));
	munmap(bar, PAGE);
	close(context);
	set_up();
	tear_down();
}

static void what_is_closed_is_closed_at_once(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int copy;

		set_up();
		copy = dup(device);
		tear_down();
		close(copy);
	}
}

/* ---- processes and threads ---- */

static void a_child_works_on_its_parents_context(void)
{
	int child_ioas;
	int status;
	pid_t pid;

	set_up();
	map_scratch();
	pid = fork();
	if (pid == 0) {
		/* Its own memory, by an IOVA of the machine that it shares. */
		unsigned char *memory = pages(1, MAP_PRIVATE);

		memory[0] = 0x33;
		_exit(map(memory, PAGE, IOVA) == 0 ? new_ioas(context) : 0);
	}
	status = end_of(pid);
	child_ioas = new_ioas(context);
	CHECK(status > 0 && child_ioas == status + 1);
	/* The mapping is there, and so is the memory that it pins. */
	CHECK(map(scratch(), PAGE, IOVA) < 0 && errno == EEXIST);
	CHECK(dma_read(IOVA) == 0x33);
	tear_down();
}

static void shared_memory_of_a_child_that_has_exited_is_its_parents(void)
{
	unsigned char *memory = pages(2, MAP_SHARED);
	int status;
	pid_t pid;

	set_up();
	map_scratch();
	pid = fork();
	if (pid == 0)
		_exit(map(memory + PAGE, PAGE, IOVA) != 0);
	status = end_of(pid);
	memory[PAGE] = 0x44;
	CHECK(status == 0 && dma_read(IOVA) == 0x44);
	tear_down();
	munmap(memory, (size_t)2 * PAGE);
}

static void memory_of_a_program_that_was_killed_is_a_fault(void)
{
	int status;
	pid_t pid;

	set_up();
	map_scratch();
	pid = fork();
	if (pid == 0) {
		map(pages(1, MAP_PRIVATE), PAGE, IOVA);
		raise(SIGKILL);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	CHECK(map(scratch(), PAGE, IOVA) < 0 && errno == EEXIST);
	CHECK(dma_read(IOVA) == -1);
	tear_down();
}

static void *map_and_unmap(void *arg)
{
	const uint64_t iova = IOVA + (uint64_t)(uintptr_t)arg * PAGE;
	unsigned char *memory = pages(1, MAP_PRIVATE);
	long failures = 0;

	for (int i = 0; i < ROUNDS; i++)
		failures += map(memory, PAGE, iova) != 0 || unmap(PAGE, iova) != 0;
	munmap(memory, PAGE);
	return (void *)failures;
}

static void a_hundred_threads_work_at_once(void)
{
	pthread_t threads[THREADS];
	void *failures;

	set_up();
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, map_and_unmap, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], &failures) == 0 && !failures);
	tear_down();
}

static int send_fd(int channel, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = "", byte = 0;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fd)),
				   .cmsg_level = SOL_SOCKET,
				   .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(channel, &message, 0) == 1 ? 0 : -1;
}

static int receive_fd(int channel)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(channel, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* As a program of its own: takes a context from the socket that is its input. */
static int receiver(void)
{
	int fd = receive_fd(STDIN_FILENO);

	return fd >= 0 ? new_ioas(fd) : 0;
}

static void a_descriptor_in_flight_keeps_its_file(void)
{
	int sockets[2];
	int fd, id;
	pid_t pid;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(sockets[1], STDIN_FILENO);
		execl(self, self, "receiver", (char *)NULL);
		_exit(0);
	}
	fd = open("/dev/iommu", O_RDWR);
	id = new_ioas(fd);
	CHECK(send_fd(sockets[0], fd) == 0);
	close(fd);
	CHECK(end_of(pid) == id + 1);
	close(sockets[0]);
	close(sockets[1]);
}

static void an_open_descriptor_survives_exec(void)
{
	int fd = open("/dev/iommu", O_RDWR);
	char number[16];
	pid_t pid;
	int id = new_ioas(fd);

	snprintf(number, sizeof(number), "%d", fd);
	pid = fork();
	if (pid == 0) {
		execl(self, self, "inherited", number, (char *)NULL);
		_exit(0);
	}
	CHECK(end_of(pid) == id + 1);
	CHECK(new_ioas(fd) == id + 2);
	close(fd);
}

/* Not a test of what a dynamic program sees: it has the preload, and its own machine. */
static void a_dynamic_program_runs_and_starts_a_static_one(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "test -c /dev/iommu && exec \"$0\" opens", self,
		      (char *)NULL);
		_exit(1);
	}
	CHECK(end_of(pid) == 0);
}

static void one_that_is_killed_leaves_nothing(void)
{
	int failures = 0;

	for (int i = 0; i < KILLS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			unsigned char *memory = pages(16, MAP_PRIVATE);

			set_up();
			for (;;) {
				if (map(memory, 16 * PAGE, IOVA))
					_exit(1);
				transfer(IOVA, EDU_MEMORY, 64);
				unmap(16 * PAGE, IOVA);
			}
		}
		nanosleep(&(struct timespec){.tv_nsec = 20000L * (i % 100)}, NULL);
		kill(pid, SIGKILL);
		failures += end_of(pid) != -1;
	}
	CHECK(failures == 0);
	set_up(); /* the device is free */
	tear_down();
}

static void do_nothing(int signo)
{
	(void)signo;
}

static void a_call_that_a_signal_interrupts_is_made_once(void)
{
	const struct sigaction act = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
	const struct itimerspec often = {{0, 100000}, {0, 100000}};
	int fd = open("/dev/iommu", O_RDWR);
	int first = new_ioas(fd);
	timer_t timer;

	sigaction(SIGALRM, &act, NULL);
	CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0);
	timer_settime(timer, 0, &often, NULL);
	for (int i = 1; i <= 500; i++)
		CHECK(new_ioas(fd) == first + i);
	timer_delete(timer);
	close(fd);
}

static void limits_are_the_programs(void)
{
	unsigned char *memory = pages(4, MAP_PRIVATE);
	const struct rlimit none = {0, 0};
	pid_t pid;

	set_up();
	pid = fork();
	if (pid == 0) {
		if (setrlimit(RLIMIT_MEMLOCK, &none) || (getuid() == 0 && setuid(65534)))
			_exit(2);
		_exit(map(memory, PAGE, IOVA) < 0 && errno == ENOMEM ? 0 : 1);
	}
	CHECK(end_of(pid) == 0);
	tear_down();
	munmap(memory, 4 * PAGE);
}

int main(int argc, char **argv)
{
	const struct check_test tests[] = {
		TEST(nodes_are_character_devices),
		TEST(emulated_names_are_not_changed),
		TEST(sysfs_is_listed_and_read),
		TEST(the_rest_of_the_system_is_the_kernels),
		TEST(attributes_show_what_is),
		TEST(proc_shows_what_is_pinned),
		TEST(registers_dma_and_interrupts_work),
		TEST(dma_reaches_shared_memory_and_files),
		TEST(process_madvise_that_drops_pinned_pages_is_EINVAL),
		TEST(bad_memory_is_EFAULT_and_faults),
		TEST(memory_that_is_only_written_is_pinned),
		TEST(a_program_that_a_debugger_traces_maps_no_device),
		TEST(the_end_of_a_child_that_has_mapped_a_device_is_seen_at_once),
		TEST(mapped_registers_are_the_devices),
		TEST(what_is_closed_is_closed_at_once),
		TEST(a_child_works_on_its_parents_context),
		TEST(shared_memory_of_a_child_that_has_exited_is_its_parents),
		TEST(memory_of_a_program_that_was_killed_is_a_fault),
		TEST(a_hundred_threads_work_at_once),
		TEST(a_descriptor_in_flight_keeps_its_file),
		TEST(an_open_descriptor_survives_exec),
		TEST(a_dynamic_program_runs_and_starts_a_static_one),
		TEST(one_that_is_killed_leaves_nothing),
		TEST(a_call_that_a_signal_interrupts_is_made_once),
		TEST(limits_are_the_programs),
	};

	self = argv[0];
	if (argc == 2 && strcmp(argv[1], "receiver") == 0)
		return receiver();
	if (argc == 2 && strcmp(argv[1], "opens") == 0)
		return new_ioas(open("/dev/iommu", O_RDWR)) < 0;
	if (argc == 3)
		return new_ioas(atoi(argv[2]));
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
