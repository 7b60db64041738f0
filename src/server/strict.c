/* SPDX-License-Identifier: MIT */
/*
 * The tracer has the program's thread install the filter, which is below its stack for that time:
 * beyond the part that the program may use there, as a signal's frame would be.
 */
#include "server/strict.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/check.h"
#include "server/tracer.h"

enum {
	RED_ZONE = 128,
	FRAME_ALIGN = 16,
	PERMITTED = 4,
};

/* What is written for the thread. */
struct image {
	struct sock_fprog program;
	struct sock_filter code[PERMITTED + 3];
};

static const unsigned short permitted[PERMITTED] = {SYS_read, SYS_write, SYS_exit,
						    SYS_rt_sigreturn};

static struct image image_at(uint64_t addr)
{
	struct image image = {.program.filter =
				      (void *)(uintptr_t)(addr + offsetof(struct image, code))};
	struct sock_filter *next = image.code;

	*next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					       offsetof(struct seccomp_data, nr));
	for (unsigned int i = 0; i < PERMITTED; i++)
		*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, permitted[i],
						       (unsigned char)(PERMITTED - i), 0);
	*next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD);
	*next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	image.program.len = (unsigned short)(next - image.code);
	return image;
}

/* Where the thread of @request, which waits, has its stack; 0: it is not known. */
static uint64_t stack_of(const struct request *request)
{
	unsigned long number, args[6], stack = 0;
	char text[256];
	ssize_t len;
	int fd = openat(request->task, "syscall", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len < 0 ? 0 : len] = '\0';
	return sscanf(text, "%lu %lx %lx %lx %lx %lx %lx %lx", &number, &args[0], &args[1],
		      &args[2], &args[3], &args[4], &args[5], &stack) == 8
		       ? stack
		       : 0;
}

/* On the tracer. @arg: the address of the program. */
static long install(void *arg)
{
	const uint64_t *addr = arg;
	const struct seccomp_data promise = {.nr = SYS_prctl, .args = {PR_SET_NO_NEW_PRIVS, 1}};
	const struct seccomp_data call = {.nr = SYS_seccomp,
					  .args = {SECCOMP_SET_MODE_FILTER, 0, *addr}};
	long rc = tracer_make_call(&call);

	if (rc != -EACCES)
		return rc;
	/* It may have given up what it needs for a filter. It executes nothing any more. */
	rc = tracer_make_call(&promise);
	return rc ? rc : tracer_make_call(&call);
}

struct answer strict_answer(struct request *request)
{
	const uint64_t stack = stack_of(request);
	uint64_t addr = align_down(stack - RED_ZONE - sizeof(struct image), FRAME_ALIGN);
	const struct image image = image_at(addr);

	if (!stack || caller_write(&request->client->caller, addr, &image, sizeof(image)))
		return answer_by_kernel();
	return tracer_stop_for(request, NULL, install, &addr)
		       ? (struct answer){.kind = ANSWER_GIVEN}
		       : answer_by_kernel();
}
