/* SPDX-License-Identifier: MIT */
/*
 * The only program of a guest: loads the modules in /modules, in the order of their names, and
 * prints what they have made of the devices. Linked statically.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Calls @each with the path of all that is in @folder, in the order of the names. */
static void for_each(const char *folder, void (*each)(const char *path))
{
	struct dirent **entries;
	int n = scandir(folder, &entries, visible, alphasort);

	for (int i = 0; i < n; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		each(path);
	}
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (syscall(SYS_finit_module, fd, "", 0))
		printf("guest: %s: %s\n", path, strerror(errno));
}

/* The lines of @path that hold @word. */
static void print_lines(const char *path, const char *word)
{
	FILE *file = fopen(path, "r");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		if (strstr(line, word))
			printf("guest: %s", line);
	}
}

static void print_driver(const char *device)
{
	char path[600], driver[600] = "";

	snprintf(path, sizeof(path), "%s/driver", device);
	if (readlink(path, driver, sizeof(driver) - 1) > 0)
		printf("guest: driver of %s: %s\n", strrchr(device, '/') + 1,
		       strrchr(driver, '/') + 1);
}

static void print_channel(const char *channel)
{
	printf("guest: DMA channel %s\n", strrchr(channel, '/') + 1);
}

/* dmatest, if it is built in and was told to run, answers when it has ended. */
static void wait_for_dmatest(void)
{
	char answer;
	int fd = open("/sys/module/dmatest/parameters/wait", O_RDONLY);

	if (fd >= 0 && read(fd, &answer, 1) < 0)
		printf("guest: dmatest: %s\n", strerror(errno));
}

int main(void)
{
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	for_each("/modules", load);
	for_each("/sys/bus/pci/devices", print_driver);
	for_each("/sys/class/dma", print_channel);
	wait_for_dmatest();
	print_lines("/proc/interrupts", "ioat");
	printf("guest: done\n");
	fflush(stdout);
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	return 1;
}
