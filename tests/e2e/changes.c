/* SPDX-License-Identifier: MIT */
/*
 * Making, removing and renaming emulated names: as on devtmpfs and sysfs, and never in the real
 * /dev and /sys. Root may remove a device node, and the run is without it from then on, so what
 * removes something comes last.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define FAILS(call, error) CHECK((call) == -1 && errno == (error))

#ifdef __x86_64__
static long direct(long number, long a, long b)
{
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "0"(number), "D"(a), "S"(b), "d"(0)
			 : "rcx", "r11", "memory");
	return rc;
}
#endif

/*
 * Whether the kernel itself knows @path. The process that asks is made without the C library, so no
 * library has prepared it.
 */
static bool is_real(const char *path)
{
#ifdef __x86_64__
	long pid = direct(SYS_clone, SIGCHLD, 0);
	int status;

	if (pid == 0) {
		direct(SYS_exit_group, direct(SYS_access, (long)path, F_OK) != 0, 0);
		__builtin_unreachable();
	}
	return waitpid((pid_t)pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
#else
	(void)path;
	return false;
#endif
}

static void names_that_exist_are_not_made_again(void)
{
	FAILS(mkdir("/dev/vfio", 0755), EEXIST);
	FAILS(mkdir("/dev/vfio/devices", 0755), EEXIST);
	FAILS(mkdir("/dev/iommu", 0755), EEXIST);
	FAILS(mknod("/dev/iommu", S_IFCHR | 0600, makedev(10, 263)), EEXIST);
	FAILS(mknod("/dev/vfio/vfio", S_IFREG | 0600, 0), EEXIST);
	FAILS(mkfifo("/dev/vfio/devices/vfio0", 0600), EEXIST);
	FAILS(symlink("/tmp", "/dev/vfio"), EEXIST);
	FAILS(link("/dev/vfio/vfio", "/dev/iommu"), EEXIST);
	FAILS(mkdir("/sys/bus/pci/devices", 0755), EEXIST);
	FAILS(open("/dev/iommu", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
}

static void names_whose_directory_is_missing_are_not_made(void)
{
	FAILS(mkdir("/dev/vfio/nothing/here", 0755), ENOENT);
	FAILS(mknod("/dev/vfio/nothing/here", S_IFREG | 0600, 0), ENOENT);
	FAILS(unlink("/dev/vfio/nothing"), ENOENT);
	FAILS(rmdir("/dev/vfio/nothing"), ENOENT);
	FAILS(rename("/dev/vfio/nothing", "/dev/vfio/other"), ENOENT);
}

static void sysfs_has_no_new_names_and_keeps_its_own(void)
{
	FAILS(mkdir("/sys/bus/pci/devices/new", 0755), EPERM);
	FAILS(symlink("x", "/sys/bus/pci/devices/new"), EPERM);
	FAILS(open("/sys/bus/pci/devices/new", O_WRONLY | O_CREAT, 0600), EACCES);
	CHECK(fopen("/sys/bus/pci/devices/new", "w") == NULL && errno == EACCES);
	FAILS(unlink("/sys/bus/pci/devices/0000:c1:00.0/vendor"), EPERM);
	FAILS(rmdir("/sys/bus/pci/devices"), EPERM);
	FAILS(rename("/sys/bus/pci/devices/0000:c1:00.0/vendor", "/sys/bus/pci/x"), EPERM);
	FAILS(open("/sys/bus/pci/devices/0000:c1:00.0/vendor", O_WRONLY), EACCES);
	FAILS(truncate("/dev/iommu", 0), EINVAL);
}

static void names_do_not_leave_their_file_system(void)
{
	FAILS(rename("/dev/iommu", "/tmp/iommu"), EXDEV);
	FAILS(rename("/tmp", "/dev/vfio/tmp"), EXDEV);
	FAILS(link("/dev/iommu", "/tmp/iommu"), EXDEV);
	FAILS(rename("/dev/iommu", "/dev/nothing"), EBUSY);
	CHECK(access("/dev/iommu", F_OK) == 0);
}

static void links_are_not_made(void)
{
	FAILS(symlink("vfio", "/dev/vfio/new"), EPERM);
	FAILS(symlink("vfio", "/sys/bus/pci/new"), EPERM);
}

static void what_is_made_is_not_in_the_real_system(void)
{
	struct stat st;
	int fd;

	CHECK(mkdir("/dev/vfio/new", 0755) == 0);
	CHECK(stat("/dev/vfio/new", &st) == 0 && S_ISDIR(st.st_mode));
	fd = open("/dev/vfio/new/file", O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	CHECK(rename("/dev/vfio/new/file", "/dev/vfio/file") == 0);
	CHECK(!is_real("/dev/vfio/file"));
	CHECK(rmdir("/dev/vfio/new") == 0);
	CHECK(remove("/dev/vfio/file") == 0);
	CHECK(access("/dev/vfio/new", F_OK) == -1 && access("/dev/vfio/file", F_OK) == -1);
	CHECK(unlink("/dev/vfio/vfio") == 0);
	FAILS(open("/dev/vfio/vfio", O_RDWR), ENOENT);
}

static void other_names_change_as_ever(void)
{
	char name[] = "/tmp/changes.XXXXXX";

	CHECK(mkdtemp(name) != NULL && chdir(name) == 0);
	CHECK(mkdir("a", 0700) == 0 && symlink("a", "b") == 0 && rename("a", "c") == 0);
	CHECK(rmdir("c") == 0 && unlink("b") == 0 && mkfifo("f", 0600) == 0);
	CHECK(link("f", "g") == 0 && unlink("f") == 0 && remove("g") == 0);
	CHECK(chdir("/") == 0 && remove(name) == 0);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(names_that_exist_are_not_made_again),
		TEST(names_whose_directory_is_missing_are_not_made),
		TEST(sysfs_has_no_new_names_and_keeps_its_own),
		TEST(names_do_not_leave_their_file_system),
		TEST(links_are_not_made),
		TEST(what_is_made_is_not_in_the_real_system),
		TEST(other_names_change_as_ever),
	};

	/* The rules for root are tested; other users are refused by the directory. */
	if (geteuid())
		return 0;
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
