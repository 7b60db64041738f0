/* SPDX-License-Identifier: MIT */
/* A model with several work threads: parallel work, and what waits for all of it. */
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "kit.h"

enum {
	THREADS = 3
};

static atomic_int inside, runs[THREADS], errors;
static atomic_bool gate, again;
static struct vfio_rig rig;
static struct uiommufd_device *dev;

static void await(const atomic_int *counter, int value)
{
	while (*counter < value)
		sched_yield();
}

/* Until all threads are in it, or the gate is open. */
static void meet(struct uiommufd_device *device)
{
	const unsigned int thread = uiommufd_device_work_thread(device);

	inside++;
	while (inside < THREADS && !gate)
		sched_yield();
	runs[thread]++;
}

static void wait_at_gate(struct uiommufd_device *device)
{
	inside++;
	while (!gate)
		sched_yield();
	inside--;
	runs[uiommufd_device_work_thread(device)]++;
}

/* Keeps the next thread busy for as long as it is asked to. */
static void pass_on(struct uiommufd_device *device)
{
	const unsigned int thread = uiommufd_device_work_thread(device);

	runs[thread]++;
	if (again)
		uiommufd_device_queue_work_on(device, (thread + 1) % THREADS, pass_on);
}

/* No work runs, or is left, when the model is reset. */
static void reset(struct uiommufd_device *device)
{
	(void)device;
	errors += inside;
}

static uint64_t model_read(struct uiommufd_device *device, unsigned int bar, uint64_t off,
			   unsigned int size)
{
	(void)device, (void)bar, (void)off, (void)size;
	return 0;
}

static void model_write(struct uiommufd_device *device, unsigned int bar, uint64_t off,
			unsigned int size, uint64_t value)
{
	(void)bar, (void)off, (void)size;
	uiommufd_device_queue_work_on(device, (unsigned int)value, wait_at_gate);
}

static const struct uiommufd_model model = {
	.name = "threads",
	.summary = "work on three threads",
	.vendor = 0x1234,
	.device = 0x11e9,
	.bars = {{.size = 4096}},
	.pcie = true,
	.flr = true,
	.work_threads = THREADS,
	.reset = reset,
	.read = model_read,
	.write = model_write,
};

static int setup(void **state)
{
	(void)state;
	inside = errors = 0;
	for (unsigned int i = 0; i < THREADS; i++)
		runs[i] = 0;
	gate = again = false;
	rig_open(&rig, &model, NULL);
	dev = vfio_device_dev(rig.device);
	return rig_bind(&rig) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	gate = true;
	again = false;
	rig_close(&rig);
	return 0;
}

static void functions_of_different_threads_run_in_parallel(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < THREADS; i++)
		uiommufd_device_queue_work_on(dev, i, meet);
	for (unsigned int i = 0; i < THREADS; i++)
		await(&runs[i], 1);
	assert_int_equal(inside, THREADS);
	/* The old way is thread 0. */
	uiommufd_device_queue_work(dev, meet);
	await(&runs[0], 2);
}

static void *open_gate(void *arg)
{
	(void)arg;
	usleep(1000);
	gate = true;
	return NULL;
}

static void reset_waits_for_all_threads(void **state)
{
	pthread_t thread;

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++)
		uiommufd_device_queue_work_on(dev, i, wait_at_gate);
	await(&inside, THREADS);
	pthread_create(&thread, NULL, open_gate, NULL);
	assert_int_equal(rig_ioctl(&rig, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(errors, 0);
	assert_int_equal(inside, 0);
	pthread_join(thread, NULL);
}

static void reset_ends_work_that_threads_queue_for_each_other(void **state)
{
	int seen;

	(void)state;
	for (unsigned int round = 0; round < 100; round++) {
		again = true;
		for (unsigned int i = 0; i < THREADS; i++)
			uiommufd_device_queue_work_on(dev, i, pass_on);
		await(&runs[0], (int)round + 1);
		assert_int_equal(rig_ioctl(&rig, VFIO_DEVICE_RESET, NULL), 0);
		seen = runs[0] + runs[1] + runs[2];
		usleep(100);
		assert_int_equal(runs[0] + runs[1] + runs[2], seen);
	}
}

static void closing_ends_all_threads(void **state)
{
	struct vfio_rig other;

	(void)state;
	again = true;
	for (unsigned int round = 0; round < 20; round++) {
		rig_open(&other, &model, NULL);
		assert_int_equal(rig_bind(&other), 0);
		for (unsigned int i = 0; i < THREADS; i++)
			uiommufd_device_queue_work_on(vfio_device_dev(other.device), i, pass_on);
		rig_close(&other);
	}
}

static void a_model_has_a_limited_number_of_threads(void **state)
{
	struct uiommufd_model many = model;
	struct device_spec config = {
		.model = &many, .iommu = rig.iommu, .group = rig.group, .bdf = {.bus = 2}};
	struct vfio_device *device;

	(void)state;
	many.work_threads = UIOMMUFD_MAX_WORK_THREADS + 1;
	assert_int_equal(vfio_device_create(&config, &device), -EINVAL);
	many.work_threads = UIOMMUFD_MAX_WORK_THREADS;
	assert_int_equal(vfio_device_create(&config, &device), 0);
	vfio_device_destroy(device);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(functions_of_different_threads_run_in_parallel),
		TEST(reset_waits_for_all_threads),
		TEST(reset_ends_work_that_threads_queue_for_each_other),
		TEST(closing_ends_all_threads),
		TEST(a_model_has_a_limited_number_of_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
