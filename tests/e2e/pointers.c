/* SPDX-License-Identifier: MIT */
/*
 * Any pointer and any number, to any call: an error, never a signal. Pointers to nothing, into the
 * kernel's half, to the end of what there is; memory that changes or goes away while the call is at
 * it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../lib/page.h"
#include "check.h"

enum {
	MAP_RW = 6,
	ROUNDS = 20000,
	LARGEST = 72, /* bytes of a structure of iommufd */
};

#define VFIO_FIRST	  0x3b64
#define VFIO_BIND_IOMMUFD 0x3b76
#define VFIO_ATTACH	  0x3b77
#define IOMMU_FIRST	  0x3b80
#define IOMMU_LAST	  0x3b95
#define OWN_FIRST	  0x3bc0
#define OWN_LAST	  0x3bc2

static int iommu, device;
static uint32_t ioas;
static char *pages; /* two: the first accessible, the second PROT_NONE */

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

/* A device that is attached, so that mapping touches memory. */
static void set_up(void)
{
	uint32_t bind[4] = {sizeof(bind)}, attach[3] = {sizeof(attach)};

	iommu = open("/dev/iommu", O_RDWR);
	device = open_device();
	bind[2] = (uint32_t)iommu;
	CHECK(ioctl(device, VFIO_BIND_IOMMUFD, bind) == 0);
	ioas = (uint32_t)new_ioas(iommu);
	attach[2] = ioas;
	CHECK(ioctl(device, VFIO_ATTACH, attach) == 0);
	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED && mprotect(pages + PAGE, PAGE, PROT_NONE) == 0);
}

static void *at(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

/* Addresses of which not one byte can be read. */
static size_t bad_addresses(uint64_t *to)
{
	const uint64_t bad[] = {0,
				1,
				8,
				PAGE - 1,
				(uintptr_t)pages + PAGE,
				(uintptr_t)pages + 2 * PAGE - 1 - LARGEST,
				UINT64_C(0x7ffffffff000),
				UINT64_C(0x7fffffffffff),
				UINT64_C(1) << 47,
				UINT64_C(1) << 63,
				UINT64_C(0xffff800000000000),
				UINT64_C(0xffffffff81000000),
				UINT64_C(0xfffffffffffff000),
				UINT64_MAX - 7,
				UINT64_MAX};

	memcpy(to, bad, sizeof(bad));
	return sizeof(bad) / sizeof(bad[0]);
}

static void arguments_that_cannot_be_read_are_EFAULT(void)
{
	uint64_t bad[32];
	size_t count = bad_addresses(bad);

	for (size_t i = 0; i < count; i++) {
		for (unsigned long cmd = IOMMU_FIRST; cmd <= IOMMU_LAST; cmd++)
			CHECK(ioctl(iommu, cmd, bad[i]) == -1 && errno == EFAULT);
		for (unsigned long cmd = OWN_FIRST; cmd <= OWN_LAST; cmd++)
			CHECK(ioctl(iommu, cmd, bad[i]) == -1 && errno == EFAULT);
	}
}

/* Which is EFAULT where the pointer is one, and ENOTTY, EINVAL or an answer where it is not. */
static void no_number_and_no_pointer_crashes(void)
{
	uint64_t bad[32];
	size_t count = bad_addresses(bad);

	for (unsigned long cmd = VFIO_FIRST; cmd < IOMMU_FIRST; cmd++) {
		if (cmd == VFIO_FIRST + 11) /* RESET */
			continue;
		for (size_t i = 0; i < count; i++) {
			ioctl(device, cmd, bad[i]);
			ioctl(iommu, cmd, bad[i]);
		}
	}
	for (unsigned long type = 0; type < 65536; type += 257) {
		CHECK(ioctl(iommu, type << 16 | 0x3b80, pages) == -1 || !type);
		CHECK(ioctl(device, type << 16 | 0x1234, pages) == -1);
	}
	CHECK(new_ioas(iommu) > 0);
}

static void buffers_that_cannot_be_touched_are_EFAULT(void)
{
	const off_t config = (off_t)7 << 40;
	volatile size_t most = SIZE_MAX; /* which no compiler would let pass */
	volatile int negative = -1;
	uint64_t bad[32];
	size_t count = bad_addresses(bad);

	for (size_t i = 0; i < count; i++) {
		const struct iovec segment = {at(bad[i]), 4};

		CHECK(pread(device, at(bad[i]), 4, config) == -1 && errno == EFAULT);
		CHECK(pwrite(device, at(bad[i]), 4, config) == -1 && errno == EFAULT);
		CHECK(preadv(device, &segment, 1, config) == -1 && errno == EFAULT);
		CHECK(preadv(device, at(bad[i]), 1, config) == -1 && errno == EFAULT);
	}
	CHECK(pread(device, pages, most, config) == -1);
	CHECK(preadv(device, at(0), negative, config) == -1 && errno == EINVAL);
	CHECK(pread(device, pages, 4, config) == 4);
}

static void paths_that_cannot_be_read_are_EFAULT(void)
{
	char *unterminated = pages + PAGE - 4;
	struct statfs fs;
	struct statx stx;
	struct stat st;
	uint64_t bad[32];
	size_t count = bad_addresses(bad);
	char buf[64];

	memcpy(unterminated, "/dev", 4);
	bad[count++] = (uintptr_t)unterminated;
	for (size_t i = 0; i < count; i++) {
		const char *path = at(bad[i]);

		if (!path) /* which some functions of the C library take as a path */
			continue;
		CHECK(open(path, O_RDONLY) == -1 && errno == EFAULT);
		CHECK(openat(iommu, path, O_RDONLY) == -1 && errno == EFAULT);
		CHECK(creat(path, 0600) == -1 && errno == EFAULT);
		CHECK(fopen(path, "r") == NULL && errno == EFAULT);
		CHECK(access(path, F_OK) == -1 && errno == EFAULT);
		CHECK(faccessat(AT_FDCWD, path, F_OK, 0) == -1 && errno == EFAULT);
		CHECK(stat(path, &st) == -1 && errno == EFAULT);
		CHECK(lstat(path, &st) == -1 && errno == EFAULT);
		CHECK(fstatat(AT_FDCWD, path, &st, 0) == -1 && errno == EFAULT);
		CHECK(statx(AT_FDCWD, path, 0, STATX_MODE, &stx) == -1 && errno == EFAULT);
		CHECK(statfs(path, &fs) == -1 && errno == EFAULT);
		CHECK(readlink(path, buf, sizeof(buf)) == -1 && errno == EFAULT);
		CHECK(chdir(path) == -1 && errno == EFAULT);
		CHECK(chmod(path, 0600) == -1 && errno == EFAULT);
		CHECK(truncate(path, 0) == -1 && errno == EFAULT);
		CHECK(getxattr(path, "user.x", buf, sizeof(buf)) == -1 && errno == EFAULT);
	}
}

static int map(uint64_t va, uint64_t length)
{
	struct ioas_map cmd = {.size = sizeof(cmd),
			       .flags = MAP_RW,
			       .ioas_id = ioas,
			       .user_va = va,
			       .length = length};

	return ioctl(iommu, IOMMU_IOAS_MAP, &cmd);
}

static void unmap_all(void)
{
	struct ioas_unmap cmd = {.size = sizeof(cmd), .ioas_id = ioas, .length = UINT64_MAX};

	ioctl(iommu, IOMMU_IOAS_UNMAP, &cmd);
}

static void memory_that_is_not_there_cannot_be_mapped(void)
{
	uint64_t bad[32];
	size_t count = bad_addresses(bad);

	for (size_t i = 0; i < count; i++)
		CHECK(map(bad[i] & ~UINT64_C(0xfff), PAGE) == -1 &&
		      (errno == EFAULT || errno == EOVERFLOW));
	CHECK(map((uintptr_t)pages, 2 * PAGE) == -1 && errno == EFAULT);
	CHECK(map((uintptr_t)pages, UINT64_MAX & ~UINT64_C(0xfff)) == -1);
	CHECK(map((uintptr_t)pages, PAGE) == 0);
	unmap_all();
}

/* The argument may lie anywhere, as long as it is accessible. */
static void arguments_may_lie_anywhere(void)
{
	const struct ioas_alloc alloc = {.size = sizeof(alloc)};
	const size_t end = PAGE - sizeof(alloc);
	int before = new_ioas(iommu);

	for (size_t i = 0; i < 8; i++) {
		memcpy(pages + i, &alloc, sizeof(alloc));
		CHECK(ioctl(iommu, IOMMU_IOAS_ALLOC, pages + i) == 0);
	}
	memcpy(pages + end, &alloc, sizeof(alloc));
	CHECK(ioctl(iommu, IOMMU_IOAS_ALLOC, pages + end) == 0);
	for (size_t i = 1; i < sizeof(alloc); i++) {
		memcpy(pages + end + i, &alloc, sizeof(alloc) - i);
		CHECK(ioctl(iommu, IOMMU_IOAS_ALLOC, pages + end + i) == -1 && errno == EFAULT);
	}
	/* What cannot be written back has not happened. */
	memcpy(pages, &alloc, sizeof(alloc));
	mprotect(pages, PAGE, PROT_READ);
	CHECK(ioctl(iommu, IOMMU_IOAS_ALLOC, pages) == -1 && errno == EFAULT);
	mprotect(pages, PAGE, PROT_READ | PROT_WRITE);
	CHECK(new_ioas(iommu) == before + 10);
}

/* ---- another thread ---- */

static _Atomic bool stop;

static void *flip_size(void *arg)
{
	static const uint32_t sizes[] = {sizeof(struct ioas_alloc), 0, PAGE, 8, UINT32_MAX};
	_Atomic uint32_t *size = arg;

	for (unsigned int i = 0; !stop; i++)
		atomic_store(size, sizes[i % (sizeof(sizes) / sizeof(sizes[0]))]);
	return NULL;
}

static void a_size_may_change_while_it_is_read(void)
{
	struct ioas_alloc *cmd = (struct ioas_alloc *)pages;
	struct destroy destroy = {.size = sizeof(destroy)};
	pthread_t thread;

	memset(pages, 0, PAGE);
	stop = false;
	CHECK(pthread_create(&thread, NULL, flip_size, cmd) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		if (ioctl(iommu, IOMMU_IOAS_ALLOC, cmd)) {
			CHECK(errno == EINVAL || errno == E2BIG || errno == EFAULT);
			continue;
		}
		destroy.id = cmd->out_ioas_id;
		CHECK(ioctl(iommu, IOMMU_DESTROY, &destroy) == 0);
	}
	stop = true;
	pthread_join(thread, NULL);
	for (size_t i = sizeof(*cmd); i < PAGE; i++)
		CHECK(!pages[i]);
}

static void *come_and_go(void *memory)
{
	while (!stop) {
		CHECK(mmap(memory, PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
		mprotect(memory, PAGE, PROT_READ);
		mprotect(memory, PAGE, PROT_NONE);
	}
	return NULL;
}

/* The thread replaces the pages; their addresses are never used for anything else. */
static void memory_may_go_away_meanwhile(void)
{
	char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;

	stop = false;
	CHECK(pthread_create(&thread, NULL, come_and_go, memory) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		if (ioctl(iommu, IOMMU_IOAS_ALLOC, memory))
			CHECK(errno == EINVAL || errno == EFAULT || errno == E2BIG);
		if (pread(device, memory, 64, (off_t)7 << 40) < 0)
			CHECK(errno == EFAULT);
		if (map((uintptr_t)memory, PAGE))
			CHECK(errno == EFAULT || errno == ENOMEM);
		else
			unmap_all();
	}
	stop = true;
	pthread_join(thread, NULL);
	CHECK(map((uintptr_t)pages, PAGE) == 0);
	unmap_all();
}

static char *gone;
static int seen_in_handler;

static void call_with_what_is_gone(int signo)
{
	(void)signo;
	seen_in_handler = ioctl(iommu, IOMMU_IOAS_ALLOC, gone) ? errno : 0;
}

/* A fault would end the process there: the kernel raises no signal that is blocked. */
static void a_handler_may_block_every_signal(void)
{
	struct sigaction act = {.sa_handler = call_with_what_is_gone};
	struct ioas_alloc *cmd;

	sigfillset(&act.sa_mask);
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	for (int protect = 0; protect < 2; protect++) {
		gone = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(gone != MAP_FAILED);
		cmd = (void *)gone;
		for (int i = 0; i < 2; i++) {
			struct destroy destroy = {.size = sizeof(destroy)};

			cmd->size = sizeof(*cmd);
			CHECK(ioctl(iommu, IOMMU_IOAS_ALLOC, cmd) == 0);
			destroy.id = cmd->out_ioas_id;
			CHECK(ioctl(iommu, IOMMU_DESTROY, &destroy) == 0);
		}
		CHECK((protect ? mprotect(gone, PAGE, PROT_NONE) : munmap(gone, PAGE)) == 0);
		raise(SIGUSR1);
		CHECK(seen_in_handler == EFAULT);
	}
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(arguments_that_cannot_be_read_are_EFAULT),
		TEST(no_number_and_no_pointer_crashes),
		TEST(buffers_that_cannot_be_touched_are_EFAULT),
		TEST(paths_that_cannot_be_read_are_EFAULT),
		TEST(memory_that_is_not_there_cannot_be_mapped),
		TEST(arguments_may_lie_anywhere),
		TEST(a_size_may_change_while_it_is_read),
		TEST(memory_may_go_away_meanwhile),
		TEST(a_handler_may_block_every_signal),
	};

	set_up();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0])) || check_failed;
}
