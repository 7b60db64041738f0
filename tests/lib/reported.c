/* SPDX-License-Identifier: MIT */
#include "reported.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kit.h"

static char path[] = "/tmp/uiommufd-said-XXXXXX";

int report_file_open(void **state)
{
	const int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return log_open(path);
}

int report_file_remove(void **state)
{
	(void)state;
	return unlink(path);
}

int report_file_clear(void)
{
	return truncate(path, 0);
}

bool reported(const char *text)
{
	char lines[16384] = "";
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t got = read(fd, lines, sizeof(lines) - 1);

	close(fd);
	return got > 0 && strstr(lines, text);
}

bool reported_soon(const char *text)
{
	for (unsigned int i = 0; i < 30000 && !reported(text); i++)
		usleep(1000);
	return reported(text);
}
