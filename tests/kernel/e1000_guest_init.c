/* SPDX-License-Identifier: MIT */
/*
 * The only program of a guest with an e1000: loads the driver, gives the interface an address,
 * sends data to a server that returns it, and compares. Linked statically.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	BYTES = 4 << 20,
	PATIENCE_MS = 60000,
};

static uint8_t out[BYTES], in[BYTES];

static void load_driver(void)
{
	int fd = open("/modules/e1000.ko", O_RDONLY);

	if (syscall(SYS_finit_module, fd, "", 0))
		printf("guest: e1000.ko: %s\n", strerror(errno));
	close(fd);
}

static bool set_address(const char *interface, const char *text)
{
	struct ifreq request = {.ifr_addr.sa_family = AF_INET};
	struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(request.ifr_name, interface);
	inet_pton(AF_INET, text, &address->sin_addr);
	if (ioctl(fd, SIOCSIFADDR, &request))
		return false;
	inet_pton(AF_INET, "255.255.255.0", &address->sin_addr);
	if (ioctl(fd, SIOCSIFNETMASK, &request) || ioctl(fd, SIOCGIFFLAGS, &request))
		return false;
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		return false;
	close(fd);
	return true;
}

static int connect_to(const char *text, unsigned int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = -1;

	inet_pton(AF_INET, text, &address.sin_addr);
	for (int i = 0; i < 20; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
			return fd;
		close(fd);
		sleep(1);
	}
	return -1;
}

/* Sends all, and receives it meanwhile. */
static bool echo(int fd)
{
	struct pollfd poll_fd = {.fd = fd};
	size_t sent = 0, got = 0;
	ssize_t part;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (got < BYTES) {
		poll_fd.events = (short)(POLLIN | (sent < BYTES ? POLLOUT : 0));
		if (poll(&poll_fd, 1, PATIENCE_MS) <= 0)
			return false;
		if (poll_fd.revents & POLLOUT && sent < BYTES) {
			part = write(fd, out + sent, BYTES - sent);
			sent += part > 0 ? (size_t)part : 0;
		}
		if (!(poll_fd.revents & POLLIN))
			continue;
		part = read(fd, in + got, BYTES - got);
		if (part <= 0)
			return false;
		got += (size_t)part;
	}
	return memcmp(in, out, BYTES) == 0;
}

static void show(const char *path, const char *what)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	if (read(fd, text, sizeof(text) - 1) < 0)
		return;
	close(fd);
	text[strcspn(text, "\n")] = '\0';
	printf("guest: %s: %s\n", what, text);
}

int main(void)
{
	int fd;

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	load_driver();
	printf("guest: up: %s\n", set_address("eth0", "10.0.2.15") ? "ok" : strerror(errno));
	fd = connect_to("10.0.2.100", 7);
	printf("guest: connect: %s\n", fd >= 0 ? "ok" : strerror(errno));
	for (size_t i = 0; i < BYTES; i++)
		out[i] = (uint8_t)(i * 2654435761u >> 13);
	printf("guest: echo: %s\n", fd >= 0 && echo(fd) ? "ok" : "failed");
	show("/sys/class/net/eth0/speed", "speed");
	show("/sys/class/net/eth0/statistics/rx_errors", "receive errors");
	show("/sys/class/net/eth0/statistics/tx_errors", "send errors");
	printf("guest: done\n");
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	return 0;
}
