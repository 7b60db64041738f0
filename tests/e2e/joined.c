/* SPDX-License-Identifier: MIT */
/*
 * A program that joins a machine (tests/e2e/machine.py): joined WHAT. Its standard input is where
 * it is told to go on, and a socket for the descriptors that it passes.
 *
 * 	hold	has the device until the input ends; says "ready" when it has mapped memory for DMA
 * 	take	the status of what a second program can do: the errno of binding the device
 * 	give	sends the context and the device over the input, and waits for the other program
 * 	get	receives them there, maps memory of its own, and does DMA to it
 * 	outlive	says "ready", makes calls until one fails, and says the errno
 */
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "check.h"
#include "device.h"

enum {
	IOVA = 0x100000,
	PAGE = 4096,
};

static bool wait_for_end(void)
{
	char byte;

	return read(STDIN_FILENO, &byte, 1) >= 0;
}

static void say(const char *word)
{
	puts(word);
	(void)fflush(stdout);
}

static int hold(void)
{
	set_up();
	CHECK(map(scratch(), PAGE, IOVA) == 0);
	say(check_failed ? "failed" : "ready");
	return !wait_for_end() || check_failed;
}

static int outlive(void)
{
	char number[16];

	set_up();
	say(check_failed ? "failed" : "ready");
	while (new_ioas(context) >= 0)
		continue;
	snprintf(number, sizeof(number), "%d", errno);
	say(number);
	return 0;
}

static int take(void)
{
	struct bind bind = {.argsz = sizeof(bind), .iommufd = open("/dev/iommu", O_RDWR)};
	int fd = open(device_path, O_RDWR);

	return fd >= 0 && ioctl(fd, BIND_IOMMUFD, &bind) == 0 ? 0 : errno;
}

union rights {
	struct cmsghdr header;
	char space[CMSG_SPACE(2 * sizeof(int))];
};

static int give(void)
{
	uint64_t numbers[] = {(uint64_t)0, 0};
	union rights rights = {.header = {.cmsg_len = CMSG_LEN(2 * sizeof(int)),
					  .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS}};
	struct iovec data = {.iov_base = numbers, .iov_len = sizeof(numbers)};
	const struct msghdr message = {.msg_iov = &data,
				       .msg_iovlen = 1,
				       .msg_control = &rights,
				       .msg_controllen = sizeof(rights)};
	int fds[2];

	set_up();
	numbers[0] = (uint64_t)ioas;
	numbers[1] = registers;
	fds[0] = context;
	fds[1] = device;
	memcpy(CMSG_DATA(&rights.header), fds, sizeof(fds));
	CHECK(sendmsg(STDIN_FILENO, &message, 0) == sizeof(numbers));
	/* They are in flight, or the other program's. */
	tear_down();
	return !wait_for_end() || check_failed;
}

static int get(void)
{
	uint64_t numbers[2] = {0};
	union rights rights;
	struct iovec data = {.iov_base = numbers, .iov_len = sizeof(numbers)};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &rights,
				 .msg_controllen = sizeof(rights)};
	unsigned char *memory =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2];

	CHECK(recvmsg(STDIN_FILENO, &message, 0) == sizeof(numbers));
	memcpy(fds, CMSG_DATA(&rights.header), sizeof(fds));
	ioas = (int)numbers[0];
	registers = numbers[1];
	context = fds[0];
	device = fds[1];
	map_scratch();
	CHECK(map(memory, PAGE, IOVA) == 0);
	dma_write(IOVA, 0x5a);
	CHECK(memory[0] == 0x5a);
	memory[0] = 0x77;
	CHECK(dma_read(IOVA) == 0x77);
	return check_failed;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		int (*run)(void);
	} words[] = {
		{"hold", hold}, {"take", take}, {"give", give}, {"get", get}, {"outlive", outlive}};

	for (size_t i = 0; argc == 2 && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, argv[1]) == 0)
			return words[i].run();
	}
	return 2;
}
