/* SPDX-License-Identifier: MIT */
/*
 * The emulated machine of this process, from the description in the shadow root, and the files that
 * opening its nodes gives.
 *
 * `start_lock` guards starting; `machine` and what goes with it never change after `started`.
 */
#include "preload/engine.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <uiommufd/caller.h>

#include "base/log.h"
#include "base/world.h"
#include "iommufd/entry/ctx_file.h"
#include "iommufd/entry/fork.h"
#include "iommufd/object/last_error.h"
#include "machine/machine.h"
#include "mem/displace.h"
#include "mem/guard.h"
#include "mock/mock.h"
#include "preload/caller.h"
#include "preload/config_file.h"
#include "preload/control.h"
#include "preload/defer.h"
#include "preload/layout.h"
#include "preload/mapping.h"
#include "preload/real.h"
#include "preload/trap.h"
#include "vfio/vfio.h"

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool started;
static struct machine *machine;

static __thread unsigned int depth __attribute__((tls_model("initial-exec")));

/*
 * From the first step on, and up to the last, signal handlers wait (defer.h): one that interrupts
 * in between sees all or nothing.
 */
static void quiet_enter(struct engine_call *call)
{
	depth++;
	atomic_signal_fence(memory_order_seq_cst);
	call->saved_errno = errno;
	/*
	 * The C library looks at the type alone when a cancellation that was sent before arrives
	 * after the state has changed.
	 */
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &call->cancel_type);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &call->cancel_state);
}

static void quiet_leave(const struct engine_call *call)
{
	pthread_setcancelstate(call->cancel_state, NULL);
	pthread_setcanceltype(call->cancel_type, NULL);
	errno = call->saved_errno;
	atomic_signal_fence(memory_order_seq_cst);
	if (--depth == 0 && defer_waiting)
		defer_deliver();
}

void engine_enter(struct engine_call *call)
{
	quiet_enter(call);
	control_check();
	/* Without memory for its first entry, the call is not waited for by a fork: better than not
	 * to make it, as closing must not fail. */
	call->in_world = world_enter() == 0;
}

void engine_leave(const struct engine_call *call)
{
	if (call->in_world)
		world_leave();
	quiet_leave(call);
}

struct description *engine_enter_fd(struct engine_call *call, int fd)
{
	struct description *description;

	if (!fdtable_has(fd))
		return NULL;
	engine_enter(call);
	description = fdtable_get(fd);
	if (!description)
		engine_leave(call);
	return description;
}

void engine_leave_fd(const struct engine_call *call, struct description *description)
{
	description_put(description);
	engine_leave(call);
}

bool engine_busy(void)
{
	return depth != 0;
}

struct uiommufd_caller *engine_caller(void)
{
	return caller_program();
}

void engine_release(struct description *description)
{
	struct engine_call call;

	engine_enter(&call);
	description_put(description);
	engine_leave(&call);
}

static int read_machine(void)
{
	char error[256] = "cannot be read";
	char path[PATH_MAX];
	FILE *in;
	int rc;

	rc = machine_create(&machine);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/" LAYOUT_MACHINE, path_root());
	in = REAL(fopen)(path, "re");
	rc = in ? machine_parse(machine, in, error, sizeof(error)) : -errno;
	if (in)
		fclose(in);
	if (!rc)
		return 0;
	log_error("%s: %s", path, error);
	machine_destroy(machine);
	machine = NULL;
	return -ENODEV;
}

/* Outside of the world (base/world.h): a fork that finds a start in progress waits for its lock. */
static int start(void)
{
	struct engine_call call;
	int rc = 0;

	if (atomic_load_explicit(&started, memory_order_acquire))
		return 0;
	quiet_enter(&call);
	pthread_mutex_lock(&start_lock);
	if (!atomic_load_explicit(&started, memory_order_relaxed)) {
		caller_init();
		displace_enable();
		rc = guard_install();
		trap_init();
		if (!rc)
			rc = read_machine();
		if (!rc && machine_mock(machine))
			rc = mock_enable();
		if (!rc) {
			last_error_set_logging(true);
			control_start();
			atomic_store_explicit(&started, true, memory_order_release);
		}
	}
	pthread_mutex_unlock(&start_lock);
	quiet_leave(&call);
	return rc;
}

bool engine_mock(void)
{
	return !start() && machine_mock(machine);
}

static int open_context(bool container, struct uiommufd_file **file)
{
	const struct iommufd_options options = {
		.accounting_mm = container,
		.test_abi = machine_mock(machine),
	};
	struct iommufd_ctx *ctx;
	int rc;

	rc = iommufd_ctx_create(&options, &ctx);
	if (!rc)
		*file = iommufd_ctx_file(ctx);
	return rc;
}

static int open_cdev(unsigned int number, struct uiommufd_file **file)
{
	struct vfio_device *device;

	for (size_t i = 0; (device = machine_device(machine, i)); i++) {
		if (vfio_device_index(device) == number)
			return vfio_device_open(device, file);
	}
	return -ENODEV;
}

static int open_group(unsigned int number, struct uiommufd_file **file)
{
	struct vfio_device *device;

	for (size_t i = 0; (device = machine_device(machine, i)); i++) {
		if (machine_device_group(machine, i) == number)
			return vfio_group_open(device, file);
	}
	return -ENODEV;
}

/* The device whose sysfs directory is the parent of @resolved. */
static struct vfio_device *device_of(const char *resolved)
{
	const char *end = strrchr(resolved, '/');
	const char *name = end;
	char bdf[32];

	while (name > resolved && name[-1] != '/')
		name--;
	if (end - name >= (ptrdiff_t)sizeof(bdf))
		return NULL;
	memcpy(bdf, name, (size_t)(end - name));
	bdf[end - name] = '\0';
	return machine_find_device(machine, bdf);
}

static int open_file(const struct path_at *at, struct uiommufd_file **file)
{
	switch (at->node.kind) {
	case NODE_IOMMU:
	case NODE_CONTAINER:
		return open_context(at->node.kind == NODE_CONTAINER, file);
	case NODE_CDEV:
		return open_cdev(at->node.number, file);
	case NODE_CONFIG:
		return config_file_create(device_of(at->resolved), file);
	case NODE_GROUP:
		return open_group(at->node.number, file);
	case NODE_NONE:
		break;
	}
	return -ENODEV;
}

/* The descriptor, which the program does not know yet, of @at's placeholder. */
static int open_placeholder(const struct path_at *at, int flags)
{
	/* What the kernel is to apply to it, or refuse. */
	const int kept = O_ACCMODE | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_DIRECTORY;

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	return (int)SYS(SYS_openat, AT_FDCWD, at->path, flags & kept);
}

static int open_node(const struct path_at *at, int flags)
{
	int fd = open_placeholder(at, flags);
	struct uiommufd_file *file;
	int rc;

	if (fd < 0)
		return fd;
	rc = open_file(at, &file);
	if (rc)
		goto out_close;
	rc = caller_install_at(fd, file, flags & O_ACCMODE, at->node);
	if (rc)
		goto out_put;
	return fd;

out_put:
	file_put(file);
out_close:
	SYS(SYS_close, fd);
	return rc;
}

int engine_open(const struct path_at *at, int flags)
{
	struct engine_call call;
	int fd = start();

	if (fd)
		return fd;
	engine_enter(&call);
	fd = open_node(at, flags);
	engine_leave(&call);
	return fd;
}

FILE *engine_open_config_stream(const struct path_at *at, const char *mode)
{
	struct engine_call call;
	FILE *stream = NULL;
	int fd = start();

	if (!fd) {
		engine_enter(&call);
		fd = config_file_snapshot(device_of(at->resolved));
		engine_leave(&call);
	}
	if (libc_result(fd) < 0)
		return NULL;
	stream = fdopen(fd, mode);
	if (!stream)
		SYS(SYS_close, fd);
	return stream;
}

/*
 * The user API stands still before VFIO does. While nothing has been opened, what must not happen
 * in the middle of a fork is a start, and its lock keeps it out.
 */
static bool fork_of_started;
static __thread struct engine_call fork_call __attribute__((tls_model("initial-exec")));

void engine_fork_prepare(void)
{
	quiet_enter(&fork_call);
	pthread_mutex_lock(&start_lock);
	fork_of_started = atomic_load_explicit(&started, memory_order_relaxed);
	if (fork_of_started) {
		pthread_mutex_unlock(&start_lock); /* who is in may want it */
		iommufd_fork_prepare();
		vfio_fork_prepare();
	}
	mapping_lock();
}

void engine_fork_parent(void)
{
	mapping_unlock();
	if (fork_of_started) {
		vfio_fork_parent();
		iommufd_fork_parent();
	} else {
		pthread_mutex_unlock(&start_lock);
	}
	quiet_leave(&fork_call);
}

void engine_fork_child(void)
{
	mapping_unlock();
	if (fork_of_started) {
		caller_fork_child();
		vfio_fork_child();
		iommufd_fork_child();
		control_fork_child();
	} else {
		pthread_mutex_unlock(&start_lock);
	}
	defer_after_fork();
	quiet_leave(&fork_call);
}
