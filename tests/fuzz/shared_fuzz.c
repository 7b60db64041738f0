/* SPDX-License-Identifier: MIT */
/*
 * System calls of a program that shares a machine: what the server copies from it is hostile.
 *
 * The program is a child that only waits: its memory is real, in a place that the input fills, and
 * so are its descriptors, while its calls come from the input. The kernel's answers about a call
 * that waits are given here in place of a listener's (ioctl()), and nothing is traced.
 *
 * What must hold: nothing crashes, every answer is one that a call can have, and when the program
 * has ended nothing of it is left.
 *
 * Input: how many pages of the program's memory to fill and with what, then calls, each a number
 * and six arguments; before those of a call through shared memory, its number and the state of the
 * slot.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/world.h"
#include "fuzz.h"
#include "mem/guard.h"
#include "require.h"
#include "server/answer.h"
#include "server/answer_memory.h"
#include "server/attendant.h"
#include "server/client.h"
#include "server/files.h"
#include "server/mapped.h"
#include "server/opened.h"
#include "server/proc_file.h"
#include "server/tracer.h"
#include "server/union_path.h"

enum {
	LISTENER = -100, /* no descriptor */
	MEMORY = 0x10000,
	MEMORY_SIZE = 0x10000,
	FIRST_FD = 200, /* of the program's emulated files */
	GIVEN_FD = 900, /* what it is told of those that it gets */
	MOST_CALLS = 24,
	MOST_INPUTS = 16, /* of one program: starting one takes as long as they do */
	MOST_ERRNO = 4095,
	THROUGH_SLOT = -1, /* no number: the call comes through shared memory, with its own */
};

static const struct {
	struct node node;
	const char *path;
} nodes[] = {
	{{.kind = NODE_IOMMU}, "/dev/iommu"},
	{{.kind = NODE_CDEV}, "/dev/vfio/devices/vfio0"},
	{{.kind = NODE_CONTAINER}, "/dev/vfio/vfio"},
};

enum {
	FILES = sizeof(nodes) / sizeof(nodes[0]),
};

static const int numbers[] = {
	SYS_ioctl,
	SYS_ioctl,
	SYS_ioctl,
	SYS_ioctl,
	SYS_mmap,
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_pread64,
	SYS_pwrite64,
	SYS_preadv,
	SYS_pwritev,
	SYS_preadv2,
	SYS_pwritev2,
	SYS_dup,
	SYS_dup3,
	SYS_fcntl,
	SYS_munmap,
	SYS_mremap,
	SYS_brk,
	SYS_shmat,
	SYS_shmdt,
	SYS_madvise,
	SYS_ftruncate,
	SYS_fallocate,
	SYS_fstat,
	SYS_execve,
	SYS_execveat,
	SYS_statfs,
	SYS_fstatfs,
	SYS_truncate,
	SYS_openat,
	SYS_openat2,
	SYS_statx,
	SYS_newfstatat,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_readlinkat,
	SYS_mkdirat,
	SYS_linkat,
	SYS_renameat2,
	SYS_unlinkat,
	440 /* process_madvise */,
	SYS_exit_group,
	SYS_splice,
	SYS_sendfile,
	SYS_chdir,
	SYS_getcwd,
	SYS_getdents64,
	THROUGH_SLOT,
};

enum {
	NUMBERS = sizeof(numbers) / sizeof(numbers[0]),
};

/* ---- in place of the kernel and the tracer ---- */

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
bool __wrap_tracer_map(struct request *request, int fd, uint64_t offset, int *error);
bool __wrap_tracer_stop_for(struct request *request, int *fd, long (*work)(void *arg), void *arg);
bool __wrap_tracer_release(struct request *request);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	void *arg;
	va_list list;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	if (fd != LISTENER)
		return __real_ioctl(fd, request, arg);
	return request == SECCOMP_IOCTL_NOTIF_ADDFD ? GIVEN_FD : 0;
}

bool __wrap_tracer_map(struct request *request, int fd, uint64_t offset, int *error)
{
	(void)request;
	(void)offset;
	close(fd);
	*error = -EPERM;
	return false;
}

bool __wrap_tracer_stop_for(struct request *request, int *fd, long (*work)(void *arg), void *arg)
{
	(void)request;
	if (fd)
		close(*fd);
	(void)work;
	(void)arg;
	return false;
}

bool __wrap_tracer_release(struct request *request)
{
	(void)request;
	return false;
}

/* ---- the program ---- */

static struct {
	pid_t pid; /* 0: there is none */
	int inputs;
	unsigned char *memory; /* its memory, as it is here */
} program;

static void open_files(void)
{
	for (int i = 0; i < FILES; i++) {
		struct uiommufd_file *file;
		int end;

		require(!files_open(nodes[i].node, nodes[i].path, uiommufd_caller_self(), &file));
		require(!opened_make(file, nodes[i].node, NULL, &end));
		require(dup2(end, FIRST_FD + i) == FIRST_FD + i);
		close(end);
	}
}

static void close_files(void)
{
	for (int i = 0; i < FILES; i++)
		close(FIRST_FD + i);
}

/* Maps the program's memory at @at, or anywhere. */
static void *map_memory(int fd, void *at)
{
	void *memory = mmap(at, MEMORY_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0), fd, 0);

	require(memory != MAP_FAILED && (!at || memory == at));
	return memory;
}

static void start_program(void)
{
	int fd = memfd_create("program", MFD_CLOEXEC);
	void *there;

	require(fd >= 0 && !ftruncate(fd, MEMORY_SIZE));
	program.memory = map_memory(fd, NULL);
	there = map_memory(fd, (void *)MEMORY);
	close(fd);
	open_files();
	program.inputs = 0;
	program.pid = fork();
	if (!program.pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	require(program.pid > 0);
	/* Its addresses mean nothing here. */
	require(!munmap(there, MEMORY_SIZE));
	close_files();
}

static void end_program(void)
{
	pid_t ended;

	require(!kill(program.pid, SIGKILL));
	/* The fuzzer has a timer. */
	do
		ended = waitpid(program.pid, NULL, 0);
	while (ended < 0 && errno == EINTR);
	require(ended == program.pid);
	program.pid = 0;
	opened_drain();
	mapped_sweep();
	require(!displace_possible());
	require(!munmap(program.memory, MEMORY_SIZE));
}

static void fill_memory(struct fuzz_input *input)
{
	size_t filled = fuzz_bytes(input, 2) % MEMORY_SIZE;

	if (filled > input->left)
		filled = input->left;
	memcpy(program.memory, input->data, filled);
	input->data += filled;
	input->left -= filled;
}

/* ---- the machine ---- */

static char root[] = "/tmp/uiommufd-shared-fuzz-XXXXXX";

static void clean_up(void)
{
	char command[sizeof(root) + 16];

	if (program.pid)
		end_program();
	snprintf(command, sizeof(command), "rm -r %s", root);
	(void)!system(command);
}

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	if (!text) {
		require(!mkdir(path, 0700));
		return;
	}
	out = fopen(path, "we");
	require(out);
	fputs(text, out);
	fclose(out);
}

/* What is wrong with the calls would fill the terminal. */
static void say_nothing(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	(void)line;
}

/* What is in the shadow root; without a text, a directory. */
static const struct {
	const char *name, *text;
} entries[] = {
	{"dev", NULL},
	{"dev/vfio", NULL},
	{"dev/vfio/devices", NULL},
	{"dev/iommu", ""},
	{"dev/vfio/vfio", ""},
	{"dev/vfio/devices/vfio0", ""},
	{"sys", NULL},
	{"sys/devices", NULL},
	{"sys/devices/pci0000:01", NULL},
	{"sys/devices/pci0000:01/0000:01:00.0", NULL},
	{"sys/devices/pci0000:01/0000:01:00.0/driver", ""},
	{"machine", "iommu amd,name=amd0\n"
		    "device edu@0000:01:00.0,iommu=amd0,group=0,index=0\n"},
};

static void start(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	require(mkdtemp(root));
	(void)atexit(clean_up);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		put(entries[i].name, entries[i].text);
	log_set_sink(say_nothing, NULL);
	union_set_root(root);
	displace_enable();
	require(!files_build_machine(root));
	require(!opened_start());
	require(!guard_install());
}

/* ---- calls ---- */

static uint64_t argument(struct fuzz_input *input)
{
	switch (fuzz_byte(input) % 8) {
	case 0:
		return fuzz_byte(input);
	case 1:
	case 2:
		return MEMORY + fuzz_bytes(input, 2);
	case 3:
		return FIRST_FD + fuzz_byte(input) % FILES;
	case 4:
		return (uint64_t)AT_FDCWD;
	case 5:
		return (uint64_t)';' << 8 | fuzz_byte(input);
	case 6:
		return fuzz_bytes(input, 4) << 12;
	default:
		return fuzz_bytes(input, 8);
	}
}

static void check(const struct answer *answer)
{
	if (answer->kind == ANSWER_RESULT)
		require(answer->value >= 0 || answer->value >= -MOST_ERRNO);
}

/* A call that the thread has not made, in a slot that it changes as it likes. */
static void call_through_slot(pid_t pid, struct fuzz_input *input)
{
	struct call_slot slot = {.number = numbers[fuzz_byte(input) % NUMBERS]};
	struct attendant attendant = {.slot = &slot, .client = client_find(pid), .tid = pid};
	struct answer answer = {.kind = ANSWER_RESULT};

	atomic_store(&slot.state, (uint32_t)fuzz_bytes(input, 4));
	for (int i = 0; i < SLOT_ARGUMENTS; i++)
		slot.args[i] = argument(input);
	/* It has made no call before. */
	if (!attendant.client)
		return;
	attendant.task = proc_file_open(pid);
	require(attendant.task >= 0);
	attendant_answer(&attendant);
	close(attendant.task);
	uiommufd_caller_put(&attendant.client->caller);
	answer.value = slot.value;
	check(&answer);
	require(atomic_load(&slot.state) == SLOT_IDLE);
	require(slot.by_kernel || slot.number == SYS_ioctl || slot.number == SYS_pread64 ||
		slot.number == SYS_pwrite64);
}

static void call(pid_t pid, struct fuzz_input *input)
{
	struct seccomp_notif notif = {.id = 1, .pid = (__u32)pid};
	struct request request = {.call = &notif, .listener = LISTENER};
	struct answer answer;

	notif.data.nr = numbers[fuzz_byte(input) % NUMBERS];
	if (notif.data.nr == THROUGH_SLOT) {
		call_through_slot(pid, input);
		return;
	}
	for (int i = 0; i < 6; i++)
		notif.data.args[i] = argument(input);
	if (answer_memory_is_kernels(&notif) || client_begin(&request))
		return;
	require(!world_enter());
	answer = answer_call(&request);
	check(&answer);
	world_leave();
	client_end(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.data = data, .left = size};

	start();
	if (!program.pid)
		start_program();
	fill_memory(&input);
	for (int i = 0; i < MOST_CALLS && input.left; i++)
		call(program.pid, &input);
	if (++program.inputs == MOST_INPUTS)
		end_program();
	return 0;
}
