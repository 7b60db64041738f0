/* SPDX-License-Identifier: MIT */
/*
 * Which mapping an address is in is asked of /proc each time, so nothing has to be followed that
 * the program does with its mappings. The state is that of the access that is carried out.
 */
#include "server/traced_access.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <ucontext.h>
#include <unistd.h>

/* They are also those of <sys/user.h>. */
#undef PAGE_SHIFT
#undef PAGE_SIZE
#undef PAGE_MASK
#include "base/check.h"
#include "base/file.h"
#include "mem/maps.h"
#include "preload/trap/insn.h"
#include "preload/trap/trap_copy.h"
#include "server/mapped.h"
#include "server/proc_file.h"
#include "server/trace_thread.h"
#include "server/tracer.h"
#include "trace/trace.h"

#if TRACER_CAN_TRAP

enum {
	FRAME_SIZE = 16384,    /* of vector registers, at most */
	LEGACY_SOFTWARE = 464, /* where the kernel says which there are */
};

/* ---- tracing ---- */

bool traced_has(int proc)
{
	uint64_t by = 0;

	return proc_file_number(proc, "status", "\nTracerPid:", 10, &by) &&
	       by == (uint64_t)getpid();
}

/* True: another thread is traced now. */
static bool seize(pid_t tid, int *rc)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			     PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
	int proc = proc_file_open(tid);
	bool has;

	if (proc < 0)
		return false;
	has = traced_has(proc);
	close(proc);
	if (has)
		return false;
	if (!ptrace(PTRACE_SEIZE, tid, NULL, (void *)options))
		return true;
	if (errno != ESRCH)
		*rc = -errno;
	return false;
}

int traced_seize_thread(pid_t tid, bool *fresh)
{
	int rc = 0;

	*fresh = seize(tid, &rc);
	return rc;
}

int traced_seize(pid_t pid)
{
	const struct dirent *entry;
	char path[32];
	bool more;
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	/* Threads may be created meanwhile by those that are not traced yet. */
	do {
		DIR *tasks = opendir(path);

		if (!tasks)
			return -errno;
		more = false;
		while (!rc && (entry = readdir(tasks))) {
			if (entry->d_name[0] != '.')
				more |= seize((pid_t)atoi(entry->d_name), &rc);
		}
		closedir(tasks);
	} while (more && !rc);
	return rc;
}

/* ---- memory of the program ---- */

/* A mapping of the program whose accesses are trapped, [@start, @end). */
struct trap {
	const struct file_trap_ops *ops;
	void *cookie;
	struct uiommufd_file *file; /* a reference; NULL: there is no such mapping */
	uint64_t start, end, offset;
};

/* The thread whose instruction is carried out, and the mapping that it has stopped at. */
static pid_t current;
static struct trap stopped_at;

/* Before Linux 6.11: from the text of the list. */
static bool read_list(int fd, uint64_t addr, struct maps_answer *answer)
{
	struct maps_entry entry;
	struct maps maps;
	bool some;

	if (maps_open_at(&maps, fd))
		return false;
	do
		some = maps_next(&maps, &entry);
	while (some && entry.end <= addr);
	maps_close(&maps);
	if (some)
		*answer = (struct maps_answer){.start = entry.start,
					       .end = entry.end,
					       .rights = entry.shared ? MAPS_SHARED : 0,
					       .dev = entry.dev,
					       .inode = entry.inode,
					       .offset = entry.offset};
	return some;
}

static bool find_mapping(uint64_t addr, struct maps_answer *answer)
{
	char path[32];
	int fd, rc;

	snprintf(path, sizeof(path), "/proc/%d/maps", current);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	rc = maps_ask(fd, addr, answer);
	if (rc && rc != -ENOENT && read_list(fd, addr, answer))
		rc = 0;
	close(fd);
	return !rc && addr >= answer->start && answer->rights & MAPS_SHARED;
}

/* The mapping at @addr, with a reference to its file. False: it is another kind of memory. */
static bool find_trap(uint64_t addr, struct trap *trap)
{
	struct maps_answer answer;

	if (stopped_at.file && addr >= stopped_at.start && addr < stopped_at.end) {
		*trap = stopped_at;
		file_get(trap->file);
		return true;
	}
	if (!find_mapping(addr, &answer) ||
	    !mapped_find(answer.dev, answer.inode, &trap->ops, &trap->cookie, &trap->file))
		return false;
	trap->start = answer.start;
	trap->end = answer.end;
	trap->offset = answer.offset;
	return true;
}

static int copy_plain(bool write, uint64_t addr, void *buf, size_t len)
{
	const struct iovec local = {.iov_base = buf, .iov_len = len};
	const struct iovec remote = {.iov_base = (void *)(uintptr_t)addr, .iov_len = len};
	ssize_t done = write ? process_vm_writev(current, &local, 1, &remote, 1, 0)
			     : process_vm_readv(current, &local, 1, &remote, 1, 0);

	return done == (ssize_t)len ? 0 : -EFAULT;
}

static int memory_read(uint64_t addr, void *buf, size_t len)
{
	struct trap trap;
	int rc;

	if (!find_trap(addr, &trap))
		return copy_plain(false, addr, buf, len);
	rc = len > trap.end - addr ? -EFAULT
				   : trap_copy_read(trap.ops, trap.cookie,
						    trap.offset + (addr - trap.start), buf, len);
	file_put(trap.file);
	return rc;
}

static int memory_write(uint64_t addr, const void *buf, size_t len)
{
	struct trap trap;
	int rc;

	if (!find_trap(addr, &trap))
		return copy_plain(true, addr, (void *)buf, len);
	rc = len > trap.end - addr ? -EFAULT
				   : trap_copy_write(trap.ops, trap.cookie,
						     trap.offset + (addr - trap.start), buf, len);
	file_put(trap.file);
	return rc;
}

/* ---- registers ---- */

/* What a signal handler of the thread would see. */
struct thread_state {
	struct user_regs_struct regs;
	ucontext_t context;
	uint8_t frame[FRAME_SIZE] __attribute__((aligned(64)));
	size_t frame_len;
	uint64_t features;
};

/* The two forms of the general registers. */
static const struct {
	int general;
	size_t offset;
} registers[] = {
	{REG_RAX, offsetof(struct user_regs_struct, rax)},
	{REG_RBX, offsetof(struct user_regs_struct, rbx)},
	{REG_RCX, offsetof(struct user_regs_struct, rcx)},
	{REG_RDX, offsetof(struct user_regs_struct, rdx)},
	{REG_RSI, offsetof(struct user_regs_struct, rsi)},
	{REG_RDI, offsetof(struct user_regs_struct, rdi)},
	{REG_RBP, offsetof(struct user_regs_struct, rbp)},
	{REG_RSP, offsetof(struct user_regs_struct, rsp)},
	{REG_R8, offsetof(struct user_regs_struct, r8)},
	{REG_R9, offsetof(struct user_regs_struct, r9)},
	{REG_R10, offsetof(struct user_regs_struct, r10)},
	{REG_R11, offsetof(struct user_regs_struct, r11)},
	{REG_R12, offsetof(struct user_regs_struct, r12)},
	{REG_R13, offsetof(struct user_regs_struct, r13)},
	{REG_R14, offsetof(struct user_regs_struct, r14)},
	{REG_R15, offsetof(struct user_regs_struct, r15)},
	{REG_RIP, offsetof(struct user_regs_struct, rip)},
	{REG_EFL, offsetof(struct user_regs_struct, eflags)},
};

static void copy_registers(struct thread_state *state, bool to_thread)
{
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		char *theirs = (char *)&state->regs + registers[i].offset;
		greg_t *ours = &state->context.uc_mcontext.gregs[registers[i].general];

		memcpy(to_thread ? (void *)theirs : ours, to_thread ? (void *)ours : theirs,
		       sizeof(*ours));
	}
}

/* As the kernel lays the frame of a signal out. */
static void describe_frame(struct thread_state *state)
{
	struct {
		uint32_t magic, size;
		uint64_t features;
	} software = {.magic = UINT32_C(0x46505853), .size = (uint32_t)state->frame_len};

	memcpy(&state->features, state->frame + LEGACY_SOFTWARE, sizeof(state->features));
	software.features = state->features;
	memcpy(state->frame + LEGACY_SOFTWARE, &software, sizeof(software));
}

static bool read_state(struct thread_state *state)
{
	struct iovec frame = {.iov_base = state->frame, .iov_len = sizeof(state->frame)};

	memset(&state->context, 0, sizeof(state->context));
	if (ptrace(PTRACE_GETREGS, current, NULL, &state->regs))
		return false;
	copy_registers(state, false);
	if (ptrace(PTRACE_GETREGSET, current, (void *)NT_X86_XSTATE, &frame))
		return true;
	state->frame_len = frame.iov_len;
	describe_frame(state);
	state->context.uc_mcontext.fpregs = (fpregset_t)(void *)state->frame;
	return true;
}

static void write_state(struct thread_state *state)
{
	struct iovec frame = {.iov_base = state->frame, .iov_len = state->frame_len};

	copy_registers(state, true);
	(void)ptrace(PTRACE_SETREGS, current, NULL, &state->regs);
	if (!state->context.uc_mcontext.fpregs)
		return;
	memset(state->frame + LEGACY_SOFTWARE, 0, 2 * sizeof(uint64_t));
	memcpy(state->frame + LEGACY_SOFTWARE, &state->features, sizeof(state->features));
	(void)ptrace(PTRACE_SETREGSET, current, (void *)NT_X86_XSTATE, &frame);
}

/* ---- the access ---- */

static size_t fetch(uint64_t pc, uint8_t code[INSN_MAX_BYTES])
{
	const size_t in_page = PAGE_SIZE - (pc & PAGE_MASK);

	if (!copy_plain(false, pc, code, INSN_MAX_BYTES))
		return INSN_MAX_BYTES;
	return in_page < INSN_MAX_BYTES && !copy_plain(false, pc, code, in_page) ? in_page : 0;
}

static bool carry_out(uint64_t addr)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	static struct thread_state state;
	uint8_t code[INSN_MAX_BYTES] = {0};
	sigset_t all, before;
	enum insn_result rc;
	uint64_t pc;
	size_t len;

	if (!read_state(&state))
		return false;
	pc = state.regs.rip;
	len = fetch(pc, code);
	/* The instruction may run here, with the program's registers, rsp among them. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = insn_emulate(code, len, &state.context, addr, &memory);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == INSN_UNKNOWN)
		trap_copy_report_unknown(stopped_at.file->ops->name,
					 stopped_at.offset + (addr - stopped_at.start), pc, code);
	else
		/* Also if a round of rep has failed: others before it are over. */
		write_state(&state);
	return rc == INSN_DONE;
}

static void trace_access_of(pid_t tid)
{
	int task = tracing() ? proc_file_open(tid) : -1;

	if (task < 0)
		return;
	trace_thread_set(0, tid, task);
	close(task);
}

bool traced_access(pid_t tid)
{
	struct trap trap;
	siginfo_t info;
	bool done;

	current = tid;
	if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) || info.si_code != BUS_ADRERR ||
	    !find_trap((uintptr_t)info.si_addr, &trap))
		return false;
	trace_access_of(tid);
	stopped_at = trap;
	done = carry_out((uintptr_t)info.si_addr);
	stopped_at.file = NULL;
	file_put(trap.file);
	return done;
}

#endif
