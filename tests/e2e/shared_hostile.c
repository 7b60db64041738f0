/* SPDX-License-Identifier: MIT */
/*
 * A hostile program on a shared machine, beside one that works. It makes calls with whatever
 * arguments, on descriptors of every kind, while other threads of it change what the server copies,
 * and the memory through which its calls go; and it writes to the sockets behind its descriptors.
 * It cannot stop the server, read memory of the other that is not mapped, nor make the server keep
 * memory or descriptors.
 *
 * Needs two edu devices; the second is the hostile one's. Arguments: how many calls, and a seed.
 */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"
#include "device.h"
#include "shared_rig.h"
#include "shared_slots.h"

enum {
	PAGE = 4096,
	PAGES = 16,
	IOVA = 0x100000,
	TAKEN_IOVA = 0x800000,
	KINDS = 13,
	TURNS = 4,	/* programs, one after the other */
	CHANGERS = 2,	/* threads that change what is copied */
	SLACK = 1200,	/* descriptors: the server remembers that many threads */
	GROWTH = 32768, /* KiB that the server may grow from the second turn to the last */
	SECRET = 0x5e,
	SCRIBBLERS = 3, /* threads that change the slots of its calls, mostly their own */
	SPOILT = 3,
};

static long calls = 2000;
static long *made; /* of them, by the one that runs; shared with it */

/* ---- the hostile one ---- */

static unsigned char *memory; /* PAGES, and nothing behind them */
static int fds[KINDS];

static void *change(void *unused)
{
	uint64_t mine = random_state;

	for (;;) {
		mine = mine * UINT64_C(6364136223846793005) + 1;
		((volatile uint32_t *)memory)[mine >> 60] = (uint32_t)(mine >> 40) & 0xff;
	}
	return unused;
}

/* A call that the thread of @slot has not made, in a state that need not fit. */
static void write_call(struct call_slot *slot, uint64_t random)
{
	static const int64_t numbers[] = {SYS_ioctl, SYS_pread64, SYS_pwrite64, SYS_munmap, -1};

	slot->number = numbers[random % 5];
	slot->args[0] = (uint64_t)fds[(random >> 3) % KINDS];
	slot->args[1] = slot->number == SYS_ioctl ? 0x3b60 + (random >> 8) % 0xa0
						  : (uintptr_t)memory;
	slot->args[2] = random & 1 << 16 ? (uintptr_t)memory : random;
	slot->args[3] = random >> 40;
	atomic_store(&slot->state, random & 3 << 20 ? SLOT_ASKED : (uint32_t)random);
	(void)syscall(SYS_futex, &slot->state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* The first slot is that of the thread that makes calls, and goes on late if its state is lost. */
static void spoil(struct call_slot *slots, uint64_t random)
{
	struct call_slot *slot = &slots[(random >> 32) % 65536 ? 1 + random % SPOILT : 0];

	switch ((random >> 8) % 16) {
	case 0:
		/* Whoever waits there sleeps on elsewhere. */
		(void)syscall(SYS_futex, &slot->state, FUTEX_REQUEUE, 0, 1, &slots[60].state, 0);
		break;
	case 1:
		if ((random >> 16) % 65536 == 0)
			(void)madvise(slots, SLOT_FILE, MADV_REMOVE);
		break;
	case 2:
		atomic_fetch_xor(&slot->state, 1u << random % 32);
		break;
	case 3:
		((volatile uint64_t *)slot)[(random >> 20) % 9] = random;
		break;
	case 4:
		/* The thread that the slot belongs to may wait for this. */
		atomic_store(&slot->state, SLOT_IDLE);
		(void)syscall(SYS_futex, &slot->state, FUTEX_WAKE, 1, NULL, NULL, 0);
		break;
	default:
		write_call(slot, random >> 12);
	}
}

static void *scribble(void *unused)
{
	uint64_t mine = (uintptr_t)unused;

	for (;;) {
		struct call_slot *slots = shared_slots(0);

		/* So that it has a slot; of whatever state, it comes back after a second. */
		(void)ioctl(fds[0], 0x3bff, 0);

		for (int i = 0; slots && i < 10000; i++) {
			mine = mine * UINT64_C(6364136223846793005) + 1442695040888963407;
			spoil(slots, mine >> 12);
		}
	}
	return unused;
}

/* Of its memory, at the end of it, of nothing, of the kernel. */
static uint64_t random_address(void)
{
	switch (random_number() % 6) {
	case 0:
		return random_number();
	case 1:
		return ~UINT64_C(0) - random_number() % 256;
	case 2:
		return UINT64_C(0xffff800000000000) + random_number();
	case 3:
		return (uintptr_t)memory + PAGES * PAGE - random_number() % 64;
	default:
		return (uintptr_t)memory + random_number() % PAGE;
	}
}

static uint64_t random_word(void)
{
	switch (random_number() % 6) {
	case 0:
		return random_address();
	case 1:
		return ~UINT64_C(0);
	case 2:
		return IOVA + random_number() % PAGES * PAGE;
	case 3:
		return (uint64_t)fds[random_number() % KINDS];
	default:
		return random_number() % 8;
	}
}

/* One of those of call_anything(), whole or from somewhere in it on, or something else. */
static const char *random_path(void)
{
	const uint64_t usual =
		(uintptr_t)memory + PAGE / 2 + random_number() % 2 * (random_number() % 32);

	return (const char *)(uintptr_t)(random_number() % 4 ? usual : random_address());
}

static int random_fd(void)
{
	return (int)(random_number() % 16 ? (uint64_t)fds[random_number() % KINDS]
					  : 3 + random_number() % 2000);
}

static bool is_usual(long fd)
{
	for (int i = 0; i < KINDS; i++) {
		if (fds[i] == fd)
			return true;
	}
	return false;
}

static void fill_in(void)
{
	for (int i = 0; i < 12; i++)
		((uint64_t *)memory)[i] = random_word();
	((uint32_t *)memory)[0] = 8 * (1 + (uint32_t)random_number() % 12);
	if (random_number() % 2)
		((uint32_t *)memory)[1] = (uint32_t)random_number() % 8;
}

/* None that would change the file system: what the server leaves to the kernel is carried out. */
static void call_anything(void)
{
	static const long with_fd[] = {
		SYS_pread64, SYS_pwrite64, SYS_preadv,	   SYS_pwritev,	   SYS_read,
		SYS_write,   SYS_readv,	   SYS_writev,	   SYS_preadv2,	   SYS_pwritev2,
		SYS_fstat,   SYS_fcntl,	   SYS_mmap,	   SYS_newfstatat, SYS_statx,
		SYS_dup,     SYS_dup3,	   SYS_readlinkat, SYS_faccessat,  SYS_fstatfs,
		SYS_splice,  SYS_sendfile, SYS_getdents64,
	};
	static const long with_path[] = {
		SYS_statfs, SYS_truncate, SYS_readlink, SYS_stat,     SYS_lstat,
		SYS_access, SYS_chdir,	  SYS_getcwd,	SYS_getxattr, SYS_llistxattr,
	};
	static const char *const paths[] = {
		"/dev/../dev/iommu",
		"/sys/bus/pci",
		"/proc/self/cwd/../../dev/vfio",
		"/proc/self/root/dev/iommu",
		"/proc/thread-self/fd/4/../../self/fd/3",
		"/proc/1/fd/3",
		"/dev/fd/5/6",
		"/dev",
		"/dev/vfio/..",
		"/sys/devices/pci0000:00",
		"/proc/self/fdinfo/512",
		"/proc/999999999/root/dev/iommu",
		"/sys/bus/pci/devices/0000:02:00.0/config",
		"/sys/bus/pci/devices/0000:02:00.0/resource0",
		"/sys/bus/pci/devices/0000:02:00.0/driver_override",
		"/sys/bus/pci/devices/0000:02:00.0/rom",
	};
	const size_t kinds = sizeof(with_fd) / sizeof(with_fd[0]);
	const int harmless = O_ACCMODE | O_CLOEXEC | O_DIRECTORY | O_PATH | O_NOFOLLOW | O_DIRECT;
	long fd;

	fill_in();
	strcpy((char *)memory + PAGE / 2,
	       paths[random_number() % (sizeof(paths) / sizeof(paths[0]))]);
	switch (random_number() % 5) {
	case 0:
		fd = syscall(with_fd[random_number() % kinds], random_fd(), random_address(),
			     random_word(), random_word(), random_word(), random_word());
		break;
	case 1:
		fd = openat(random_fd(), random_path(), (int)random_number() & harmless);
		break;
	case 2:
		fd = syscall(
			with_path[random_number() % (sizeof(with_path) / sizeof(with_path[0]))],
			random_path(), random_address(), random_word());
		break;
	default:
		fd = ioctl(random_fd(), (0x3b << 8) + 0x60 + random_number() % 0x40,
			   random_number() % 8 ? (uint64_t)(uintptr_t)memory : random_address());
	}
	/* What it got may be anything. */
	if (fd > STDERR_FILENO && !is_usual(fd))
		(void)close((int)fd);
}

/* What lies behind a descriptor is a socket that the server reads. */
static void write_to_sockets(void)
{
	char bytes[512];
	struct iovec data = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	int fd = random_fd();

	memset(bytes, (int)random_number(), sizeof(bytes));
	(void)!send(fd, bytes, random_number() % sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)!recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	(void)!sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (random_number() % 8 == 0)
		(void)shutdown(fd, (int)random_number() % 3);
}

/* A description in flight in itself, which only the kernel finds to be garbage. */
static void send_to_itself(void)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = "", byte = 0;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	int ends[2], sent[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return;
	sent[0] = ends[1];
	sent[1] = open("/dev/iommu", O_RDWR);
	*CMSG_FIRSTHDR(&message) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(sent)),
						    .cmsg_level = SOL_SOCKET,
						    .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), sent, sizeof(sent));
	(void)!sendmsg(ends[0], &message, MSG_DONTWAIT);
	close(sent[1]);
	close(ends[0]);
	close(ends[1]);
}

/* Memory that is pinned, and goes in one of the ways in which it can. */
static void take_memory_away(void)
{
	const int rights = PROT_READ | PROT_WRITE, file = fds[5];
	const size_t len = 4 * PAGE, part = (1 + random_number() % 4) * PAGE;
	const size_t grown = random_number() % 8 * PAGE;
	const bool shared = random_number() % 2;
	unsigned char *area = mmap(NULL, 4 * len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *at, *moved = MAP_FAILED;

	(void)unmap(len, TAKEN_IOVA);
	(void)!ftruncate(file, (off_t)len);
	at = mmap(area, len, rights, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, file, 0);
	(void)map(at, len, TAKEN_IOVA);
	switch (random_number() % 6) {
	case 0:
		moved = mremap(at, part, grown, MREMAP_MAYMOVE);
		break;
	case 1:
		(void)madvise(at, part, random_number() % 2 ? MADV_DONTNEED : MADV_REMOVE);
		break;
	case 2:
		(void)mmap(at, part, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 3:
		(void)!ftruncate(file, (off_t)(len - part));
		break;
	case 4:
		(void)mremap(at, part, part, MREMAP_MAYMOVE | MREMAP_FIXED,
			     at + random_number() % 8 * PAGE);
		break;
	default:
		break;
	}
	if (moved != MAP_FAILED)
		munmap(moved, grown);
	munmap(area, 4 * len);
}

/* Whether a page that the device can write has been filled with the other's secret. */
static bool knows_the_secret(void)
{
	for (size_t i = 0; i < PAGES * PAGE - 16; i++) {
		size_t same = 0;

		while (same < 16 && memory[i + same] == SECRET)
			same++;
		if (same == 16)
			return true;
	}
	return false;
}

static _Noreturn void be_hostile(void)
{
	pthread_t thread;

	memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	munmap(memory + PAGES * PAGE, PAGE);
	/* A socket that it has shut down does not end it. */
	(void)signal(SIGPIPE, SIG_IGN);
	device_path = "/dev/vfio/devices/vfio1";
	set_up();
	(void)map(memory, PAGES * PAGE, IOVA);
	fds[0] = context;
	fds[1] = device;
	fds[2] = open("/dev/vfio/vfio", O_RDWR);
	fds[3] = open("/dev/iommu", O_RDWR);
	fds[4] = eventfd(0, EFD_NONBLOCK);
	fds[5] = memfd_create("memory", 0);
	fds[6] = open("/sys/bus/pci/devices", O_RDONLY | O_DIRECTORY);
	fds[7] = open("/dev/null", O_RDWR);
	fds[8] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	fds[9] = open("/sys/bus/pci/devices/0000:02:00.0/config", O_RDWR);
	fds[10] = open("/sys/bus/pci/devices/0000:02:00.0/driver_override", O_WRONLY);
	fds[11] = open("/sys/bus/pci/devices/0000:02:00.0/resource0", O_RDWR);
	fds[KINDS - 1] = dup(context);
	for (int i = 0; i < CHANGERS; i++)
		pthread_create(&thread, NULL, change, NULL);
	for (int i = 0; i < SCRIBBLERS; i++)
		pthread_create(&thread, NULL, scribble, (void *)(uintptr_t)random_number());
	for (; *made < calls; ++*made) {
		call_anything();
		if (random_number() % 16 == 0)
			write_to_sockets();
		if (random_number() % 64 == 0)
			send_to_itself();
		if (random_number() % 32 == 0)
			take_memory_away();
	}
	_exit(knows_the_secret());
}

/* ---- the other one ---- */

/* The number of the line @name in the status of the server, whose child this program is. */
static long server_number(const char *name)
{
	char path[64], line[256];
	long number = -1;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", getppid());
	in = fopen(path, "r");
	while (in && fgets(line, sizeof(line), in)) {
		if (strncmp(line, name, strlen(name)) == 0)
			number = strtol(line + strlen(name), NULL, 10);
	}
	if (in)
		(void)fclose(in);
	return number;
}

static void a_hostile_program_harms_only_itself(void)
{
	unsigned char *secret = NULL;
	int before = descriptors_of_server(), status;
	long memory_before = 0, all = 0;

	made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	set_up();
	map_scratch();
	for (int turn = 0; turn < TURNS; turn++) {
		pid_t pid;

		random_state += (uint64_t)turn;
		*made = 0;
		pid = fork();
		if (pid == 0)
			be_hostile();
		/* What it does not inherit. */
		secret = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			      0);
		memset(secret, SECRET, PAGE);
		CHECK(waitpid(pid, &status, 0) == pid);
		all += *made;
		/* It may have destroyed itself, but has not read what is not its own. */
		CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
		CHECK(map(secret, PAGE, IOVA) == 0);
		CHECK(dma_read(IOVA) == SECRET);
		dma_write(IOVA, 0x11);
		CHECK(secret[0] == 0x11);
		CHECK(unmap(PAGE, IOVA) == 0);
		munmap(secret, PAGE);
		if (turn == 1)
			memory_before = server_number("VmRSS:");
	}
	printf("%ld calls; the server: %d more descriptors, %ld KiB more\n", all,
	       descriptors_of_server() - before, server_number("VmRSS:") - memory_before);
	/* Few of them destroy themselves before they have made all calls. */
	CHECK(all >= calls);
	CHECK(descriptors_of_server() - before < SLACK);
	CHECK(server_number("VmRSS:") - memory_before < GROWTH);
	tear_down();
}

int main(int argc, char **argv)
{
	const struct check_test tests[] = {
		TEST(a_hostile_program_harms_only_itself),
	};

	if (argc > 1)
		calls = strtol(argv[1], NULL, 10);
	random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)random_state);
	(void)fflush(stdout);
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
