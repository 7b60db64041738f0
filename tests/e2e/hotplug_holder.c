/* SPDX-License-Identifier: MIT */
/*
 * A program that has a device open, for hotplug.py: opens the cdev that it is given, says "ready",
 * and then does what the lines of its standard input say:
 *
 * 	req, err	waits for that eventfd
 * 	quiet		whether neither has been signalled since: "quiet" or "signalled"
 * 	bar		the first register of BAR 0
 * 	registers	the first dword of config space past the IDs
 * 	msi		enables MSI: "enabled" or an error
 * 	open		opens the cdev once more: "opened" or an error
 * 	close		closes the device
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <uiommufd/vfio.h>

enum {
	CONFIG_REGION = 7,
	CLASS_REVISION = 8,
};

static int device, req, err;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* SET_IRQS of one eventfd, which is returned; -1: an error. */
static int set_eventfd(uint32_t index)
{
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} irqs = {.set = {
			  .argsz = sizeof(irqs),
			  .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			  .index = index,
			  .count = 1,
		  }};
	int fd = eventfd(0, 0);

	memcpy(irqs.set.data, &fd, sizeof(fd));
	return fd < 0 || ioctl(device, VFIO_DEVICE_SET_IRQS, &irqs) ? -1 : fd;
}

static int watch(uint32_t index)
{
	int fd = set_eventfd(index);

	if (fd < 0)
		die("SET_IRQS");
	return fd;
}

static void open_device(const char *path)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};

	bind.iommufd = open("/dev/iommu", O_RDWR);
	device = open(path, O_RDWR);
	if (bind.iommufd < 0 || device < 0 || ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		die(path);
	req = watch(VFIO_PCI_REQ_IRQ_INDEX);
	err = watch(VFIO_PCI_ERR_IRQ_INDEX);
}

static const char *wait_for(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? "signalled" : strerror(errno);
}

static const char *look(void)
{
	struct pollfd fds[] = {{.fd = req, .events = POLLIN}, {.fd = err, .events = POLLIN}};

	return poll(fds, 2, 0) ? "signalled" : "quiet";
}

static void print_dword(uint64_t region, uint64_t off)
{
	uint32_t value = 0;

	if (pread(device, &value, sizeof(value), (off_t)(region << 40 | off)) != sizeof(value))
		puts(strerror(errno));
	else
		printf("0x%x\n", value);
}

static const char *open_again(const char *path)
{
	int fd = open(path, O_RDWR);

	if (fd < 0)
		return strerror(errno);
	close(fd);
	return "opened";
}

int main(int argc, char **argv)
{
	char line[32];

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_device(argv[1]);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "req") == 0)
			puts(wait_for(req));
		else if (strcmp(line, "err") == 0)
			puts(wait_for(err));
		else if (strcmp(line, "quiet") == 0)
			puts(look());
		else if (strcmp(line, "bar") == 0)
			print_dword(0, 0);
		else if (strcmp(line, "registers") == 0)
			print_dword(CONFIG_REGION, CLASS_REVISION);
		else if (strcmp(line, "msi") == 0)
			puts(set_eventfd(VFIO_PCI_MSI_IRQ_INDEX) < 0 ? strerror(errno) : "enabled");
		else if (strcmp(line, "open") == 0)
			puts(open_again(argv[1]));
		else
			printf("%d\n", close(device));
	}
	return 0;
}
