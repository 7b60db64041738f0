/* SPDX-License-Identifier: MIT */
/*
 * Each allocation on the way to a machine with a bound device fails in turn; nothing is left
 * behind. (The commands one by one: vfio_sweep_test.c.)
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/devices.h"
#include "kit.h"
#include "machine/machine.h"

enum {
	MORE_THAN_ENOUGH = 1000
};

static void a_machine_without_memory_stays_as_it_was(void **state)
{
	(void)state;
	assert_true(sweep_device("edu,dma_mask=0xff,group=1000") > 7);
}

static void a_second_device_without_memory_leaves_the_first(void **state)
{
	struct machine *machine;
	unsigned int n;
	char error[64];
	int rc = -1;

	(void)state;
	assert_int_equal(machine_create(&machine), 0);
	assert_int_equal(machine_add_device(machine, "edu,group=1000", error, sizeof(error)), 0);
	for (n = 1; n < MORE_THAN_ENOUGH && rc; n++) {
		failure_arm(n);
		rc = machine_add_device(machine, "edu,group=1000", error, sizeof(error));
		failure_disarm();
		assert_true(rc == 0 || rc == -ENOMEM);
		if (rc)
			assert_null(machine_device(machine, 1));
	}
	assert_int_equal(rc, 0);
	assert_true(n > 5);
	machine_destroy(machine);
}

static void open_and_bind_without_memory_change_nothing(void **state)
{
	struct uiommufd_file *file;
	struct vfio_rig rig;
	unsigned int n;
	long rc = -1;

	(void)state;
	rig_open(&rig, &device_edu, NULL);
	failure_arm(1);
	assert_int_equal(vfio_device_open(rig.device, &file), -ENOMEM);
	for (n = 1; n < MORE_THAN_ENOUGH && rc; n++) {
		failure_arm(n);
		rc = rig_bind(&rig);
		failure_disarm();
		assert_true(rc == 0 || rc == -ENOMEM);
	}
	assert_int_equal(rc, 0);
	rig_close(&rig);
}

static void interrupts_without_memory_stay_as_they_were(void **state)
{
	int32_t fd = eventfd(0, EFD_NONBLOCK);
	union rig_irqs irqs;
	struct vfio_rig rig;
	unsigned int n;
	long rc = -1;

	(void)state;
	rig_open(&rig, &device_edu, NULL);
	assert_int_equal(rig_bind(&rig), 0);
	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_INTX_IRQ_INDEX, 1, &fd);
	failure_arm(1);
	assert_int_equal(rig_ioctl(&rig, VFIO_DEVICE_SET_IRQS, &irqs), -ENOMEM);
	failure_disarm();
	assert_int_equal(rig_ioctl(&rig, VFIO_DEVICE_SET_IRQS, &irqs), 0);
	/* The unmask eventfd needs a thread, too. */
	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_PCI_INTX_IRQ_INDEX, 1, &fd);
	for (n = 1; n < MORE_THAN_ENOUGH && rc; n++) {
		failure_arm(n);
		rc = rig_ioctl(&rig, VFIO_DEVICE_SET_IRQS, &irqs);
		failure_disarm();
		assert_true(rc == 0 || rc == -ENOMEM);
	}
	assert_true(n >= 4);
	close(fd);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_without_memory_stays_as_it_was),
		cmocka_unit_test(a_second_device_without_memory_leaves_the_first),
		cmocka_unit_test(open_and_bind_without_memory_change_nothing),
		cmocka_unit_test(interrupts_without_memory_stay_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
