/* SPDX-License-Identifier: MIT */
/*
 * Opens /dev/iommu and a device for a QEMU that opens neither, as libvirt and kata do.
 *
 * 	launcher exec PROGRAM ARGUMENT...	  executes the program, which inherits both
 * 	launcher send SOCKET			  sends both to who listens there
 * 	launcher receive SOCKET PROGRAM...	  listens there, and executes it with them
 *
 * Their numbers stand where the arguments have IOMMU and DEVICE.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	IOMMU,
	DEVICE,
	COUNT,
	ATTEMPTS = 600,
};

static const char *const names[COUNT] = {"IOMMU", "DEVICE"};
static int fds[COUNT];

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int open_both(void)
{
	fds[IOMMU] = open("/dev/iommu", O_RDWR);
	if (fds[IOMMU] < 0)
		return fail("/dev/iommu");
	fds[DEVICE] = open("/dev/vfio/devices/vfio0", O_RDWR);
	return fds[DEVICE] < 0 ? fail("/dev/vfio/devices/vfio0") : 0;
}

/* @argument with the numbers in it; it is never freed. */
static char *fill_in(char *argument)
{
	for (int i = 0; i < COUNT; i++) {
		char *at = strstr(argument, names[i]);
		char *filled;

		if (!at)
			continue;
		if (asprintf(&filled, "%.*s%d%s", (int)(at - argument), argument, fds[i],
			     at + strlen(names[i])) < 0)
			exit(fail("memory"));
		argument = filled;
	}
	return argument;
}

static int execute(char **program)
{
	for (char **argument = program; *argument; argument++)
		*argument = fill_in(*argument);
	execvp(program[0], program);
	return fail(program[0]);
}

/* A message of one byte with room for both descriptors. */
struct message {
	struct msghdr header;
	struct iovec data;
	char byte;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fds))];
};

static struct msghdr *prepare(struct message *message)
{
	message->data = (struct iovec){.iov_base = &message->byte, .iov_len = 1};
	message->header = (struct msghdr){.msg_iov = &message->data,
					  .msg_iovlen = 1,
					  .msg_control = message->control,
					  .msg_controllen = sizeof(message->control)};
	return &message->header;
}

static int transfer(const char *path,
		    int (*how)(int fd, const struct sockaddr *name, socklen_t len))
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return how(fd, (const struct sockaddr *)&name, sizeof(name)) ? -1 : fd;
}

static int send_both(const char *path)
{
	struct message message = {.byte = 0};
	struct msghdr *header = prepare(&message);
	struct cmsghdr *rights = CMSG_FIRSTHDR(header);
	int fd = -1;

	for (int i = 0; i < ATTEMPTS && fd < 0; i++, usleep(100000))
		fd = transfer(path, connect);
	*rights = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fds)),
				   .cmsg_level = SOL_SOCKET,
				   .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(rights), fds, sizeof(fds));
	return sendmsg(fd, header, 0) == 1 ? 0 : fail("sendmsg");
}

static int receive_both(const char *path)
{
	struct message message;
	struct msghdr *header = prepare(&message);
	int listener = transfer(path, bind);
	int fd = listen(listener, 1) ? -1 : accept(listener, NULL, NULL);

	if (recvmsg(fd, header, 0) != 1 || !CMSG_FIRSTHDR(header))
		return fail("recvmsg");
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(header)), sizeof(fds));
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "exec") == 0)
		return open_both() ? 1 : execute(argv + 2);
	if (argc == 3 && strcmp(argv[1], "send") == 0)
		return open_both() ? 1 : send_both(argv[2]);
	if (argc > 3 && strcmp(argv[1], "receive") == 0)
		return receive_both(argv[2]) ? 1 : execute(argv + 3);
	return 2;
}
