/* SPDX-License-Identifier: MIT */
/*
 * The errno that docs/limits.md states for what is missing or different; tests/source/limits.py
 * checks that each has its test here. Run with the kind of IOMMU as the argument.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* check.h has the few commands that most programs need; this one takes them from the header. */
#undef IOMMU_DESTROY
#undef IOMMU_IOAS_ALLOC
#undef IOMMU_IOAS_MAP
#undef IOMMU_IOAS_UNMAP
#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

enum {
	PAGE = 4096,
	ANY_VIOMMU_TYPE = 1,
};

static const char *kind;
static int iommu, device;
static uint32_t dev_id, ioas, parent;

static void set_up(void)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
					.flags = IOMMU_HWPT_ALLOC_NEST_PARENT};

	iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	device = open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC);
	bind.iommufd = iommu;
	CHECK(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind) == 0);
	CHECK(ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc) == 0);
	dev_id = hwpt.dev_id = bind.out_devid;
	ioas = hwpt.pt_id = alloc.out_ioas_id;
	CHECK(ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt) == 0);
	parent = attach.pt_id = hwpt.out_hwpt_id;
	CHECK(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) == 0);
}

static int new_viommu(uint32_t type, uint32_t *id)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd), .type = type, .dev_id = dev_id, .hwpt_id = parent};
	int rc = ioctl(iommu, IOMMU_VIOMMU_ALLOC, &cmd);

	*id = cmd.out_viommu_id;
	return rc;
}

static void hardware_queues_are_refused(void)
{
	struct iommu_hw_queue_alloc cmd = {
		.size = sizeof(cmd), .type = IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV, .length = PAGE};

	CHECK(new_viommu(ANY_VIOMMU_TYPE, &cmd.viommu_id) == 0);
	CHECK(ioctl(iommu, IOMMU_HW_QUEUE_ALLOC, &cmd) == -1 && errno == EOPNOTSUPP);
	if (strcmp(kind, "smmuv3") == 0)
		CHECK(new_viommu(IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV, &cmd.viommu_id) == -1 &&
		      errno == EOPNOTSUPP);
}

static void amd_has_no_invalidation(void)
{
	struct iommu_hwpt_invalidate cmd = {.size = sizeof(cmd)};

	if (strcmp(kind, "amd") != 0)
		return;
	CHECK(new_viommu(ANY_VIOMMU_TYPE, &cmd.hwpt_id) == 0);
	CHECK(ioctl(iommu, IOMMU_HWPT_INVALIDATE, &cmd) == -1 && errno == EOPNOTSUPP);
}

static void there_is_no_noiommu_mode(void)
{
	struct iommu_ioas_noiommu_get_pa cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .length = PAGE};

	CHECK(ioctl(iommu, IOMMU_IOAS_NOIOMMU_GET_PA, &cmd) == -1 && errno == EOPNOTSUPP);
}

static void some_features_are_missing(void)
{
	static const uint32_t features[] = {
		VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
	};

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		struct vfio_device_feature cmd = {
			.argsz = sizeof(cmd),
			.flags = features[i] | VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_PROBE,
		};

		CHECK(ioctl(device, VFIO_DEVICE_FEATURE, &cmd) == -1 && errno == ENOTTY);
	}
}

/* A system call without the C library. */
static long direct(long number, long a, long b, long c)
{
	long rc;
#if defined(__x86_64__)
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "0"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
#else
	rc = syscall(number, a, b, c);
	rc = rc < 0 ? -errno : rc;
#endif
	return rc;
}

static void a_process_made_by_clone_reaches_the_kernel(void)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};
	pid_t pid = (pid_t)direct(SYS_clone, SIGCHLD, 0, 0);
	int status;

	if (pid == 0) {
		bool real = direct(SYS_openat, AT_FDCWD, (long)"/dev/vfio/devices/vfio0", O_RDWR) ==
				    -ENOENT &&
			    direct(SYS_ioctl, iommu, IOMMU_IOAS_ALLOC, (long)&cmd) == -ENOTTY;

		direct(SYS_exit_group, !real, 0, 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void some_calls_without_libc_are_refused(void)
{
	struct {
		uint64_t flags, unused[7];
	} args = {.flags = SIGCHLD};

	CHECK(direct(SYS_clone3, (long)&args, sizeof(args), 0) == -ENOSYS);
}

static int map(void *memory, uint32_t rights)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = rights,
		.ioas_id = ioas,
		.user_va = (uintptr_t)memory,
		.length = PAGE,
	};

	return ioctl(iommu, IOMMU_IOAS_MAP, &cmd);
}

static void shared_mappings_of_disk_files_are_refused(void)
{
	struct iommu_ioas_unmap all = {.size = sizeof(all), .ioas_id = ioas, .length = UINT64_MAX};
	char name[] = "limits_stated.XXXXXX";
	int fd = mkstemp(name);
	struct statfs fs;
	void *memory;

	CHECK(fd >= 0 && unlink(name) == 0 && ftruncate(fd, PAGE) == 0 && fstatfs(fd, &fs) == 0);
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(memory != MAP_FAILED);
	close(fd);
	CHECK(map(memory, IOMMU_IOAS_MAP_READABLE) == 0);
	if (fs.f_type != TMPFS_MAGIC)
		CHECK(map(memory, IOMMU_IOAS_MAP_WRITEABLE) == -1 && errno == EFAULT);
	CHECK(ioctl(iommu, IOMMU_IOAS_UNMAP, &all) == 0);
	munmap(memory, PAGE);
}

static void system_calls_do_not_reach_mapped_registers(void)
{
	struct vfio_region_info bar = {.argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX};
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	void *registers;

	CHECK(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar) == 0);
	if (bar.flags & VFIO_REGION_INFO_FLAG_MMAP) {
		registers = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
				 (off_t)bar.offset);
		CHECK(registers != MAP_FAILED);
		CHECK(read(zero, registers, 4) == -1 && errno == EFAULT);
		munmap(registers, bar.size);
	}
	close(zero);
}

/* The second device, in a container. */
static int open_by_group(int container)
{
	const char *const link = "/sys/class/vfio-dev/vfio1/device/iommu_group";
	char target[256] = "", path[300], *name;
	int group;

	CHECK(readlink(link, target, sizeof(target) - 1) > 0);
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	group = open(path, O_RDWR | O_CLOEXEC);
	CHECK(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) == 0);
	CHECK(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0);
	memset(target, 0, sizeof(target));
	CHECK(readlink("/sys/class/vfio-dev/vfio1/device", target, sizeof(target) - 1) > 0);
	name = strrchr(target, '/') + 1;
	return ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
}

static void a_bar_and_memory_are_mapped_apart(void)
{
	struct vfio_region_info bar = {.argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX};
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map), .flags = 3, .iova = 1 << 24};
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int other = open_by_group(container);
	char *both;

	CHECK(ioctl(other, VFIO_DEVICE_GET_REGION_INFO, &bar) == 0);
	if (!(bar.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return;
	both = mmap(NULL, bar.size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	CHECK(mmap(both, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, other,
		   (off_t)bar.offset) == both);
	map.vaddr = (uintptr_t)both;
	map.size = bar.size + PAGE;
	CHECK(ioctl(container, VFIO_IOMMU_MAP_DMA, &map) == -1 && errno == EFAULT);
	map.size = bar.size;
	CHECK(ioctl(container, VFIO_IOMMU_MAP_DMA, &map) == 0);
	munmap(both, bar.size + PAGE);
}

int main(int argc, char **argv)
{
	const struct check_test tests[] = {
		TEST(hardware_queues_are_refused),
		TEST(amd_has_no_invalidation),
		TEST(there_is_no_noiommu_mode),
		TEST(some_features_are_missing),
		TEST(a_process_made_by_clone_reaches_the_kernel),
		TEST(some_calls_without_libc_are_refused),
		TEST(shared_mappings_of_disk_files_are_refused),
		TEST(system_calls_do_not_reach_mapped_registers),
		TEST(a_bar_and_memory_are_mapped_apart),
	};

	kind = argc > 1 ? argv[1] : "amd";
	set_up();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
