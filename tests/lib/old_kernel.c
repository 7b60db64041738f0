/* SPDX-License-Identifier: MIT */
/*
 * Becomes a program that finds the system calls of Linux 5.10 and no later ones: old_kernel PROGRAM
 * [ARGUMENT]... A filter refuses what came later as that kernel does, and uname(2), which would
 * tell the version. What it cannot see are flags in memory (SECCOMP_ADDFD_FLAG_SEND of 5.14). With
 * --careless, madvise(2) gives 0 for advice that is not known, as qemu's emulation of a process
 * does.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range /* missing in older glibc */
#define SYS_close_range 436
#endif

enum {
	LAST_CALL = 440, /* process_madvise(2); later ones have the same numbers everywhere */
	MAX_CODE = 128,
	SKIPPED = 77, /* for Meson: qemu's emulation of a process has no filters */
};

/* A call is refused with @error if @argument, masked, is from @least to @most. */
static const struct later {
	unsigned int call, argument;
	uint32_t mask, least, most;
	int error;
} later[] = {
	/* MADV_POPULATE_READ (5.14) to MADV_COLLAPSE (6.1) */
	{SYS_madvise, 2, ~0u, 22, 25, EINVAL},
	/* PR_SET_SYSCALL_USER_DISPATCH (5.11) to PR_SCHED_CORE (5.14) and what follows */
	{SYS_prctl, 0, ~0u, 59, 99, EINVAL},
	/* PR_SET_VMA (5.17) */
	{SYS_prctl, 0, ~0u, 0x53564d41, 0x53564d41, EINVAL},
	/* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (5.19) */
	{SYS_seccomp, 1, 1u << 5, 1u << 5, 1u << 5, EINVAL},
	/* CLOSE_RANGE_CLOEXEC (5.11) */
	{SYS_close_range, 2, 4, 4, 4, EINVAL},
	/* UFFD_USER_MODE_ONLY (5.11) */
	{SYS_userfaultfd, 0, 1, 1, 1, EINVAL},
	/* MFD_NOEXEC_SEAL and MFD_EXEC (6.3) */
	{SYS_memfd_create, 1, 0x18, 0x8, 0x18, EINVAL},
	{SYS_uname, 0, 0, 0, 0, ENOSYS},
	/* PAGEMAP_SCAN (6.7): type 'f', number 16 */
	{SYS_ioctl, 1, 0xffff, 0x6610, 0x6610, ENOTTY},
};

static struct sock_filter code[MAX_CODE];
static unsigned int length;

static void add(uint16_t op, uint8_t yes, uint8_t no, uint32_t k)
{
	code[length++] = (struct sock_filter){op, yes, no, k};
}

static void load(size_t offset)
{
	add(BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void refuse(int error)
{
	add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | (uint32_t)error);
}

static void build(bool careless)
{
	load(offsetof(struct seccomp_data, nr));
	add(BPF_JMP | BPF_JGT | BPF_K, 0, 1, LAST_CALL);
	refuse(ENOSYS);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		const struct later *l = &later[i];

		load(offsetof(struct seccomp_data, nr));
		add(BPF_JMP | BPF_JEQ | BPF_K, 0, 5, l->call);
		/* Both kinds of processor are little-endian. */
		load(offsetof(struct seccomp_data, args) + 8 * l->argument);
		add(BPF_ALU | BPF_AND | BPF_K, 0, 0, l->mask);
		add(BPF_JMP | BPF_JGE | BPF_K, 0, 2, l->least);
		add(BPF_JMP | BPF_JGT | BPF_K, 1, 0, l->most);
		refuse(careless && l->call == SYS_madvise ? 0 : l->error);
	}
	add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
}

int main(int argc, char **argv)
{
	struct sock_fprog filter = {.filter = code};
	bool careless = argc > 1 && !strcmp(argv[1], "--careless");

	argv += careless ? 2 : 1;
	if (argc < (careless ? 3 : 2)) {
		fprintf(stderr, "usage: old_kernel [--careless] PROGRAM [ARGUMENT]...\n");
		return 2;
	}
	build(careless);
	filter.len = (unsigned short)length;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
		perror("old_kernel");
		return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 ? SKIPPED : 1;
	}
	execvp(argv[0], argv);
	perror(argv[0]);
	return 127;
}
