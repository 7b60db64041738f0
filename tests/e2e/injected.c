/* SPDX-License-Identifier: MIT */
/*
 * A program for injected.py, which makes the preload's own system calls fail one after the other.
 * Each call of this program may fail once, with the error that was injected (the argument) or one
 * that it becomes (ENOMEM, ENFILE), and then works when it is repeated; what the device copies is
 * right.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
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
	LEN = 4 * 4096,
	BAR_BYTES = 1 << 20,
	IDENTIFICATION = 0x010000ed,
	SOURCE = 0x100000,
	TARGET = 0x200000,
};

static int injected; /* the error */
static bool failed;  /* a call has failed */

/* Whether @rc is a result; a first failure is none, and the call is to be repeated. */
static bool succeeded(long rc, const char *what)
{
	if (rc >= 0)
		return true;
	if (!failed && (errno == injected || errno == ENOMEM || errno == ENFILE)) {
		failed = true;
		return false;
	}
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

#define STEP(call)                                \
	({                                        \
		long rc_;                         \
		do {                              \
			errno = 0;                \
			rc_ = (long)(call);       \
		} while (!succeeded(rc_, #call)); \
		(int)rc_;                         \
	})
#define STEP_POINTER(type, failure, call)                               \
	({                                                              \
		type rc_;                                               \
		do {                                                    \
			errno = 0;                                      \
			rc_ = (call);                                   \
		} while (!succeeded(rc_ == (failure) ? -1 : 0, #call)); \
		rc_;                                                    \
	})

static struct edu device;
static int iommufd;
static uint32_t ioas;

static void look_around(void)
{
	char text[16] = "";
	struct dirent *entry;
	int found = 0, fd;
	struct stat st;
	DIR *dir;

	dir = STEP_POINTER(DIR *, NULL, opendir("/sys/bus/pci/devices"));
	while ((entry = readdir(dir)))
		found += strcmp(entry->d_name, "0000:c1:00.0") == 0;
	closedir(dir);
	STEP(stat("/dev/vfio/devices/vfio0", &st));
	STEP(access("/dev/iommu", R_OK));
	STEP(readlink("/sys/bus/pci/devices/0000:c1:00.0", text, sizeof(text)));
	fd = STEP(open("/sys/bus/pci/devices/0000:c1:00.0/vendor", O_RDONLY | O_CLOEXEC));
	memset(text, 0, sizeof(text));
	STEP(read(fd, text, sizeof(text) - 1));
	STEP(close(fd));
	if (!S_ISCHR(st.st_mode) || strcmp(text, "0x1234\n") != 0 || found != 1) {
		printf("mode %#o, vendor %s, %d entries\n", st.st_mode, text, found);
		exit(1);
	}
}

static void open_device(void)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	iommufd = STEP(open("/dev/iommu", O_RDWR | O_CLOEXEC));
	device.fd = STEP(open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC));
	bind.iommufd = iommufd;
	STEP(ioctl(device.fd, VFIO_DEVICE_BIND_IOMMUFD, &bind));
	STEP(ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc));
	ioas = attach.pt_id = alloc.out_ioas_id;
	STEP(ioctl(device.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

static void map(void *memory, uint64_t iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas,
		.user_va = (uintptr_t)memory,
		.length = LEN,
		.iova = iova,
	};

	STEP(ioctl(iommufd, IOMMU_IOAS_MAP, &cmd));
}

static void copy(const struct mapping *from, const struct mapping *to, int value)
{
	memset(from->memory, value, LEN);
	edu_copy(&device, from, to, LEN);
	for (int i = 0; i < LEN; i++) {
		if (to->memory[i] != value) {
			printf("the copy differs\n");
			exit(1);
		}
	}
}

static void use_memory(void)
{
	struct mapping from = allocate(LEN), to = allocate(LEN);
	struct iommu_ioas_unmap unmap = {.size = sizeof(unmap), .iova = SOURCE, .length = LEN};
	uint8_t *taken;

	from.iova = SOURCE;
	to.iova = TARGET;
	map(from.memory, from.iova);
	map(to.memory, to.iova);
	copy(&from, &to, 3);
	/* It moves: the program and the device still see the same. */
	to.memory = STEP_POINTER(uint8_t *, MAP_FAILED,
				 mremap(to.memory, LEN, 2 * LEN, MREMAP_MAYMOVE));
	copy(&from, &to, 5);
	/* It is taken away: the device keeps it. */
	taken = STEP_POINTER(uint8_t *, MAP_FAILED,
			     mmap(to.memory, LEN, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	edu_copy(&device, &from, &to, LEN);
	if (taken[0] || taken[LEN - 1]) {
		printf("the device writes to new memory\n");
		exit(1);
	}
	unmap.ioas_id = ioas;
	STEP(ioctl(iommufd, IOMMU_IOAS_UNMAP, &unmap));
	STEP(munmap(from.memory, LEN));
}

static void use_registers(void)
{
	volatile uint32_t *bar;

	bar = STEP_POINTER(void *, MAP_FAILED,
			   mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, device.fd,
				(off_t)device.bar));
	bar[1] = 5;
	if (bar[0] != IDENTIFICATION || bar[1] != ~5u) {
		printf("a register is wrong\n");
		exit(1);
	}
	STEP(munmap((void *)(uintptr_t)bar, BAR_BYTES));
}

static void have_child(void)
{
	int status = 0, fd;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fd = STEP(open("/dev/iommu", O_RDWR));
		_exit(new_ioas(fd) > 0 || errno == injected || errno == ENOMEM ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		printf("the child: %#x\n", status);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int copied;

	injected = argc > 1 ? atoi(argv[1]) : 0;
	look_around();
	open_device();
	edu_start(&device);
	use_memory();
	use_registers();
	have_child();
	copied = STEP(fcntl(iommufd, F_DUPFD_CLOEXEC, 0));
	STEP(close(iommufd));
	STEP(dup2(copied, iommufd));
	STEP(close(copied));
	STEP(ioctl(device.fd, VFIO_DEVICE_RESET));
	STEP(close(device.fd));
	STEP(close(iommufd));
	printf("done\n");
	return 0;
}
