/* SPDX-License-Identifier: MIT */
/*
 * The only program of a guest with an NVMe disk: loads the modules in /modules, in the order of
 * their names, mounts the disk, writes files, and compares what it reads back. Linked statically.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	FILES = 12,
	PARTS = 2,
	PART = 1 << 20,
};

#define DISK "/dev/nvme0n1"

static char part[PART];

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load_modules(void)
{
	struct dirent **entries;
	int n = scandir("/modules", &entries, visible, alphasort);

	for (int i = 0; i < n; i++) {
		char path[512];
		int fd;

		snprintf(path, sizeof(path), "/modules/%s", entries[i]->d_name);
		fd = open(path, O_RDONLY);
		if (syscall(SYS_finit_module, fd, "", 0))
			printf("guest: %s: %s\n", path, strerror(errno));
		close(fd);
	}
}

static const char *path_of(int file)
{
	static char path[64];

	snprintf(path, sizeof(path), "/mnt/file%d", file);
	return path;
}

static int open_file(int file, int flags)
{
	return open(path_of(file), flags, 0644);
}

static bool write_file(int file)
{
	int fd = open_file(file, O_WRONLY | O_CREAT);
	bool good = fd >= 0;

	for (int i = 0; good && i < PARTS; i++) {
		memset(part, file * PARTS + i + 1, PART);
		good = write(fd, part, PART) == PART;
	}
	good = good && !fsync(fd);
	close(fd);
	return good;
}

static bool compare_file(int file)
{
	int fd = open_file(file, O_RDONLY);
	bool good = fd >= 0;

	for (int i = 0; good && i < PARTS; i++) {
		good = read(fd, part, PART) == PART;
		for (int at = 0; good && at < PART; at++)
			good = part[at] == file * PARTS + i + 1;
	}
	close(fd);
	return good;
}

/* What is read then comes from the disk. */
static bool forget(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	bool good = fd >= 0 && write(fd, "3", 1) == 1;

	close(fd);
	return good;
}

static void check(const char *what, bool good)
{
	printf("guest: %s: %s\n", what, good ? "ok" : strerror(errno));
	fflush(stdout);
}

static void use_disk(void)
{
	bool good = true;

	check("mount", !mount(DISK, "/mnt", "ext4", 0, "discard"));
	for (int i = 0; i < FILES; i++)
		good = write_file(i) && good;
	check("write", good);
	sync();
	good = forget();
	for (int i = 0; i < FILES; i++)
		good = compare_file(i) && good;
	check("compare", good);
	for (int i = 0; i < FILES; i += 3)
		unlink(path_of(i));
	check("unmount", !umount("/mnt"));
}

int main(void)
{
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	for (int i = 0; i < 300 && access(DISK, F_OK); i++)
		usleep(100000);
	use_disk();
	printf("guest: done\n");
	fflush(stdout);
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	return 1;
}
