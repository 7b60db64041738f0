/* SPDX-License-Identifier: MIT */
/*
 * Starting the machine, and the fork of the process that it lives in.
 *
 * Invariants:
 * - the machine never changes once it is started;
 * - it is started only by a thread that is not inside the engine (a fork that finds a start in
 *   progress waits for its lock, not for its thread).
 *
 * engine.lock guards starting. Cost of engine_start() after that: one load.
 */
#include "preload/engine/engine.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <ucontext.h>

#include "base/gate.h"
#include "base/lock.h"
#include "base/log.h"
#include "devices/plugin.h"
#include "iommufd/entry/ctx_file.h"
#include "iommufd/entry/fork.h"
#include "machine/machine.h"
#include "mem/displace.h"
#include "mem/guard.h"
#include "mem/maps.h"
#include "mem/unpinnable.h"
#include "mem/view.h"
#include "mock/mock.h"
#include "preload/engine/call.h"
#include "preload/engine/control.h"
#include "preload/engine/debugger.h"
#include "preload/engine/memlock.h"
#include "preload/engine/nodes.h"
#include "preload/engine/own_process.h"
#include "preload/engine/reports.h"
#include "preload/engine/watch.h"
#include "preload/process/defer.h"
#include "preload/process/mapping.h"
#include "preload/process/own_stack.h"
#include "preload/process/path.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "preload/trap/detour.h"
#include "preload/trap/trap.h"
#include "report/stack.h"
#include "vfio/device_thread.h"
#include "vfio/vfio.h"

static struct {
	struct lock lock;
	_Atomic bool started;
	struct machine *machine; /* NULL until it is started */
	bool forking_started;	 /* guarded by the fork in progress: @started at its beginning */
} engine = {.lock = LOCK_INIT(LOCK_ENGINE_START)};

/* ---- starting ---- */

/* Reads the description of the machine. Returns it owned; NULL with *@error a negative errno. */
static struct machine *read_machine(int *error)
{
	static const struct plugin_linker linker = {.open = dlopen, .symbol = dlsym};
	char why[256] = "cannot be read";
	struct machine *machine;
	char path[ROOT_MAX + sizeof("/" LAYOUT_IDENTITIES)];
	FILE *in;

	*error = machine_create(&machine);
	if (*error)
		return NULL;
	machine_set_linker(machine, &linker);
	snprintf(path, sizeof(path), "%s/" LAYOUT_IDENTITIES, root_path());
	*error = machine_set_identities(machine, path);
	if (*error)
		goto out_destroy;
	snprintf(path, sizeof(path), "%s/" LAYOUT_MACHINE, root_path());
	in = REAL(fopen)(path, "re");
	if (!in && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
		*error = -errno; /* the program's doing, and over when it closes something */
		machine_destroy(machine);
		return NULL;
	}
	if (!in)
		goto out_destroy;
	*error = machine_parse(machine, in, why, sizeof(why));
	REAL(fclose)(in);
	if (*error)
		goto out_destroy;
	return machine;

out_destroy:
	log_error("%s: %s", path, why);
	machine_destroy(machine);
	if (*error != -ENOMEM)
		*error = -ENODEV;
	return NULL;
}

/* The frame that a signal has interrupted. */
static struct unwind_frame interrupted_frame(const ucontext_t *context)
{
#if defined(__x86_64__)
	const greg_t *registers = context->uc_mcontext.gregs;

	return (struct unwind_frame){
		.pc = (uintptr_t)registers[REG_RIP],
		.sp = (uintptr_t)registers[REG_RSP],
		.bp = (uintptr_t)registers[REG_RBP],
		.exact = true,
	};
#elif defined(__aarch64__)
	return (struct unwind_frame){
		.pc = context->uc_mcontext.pc,
		.sp = context->uc_mcontext.sp,
		.bp = context->uc_mcontext.regs[29],
		.exact = true,
	};
#else
	(void)context;
	return (struct unwind_frame){.exact = true};
#endif
}

/* An access of this thread that may be one to mapped registers (mem/guard.h). */
static bool on_bus(uintptr_t addr, void *context)
{
	const struct unwind_frame frame = interrupted_frame(context);
	struct engine_call call;
	bool done;

	if (!mapping_any())
		return false;
	engine_enter(&call);
	if (call.outermost)
		stack_interrupted(&frame);
	done = trap_access(addr, context);
	engine_leave(&call);
	return done;
}

/* From threads of devices, too, which are in no section. */
static bool map_part(const void *cookie, uint64_t offset, uint64_t len, void *memory)
{
	struct defer_section section;
	bool done;

	if (!mapping_any())
		return true;
	defer_begin(&section);
	done = mapping_switch(cookie, offset, len, memory);
	defer_end(&section);
	return done;
}

static const struct vfio_part_mapper part_mapper = {.map = map_part};

/* What fails is tried again when the program opens the next node. */
static int start(void) REQUIRES(engine.lock)
{
	struct machine *machine;
	int rc;

	lock_assert_held(&engine.lock);
	if (atomic_load_explicit(&engine.started, memory_order_relaxed))
		return 0;
	own_process_init();
	displace_enable();
	rc = guard_install();
	guard_set_bus_handler(on_bus);
	if (rc)
		return rc;
	reports_start();
	watch_start();
	machine = read_machine(&rc);
	if (!machine)
		return rc;
	reports_of_machine(machine);
	rc = machine_mock(machine) ? mock_enable() : 0;
	if (rc) {
		machine_destroy(machine);
		return rc;
	}
	memlock_init();
	vfio_set_part_mapper(&part_mapper);
	unpinnable_set_namer(mapping_name_trap);
	engine.machine = machine;
	detours_begin();
	atomic_store_explicit(&engine.started, true, memory_order_release);
	/* After that: its thread asks for the machine. */
	control_start();
	return 0;
}

static void start_on_own_stack(void *rc) REQUIRES(engine.lock)
{
	*(int *)rc = start();
}

int engine_start(void)
{
	struct defer_section section;
	int rc;

	if (atomic_load_explicit(&engine.started, memory_order_acquire))
		return 0;
	assert(!defer_active());
	lock_assert_none_from(LOCK_NONE);
	defer_begin(&section);
	lock_acquire(&engine.lock);
	own_stack_init();
	own_stack_call(start_on_own_stack, &rc);
	lock_release(&engine.lock);
	defer_end(&section);
	return rc;
}

void engine_keep_files(void)
{
	struct defer_section section;

	if (!atomic_load_explicit(&engine.started, memory_order_acquire))
		return;
	defer_begin(&section);
	lock_acquire(&engine.lock);
	maps_keep();
	view_keep();
	lock_release(&engine.lock);
	defer_end(&section);
}

struct machine *engine_machine(void)
{
	assert(atomic_load_explicit(&engine.started, memory_order_relaxed));
	return engine.machine;
}

bool engine_mock(void)
{
	return engine_start() == 0 && machine_mock(engine.machine);
}

/* ---- fork ---- */

static __thread struct defer_section fork_section __attribute__((tls_model("initial-exec")));

/*
 * The user API stands still before VFIO does. While nothing has been opened, all that must not be
 * half done when the process forks is a start, and its lock keeps that out.
 *
 * Not analysed: the child or the parent releases what is held on return, and which locks these are
 * depends on engine.forking_started.
 */
static void fork_prepare(void) NO_LOCK_ANALYSIS
{
	defer_begin(&fork_section);
	lock_acquire(&engine.lock);
	engine.forking_started = atomic_load_explicit(&engine.started, memory_order_relaxed);
	if (engine.forking_started) {
		/* A thread inside the engine may want it before it can leave. */
		lock_release(&engine.lock);
		iommufd_fork_prepare();
		vfio_fork_prepare();
	}
	mapping_lock();
}

static void fork_parent(void) NO_LOCK_ANALYSIS
{
	mapping_unlock();
	if (engine.forking_started) {
		vfio_fork_parent();
		iommufd_fork_parent();
	} else {
		lock_release(&engine.lock);
	}
	defer_end(&fork_section);
}

static void fork_child(void) NO_LOCK_ANALYSIS
{
	preload_fork_child();
	mapping_unlock();
	if (engine.forking_started) {
		own_process_fork_child();
		fdtable_fork_child();
		vfio_fork_child();
		iommufd_fork_child();
		control_fork_child();
		thread_fork_child();
		reports_fork_child();
		watch_fork_child();
	} else {
		lock_release(&engine.lock);
	}
	defer_fork_child();
	defer_end(&fork_section);
}

/* ---- when the library is loaded ---- */

static __attribute__((constructor)) void preload_constructor(void)
{
	int saved = errno;

	preload_init();
	if (root_active()) {
		gate_prepare();
		/* Without it a bad pointer to a path ends the program instead of the call. */
		(void)guard_install();
		guard_set_fatal_handler(uiommufd_fatal_signal);
		path_cwd_changed();
		pthread_atfork(fork_prepare, fork_parent, fork_child);
		nodes_adopt();
	}
	errno = saved;
}

static __attribute__((destructor)) void preload_destructor(void)
{
	struct engine_call call;

	if (root_active())
		nodes_finish();
	if (!atomic_load_explicit(&engine.started, memory_order_acquire) || engine_busy())
		return;
	engine_enter(&call);
	watch_finish();
	engine_leave(&call);
}
