/* SPDX-License-Identifier: MIT */
/*
 * A hostile program with threads: all of them open, close and use the same few descriptors of
 * contexts, devices and groups, with arguments as the fuzz targets have them, while devices do DMA.
 * Each does a number of steps, so the run has an end; the random numbers come from UIOMMUFD_SEED,
 * which is 1 by default, but the threads meet as they like.
 *
 * What must hold: nothing crashes, no thread waits for ever (an alarm ends the process), and once
 * all is closed nothing is referenced or pinned.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "../lib/random.h"
#include "base/log.h"
#include "hostile.h"
#include "iommufd/entry/ctx_file.h"
#include "machine/machine.h"
#include "mock/mock.h"
#include "require.h"
#include "shape.h"

enum {
	THREADS = 4,
	STEPS = 50000, /* of each */
	INPUT = 64,    /* bytes that a step may take */
	SLOTS = 12,
	CONTEXTS = 2, /* in the first slots */
	DEVICES = 3,
	PATIENCE = 120, /* seconds */
};

/* What descriptors stand for. */
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static struct uiommufd_file *slots[SLOTS];

static struct machine *machine;
static struct hostile memory; /* only its memory */

/* Where the argument of the thread's call is. */
static __thread unsigned char argument[SHAPE_LARGEST];

/* ---- the caller ---- */

static bool may_touch(uint64_t va, uint64_t len)
{
	const uint64_t own = (uintptr_t)argument, shared = hostile_page(0);
	const uint64_t shared_len = (uint64_t)HOSTILE_PAGES * PAGE;

	return (va >= own && va - own <= sizeof(argument) &&
		len <= sizeof(argument) - (va - own)) ||
	       (va >= shared && va - shared <= shared_len && len <= shared_len - (va - shared));
}

static int threads_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	return may_touch(src, len) ? uiommufd_caller_self()->ops->read(caller, dst, src, len)
				   : -EFAULT;
}

static int threads_write(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	return may_touch(dst, len) ? uiommufd_caller_self()->ops->write(caller, dst, src, len)
				   : -EFAULT;
}

static int threads_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write)
{
	(void)caller;
	(void)write;
	return may_touch(va, len) ? 0 : -EFAULT;
}

static struct uiommufd_file *threads_get_file(struct uiommufd_caller *caller, int fd)
{
	struct uiommufd_file *file = NULL;

	(void)caller;
	pthread_mutex_lock(&slots_lock);
	if (fd >= 0 && fd < SLOTS && slots[fd])
		file = file_get(slots[fd]);
	pthread_mutex_unlock(&slots_lock);
	return file;
}

static int threads_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file,
				int flags)
{
	int fd = -EMFILE;

	(void)caller;
	(void)flags;
	pthread_mutex_lock(&slots_lock);
	for (int i = CONTEXTS; i < SLOTS && fd < 0; i++) {
		if (!slots[i]) {
			slots[i] = file;
			fd = i;
		}
	}
	pthread_mutex_unlock(&slots_lock);
	return fd;
}

static void replace_slot(unsigned int fd, struct uiommufd_file *by)
{
	struct uiommufd_file *file;

	pthread_mutex_lock(&slots_lock);
	file = slots[fd];
	slots[fd] = by;
	pthread_mutex_unlock(&slots_lock);
	if (file)
		file_put(file);
}

static void threads_uninstall_file(struct uiommufd_caller *caller, int fd)
{
	(void)caller;
	replace_slot((unsigned int)fd, NULL);
}

static int threads_dup_fd(struct uiommufd_caller *caller, int fd)
{
	return memory.caller.ops->dup_fd(caller, fd);
}

static const struct uiommufd_caller_ops ops = {
	.read = threads_read,
	.write = threads_write,
	.populate = threads_populate,
	.dup_fd = threads_dup_fd,
	.get_file = threads_get_file,
	.install_file = threads_install_file,
	.uninstall_file = threads_uninstall_file,
};

static struct uiommufd_caller caller;

/* ---- the steps ---- */

static _Atomic unsigned int calls, successes;

static void call(struct uiommufd_file *file, unsigned int cmd)
{
	calls++;
	if (file->ops->ioctl && file->ops->ioctl(file, &caller, cmd, (uintptr_t)argument) >= 0)
		successes++;
}

static void step_open(struct fuzz_input *input)
{
	const struct iommufd_options options = {.test_abi = true};
	unsigned int which = fuzz_byte(input);
	struct vfio_device *device = machine_device(machine, which % DEVICES);
	struct uiommufd_file *file;
	struct iommufd_ctx *ctx;

	switch (which >> 6) {
	case 0:
		if (vfio_group_open(device, &file))
			return;
		break;
	case 1:
		if (!iommufd_ctx_create(&options, &ctx))
			replace_slot(which % CONTEXTS, iommufd_ctx_file(ctx));
		return;
	default:
		if (vfio_device_open(device, &file))
			return;
		break;
	}
	if (threads_install_file(&caller, file, 0) < 0)
		file_put(file);
}

static void step_iommufd(struct fuzz_input *input, struct uiommufd_file *file)
{
	const struct shape_command *command =
		&shape_iommufd[fuzz_byte(input) % SHAPE_IOMMUFD_COMMANDS];
	uint32_t len = 72, op = fuzz_byte(input) % 24;

	if (command->shape) {
		len = shape_fill(input, command->shape, argument, 4);
	} else {
		memcpy(argument + 4, &op, sizeof(op));
		shape_fill(input, shape_of_test(op), argument,
			   shape_fill(input, "iz", argument, 8));
	}
	memcpy(argument, &len, sizeof(len));
	call(file, command->cmd);
}

static void step_vfio(struct fuzz_input *input, struct uiommufd_file *file)
{
	const struct shape_command *command = &shape_vfio[fuzz_byte(input) % SHAPE_VFIO_COMMANDS];
	const char *name = vfio_device_name(machine_device(machine, fuzz_byte(input) % DEVICES));
	uint32_t len;

	if (!command->shape) {
		memcpy(argument, name, strlen(name) + 1);
	} else {
		len = shape_fill(input, command->shape, argument, 0);
		if (*command->shape == 'n')
			memcpy(argument, &len, sizeof(len));
	}
	call(file, command->cmd);
}

/* A register of the first BAR, or of config space. */
static void step_register(struct fuzz_input *input, struct uiommufd_file *file)
{
	unsigned int how = fuzz_byte(input);
	uint64_t pos = (how & 1 ? UINT64_C(7) << 40 : 0) | (fuzz_byte(input) & ~3u);
	uint64_t value = shape_iova(input);

	memcpy(argument, &value, sizeof(value));
	if (how & 2 && file->ops->write)
		file->ops->write(file, &caller, (uintptr_t)argument, how & 4 ? 8 : 4, &pos);
	else if (file->ops->read)
		file->ops->read(file, &caller, (uintptr_t)argument, how & 4 ? 8 : 4, &pos);
}

static void put_register(struct uiommufd_file *file, uint64_t pos, uint64_t value, size_t len)
{
	memcpy(argument, &value, sizeof(value));
	if (file->ops->write)
		file->ops->write(file, &caller, (uintptr_t)argument, len, &pos);
}

/* The device edu copies a page of its buffer to @iova; another one takes it as it comes. */
static void start_dma(struct uiommufd_file *file, uint64_t iova)
{
	put_register(file, (UINT64_C(7) << 40) + 4, 6, 2); /* memory, bus master */
	put_register(file, 0x80, 0x40000, 8);
	put_register(file, 0x88, iova, 8);
	put_register(file, 0x90, PAGE, 8);
	put_register(file, 0x98, 3, 8);
}

/*
 * What makes the steps meet: a device that is bound, attached, and does DMA to memory that is
 * mapped.
 */
static void step_useful(struct fuzz_input *input)
{
	const unsigned int which = fuzz_byte(input) % 5, number = fuzz_byte(input);
	const unsigned int fd = which == 0 || which == 1 ? number % CONTEXTS
							 : CONTEXTS + number % (SLOTS - CONTEXTS);
	const struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = 7,
		.ioas_id = 1 + (fuzz_byte(input) & 3u),
		.user_va = hostile_page(number & 31u),
		.length = (uint64_t)(number & 31u) * PAGE,
		.iova = shape_iova(input),
	};
	const uint32_t alloc[3] = {12}, bind[4] = {16, 0, fuzz_byte(input) % CONTEXTS};
	const uint32_t attach[3] = {12, 0, map.ioas_id};
	const struct {
		unsigned int cmd;
		const void *words;
		size_t len;
	} useful[] = {
		{IOMMU_IOAS_ALLOC, alloc, sizeof(alloc)},
		{IOMMU_IOAS_MAP, &map, sizeof(map)},
		{VFIO_DEVICE_BIND_IOMMUFD, bind, sizeof(bind)},
		{VFIO_DEVICE_ATTACH_IOMMUFD_PT, attach, sizeof(attach)},
	};
	struct uiommufd_file *file = threads_get_file(&caller, (int)fd);

	if (!file)
		return;
	if (which < 4) {
		memcpy(argument, useful[which].words, useful[which].len);
		call(file, useful[which].cmd);
	} else {
		start_dma(file, map.iova);
	}
	file_put(file);
}

static void step_file(struct fuzz_input *input, unsigned int what)
{
	struct uiommufd_file *file = threads_get_file(&caller, fuzz_byte(input) % SLOTS);

	if (!file)
		return;
	if (what < 4)
		step_iommufd(input, file);
	else if (what < 7)
		step_vfio(input, file);
	else
		step_register(input, file);
	file_put(file);
}

static void step(struct fuzz_input *input)
{
	unsigned int what = fuzz_byte(input) % 16;

	memset(argument, 0, sizeof(argument));
	if (what == 15 && fuzz_byte(input) % 4 == 0)
		replace_slot(fuzz_byte(input) % SLOTS, NULL);
	else if (what == 14)
		step_open(input);
	else if (what >= 9)
		step_useful(input);
	else
		step_file(input, what);
}

/* ---- the threads ---- */

static void *run(void *arg)
{
	struct rng rng = rng_of((uintptr_t)arg);
	uint8_t bytes[INPUT];

	for (int i = 0; i < STEPS; i++) {
		struct fuzz_input input = {.data = bytes, .left = sizeof(bytes)};

		for (int j = 0; j < INPUT; j++)
			bytes[j] = (uint8_t)rng_next(&rng);
		step(&input);
	}
	return NULL;
}

static void start_machine(void)
{
	char error[256];

	hostile_start(&memory);
	uiommufd_caller_init(&caller, &ops, getpid(), getuid());
	if (mock_enable() || machine_create(&machine) ||
	    machine_add_iommu(machine, "intel,name=one", error, sizeof(error)) ||
	    machine_add_iommu(machine, "smmuv3,name=two", error, sizeof(error)) ||
	    machine_add_device(machine, "edu,iommu=one", error, sizeof(error)) ||
	    machine_add_device(machine, "ioat,iommu=two", error, sizeof(error)) ||
	    machine_add_device(machine, "edu,iommu=two", error, sizeof(error)))
		abort();
}

int main(void)
{
	pthread_t threads[THREADS];

	random_seed(1);
	alarm(PATIENCE); /* SIGALRM ends the process */
	start_machine();
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run, (void *)i))
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < SLOTS; i++)
		replace_slot(i, NULL);
	machine_destroy(machine);
	printf("%u calls, %u succeeded\n", calls, successes);
	require(caller.refs == 1);
	require(caller.pinned_pages == 0);
	require(caller.locked_pages == 0);
	hostile_finish(&memory);
	return EXIT_SUCCESS;
}
