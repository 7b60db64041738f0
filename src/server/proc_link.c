/* SPDX-License-Identifier: MIT */
/* Cost for other paths: comparisons of their beginning. */
#include "server/proc_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "server/program_fd.h"
#include "server/union_path.h"

/* What follows @beginning in @path; NULL: it does not begin so. */
static const char *behind(const char *path, const char *beginning)
{
	const size_t len = strlen(beginning);

	return strncmp(path, beginning, len) == 0 ? path + len : NULL;
}

/* The number of the descriptor that @path names, of the program of @request; negative: none. */
static int named_fd(const struct request *request, const char *path)
{
	char own[32];
	const char *number;

	snprintf(own, sizeof(own), "/proc/%d/fd/", (int)request->client->caller.pid);
	number = behind(path, "/proc/self/fd/");
	if (!number)
		number = behind(path, "/proc/thread-self/fd/");
	if (!number)
		number = behind(path, "/dev/fd/");
	if (!number)
		number = behind(path, own);
	/* At most nine digits are no overflow. */
	if (!number || !*number || strlen(number) > 9 || number[strspn(number, "0123456789")])
		return -1;
	return atoi(number);
}

/* The name of the device node @node. False: it has none. */
static bool device_name(struct node node, char name[PATH_MAX])
{
	switch (node.kind) {
	case NODE_IOMMU:
		strcpy(name, "/dev/iommu");
		return true;
	case NODE_CONTAINER:
		strcpy(name, "/dev/vfio/vfio");
		return true;
	case NODE_GROUP:
		snprintf(name, PATH_MAX, "/dev/vfio/%u", node.number);
		return true;
	case NODE_CDEV:
		snprintf(name, PATH_MAX, "/dev/vfio/devices/vfio%u", node.number);
		return true;
	default:
		return false;
	}
}

bool proc_link_read(const struct request *request, const char *path, char name[PATH_MAX])
{
	const int fd = named_fd(request, path);
	struct uiommufd_file *file;
	char real[PATH_MAX];
	const char *inside;
	struct node node;

	if (fd < 0)
		return false;
	file = program_fd_file(request, fd, &node);
	if (file) {
		file_put(file);
		return device_name(node, name);
	}
	inside = program_fd_name(request, fd, real) > 0 ? union_strip(real) : NULL;
	if (!inside)
		return false;
	strcpy(name, inside);
	return true;
}
