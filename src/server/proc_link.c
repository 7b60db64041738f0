/* SPDX-License-Identifier: MIT */
/* Cost for other paths: comparisons of their beginning. */
#include "server/proc_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/dev_names.h"
#include "base/file.h"
#include "server/proc_file.h"
#include "server/program_fd.h"
#include "server/union_path.h"

/* A path, from its link on. */
struct link {
	pid_t pid;	  /* of whose /proc/PID it is */
	const char *text; /* "fd/7", "cwd" or "root" */
	const char *rest; /* "", or what is behind the link, from its slash on */
	bool names;	  /* the text of the link is wanted, not what it leads to */
};

/* What follows @beginning in @path; NULL: it does not begin so. */
static const char *behind(const char *path, const char *beginning)
{
	const size_t len = strlen(beginning);

	return strncmp(path, beginning, len) == 0 ? path + len : NULL;
}

int proc_link_number(const char **text)
{
	const size_t digits = strspn(*text, "0123456789");
	const int number = digits && digits <= 9 ? atoi(*text) : -1;

	*text += digits;
	return number;
}

/* What follows task/TID/ in @text, which is below /proc/@pid, and *@tid; NULL: it is no such. */
static const char *behind_thread(const char *text, pid_t pid, pid_t *tid)
{
	char name[48];

	text = behind(text, "task/");
	*tid = text ? proc_link_number(&text) : -1;
	if (*tid <= 0 || *text != '/')
		return NULL;
	snprintf(name, sizeof(name), "/proc/%d/task/%d", pid, *tid);
	return access(name, F_OK) ? NULL : text + 1;
}

/* What follows /proc/PID/ or /proc/PID/task/TID/ in @path, and *@pid; NULL: it is no such path. */
static const char *behind_process(const char *path, pid_t self, pid_t *pid)
{
	const char *text = behind(path, "/proc/self/"), *of_thread;
	pid_t tid;

	*pid = self;
	if (!text)
		text = behind(path, "/proc/thread-self/");
	if (!text) {
		text = behind(path, "/proc/");
		*pid = text ? proc_link_number(&text) : -1;
		if (*pid <= 0 || *text != '/')
			return NULL;
		text++;
	}
	of_thread = behind_thread(text, *pid, &tid);
	if (!of_thread)
		return text;
	*pid = tid;
	return of_thread;
}

void proc_link_name_process(const struct request *request, char path[PATH_MAX])
{
	const int pid = (int)request->client->caller.pid, tid = (int)request->call->pid;
	const char *of_process = behind(path, "/proc/self/");
	const char *of_thread = behind(path, "/proc/thread-self/");
	char text[PATH_MAX];
	int len = PATH_MAX;

	if (of_process)
		len = snprintf(text, sizeof(text), "/proc/%d/%s", pid, of_process);
	else if (of_thread)
		len = snprintf(text, sizeof(text), "/proc/%d/task/%d/%s", pid, tid, of_thread);
	if (len < PATH_MAX)
		strcpy(path, text);
}

static bool find_link(const struct request *request, const char *path, struct link *link)
{
	const pid_t self = request->client->caller.pid;
	const char *end;

	link->text = behind(path, "/dev/fd/");
	if (link->text) {
		link->text -= strlen("fd/");
		link->pid = self;
	} else {
		link->text = behind_process(path, self, &link->pid);
	}
	if (!link->text)
		return false;
	end = behind(link->text, "fd/");
	if (end && proc_link_number(&end) < 0)
		return false;
	if (!end)
		end = behind(link->text, "cwd");
	if (!end)
		end = behind(link->text, "root");
	link->rest = end;
	return end && (*end == '\0' || *end == '/');
}

/* The name of the device node @node. False: it has none. */
static bool device_name(struct node node, char name[PATH_MAX])
{
	switch (node.kind) {
	case NODE_IOMMU:
		strcpy(name, DEV_IOMMU);
		return true;
	case NODE_CONTAINER:
		strcpy(name, DEV_CONTAINER);
		return true;
	case NODE_GROUP:
		snprintf(name, PATH_MAX, DEV_GROUP, node.number);
		return true;
	case NODE_CDEV:
		snprintf(name, PATH_MAX, DEV_CDEV, node.number);
		return true;
	default:
		return false;
	}
}

/* What the link is the kernel's name of, in the directory @task of its process. */
static bool read_link(int task, const struct link *link, char name[PATH_MAX])
{
	char text[32];
	ssize_t len;

	snprintf(text, sizeof(text), "%.*s", (int)(link->rest - link->text), link->text);
	len = readlinkat(task, text, name, PATH_MAX - 1);
	name[len < 0 ? 0 : len] = '\0';
	return len > 0;
}

/* In the directory @task of its process. */
static bool follow_link(int task, const struct link *link, char name[PATH_MAX])
{
	const struct request of_process = {.task = task};
	const char *number = behind(link->text, "fd/");
	struct uiommufd_file *file = NULL;
	char real[PATH_MAX];
	const char *inside;
	struct node node;

	if (number)
		file = program_fd_file(&of_process, proc_link_number(&number), &node);
	if (file) {
		if (link->names && node.kind == NODE_NONE)
			snprintf(name, PATH_MAX, "%s", file->ops->name);
		file_put(file);
		return !*link->rest &&
		       (device_name(node, name) || (link->names && node.kind == NODE_NONE));
	}
	if (!read_link(task, link, real))
		return false;
	inside = union_strip(real);
	/* A directory of the real system may lead to the emulated part. */
	if (!inside && (!*link->rest || real[0] != '/'))
		return false;
	return snprintf(name, PATH_MAX, "%s%s", inside ? inside : real, link->rest) < PATH_MAX;
}

/*
 * Whether the program of @request may look into the process with the directory @task, which is
 * another one: the kernel gives the directory to the process's user, or to root if no other may.
 */
static bool may_look(const struct request *request, int task)
{
	const uint32_t uid = caller_uid(&request->client->caller);
	struct stat st;

	return uid == 0 || (!fstat(task, &st) && st.st_uid == uid);
}

/* The directory of the process @pid, for proc_link_leave(), or a negative errno. */
static int enter(const struct request *request, pid_t pid)
{
	int task;

	/* It need not have made a call that the server has seen. */
	if (pid == request->client->caller.pid || pid == (pid_t)request->call->pid)
		return request->task;
	task = proc_file_open(pid);
	if (task < 0 || may_look(request, task))
		return task;
	close(task);
	return -EACCES;
}

int proc_link_enter(const struct request *request, const char *path, const char **rest)
{
	pid_t pid;

	*rest = behind_process(path, request->client->caller.pid, &pid);
	return *rest ? enter(request, pid) : -ENOENT;
}

void proc_link_leave(const struct request *request, int task)
{
	if (task != request->task)
		close(task);
}

static bool follow_of_process(const struct request *request, const struct link *link,
			      char name[PATH_MAX])
{
	int task = enter(request, link->pid);
	bool found;

	if (task < 0)
		return false;
	found = follow_link(task, link, name);
	proc_link_leave(request, task);
	return found;
}

bool proc_link_read(const struct request *request, const char *path, bool follow,
		    char name[PATH_MAX])
{
	struct link link = {.names = false};

	return find_link(request, path, &link) && (*link.rest || follow) &&
	       follow_of_process(request, &link, name);
}

bool proc_link_name(const struct request *request, const char *path, char name[PATH_MAX])
{
	struct link link = {.names = true};

	return find_link(request, path, &link) && !*link.rest &&
	       follow_of_process(request, &link, name);
}
