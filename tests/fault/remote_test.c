/* SPDX-License-Identifier: MIT */
/*
 * Each step that can fail on the way to the device of a vfio-user server, and of a program's use of
 * it, fails in turn. What failed changes nothing: the same works when nothing fails.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/remote/remote.h"
#include "kit.h"
#include "liar.h"

enum {
	MORE_THAN_ENOUGH = 300,
	IOVA = 0x100000,
};

static struct liar liar;
static struct vfio_rig rig;
static struct remote_model *remote;
static struct option_value options[2];
static uint32_t ioas;
static int32_t event;
static uint8_t memory[PAGE] __attribute__((aligned(PAGE)));

/* Learns what the server has. 0 or a negative errno. */
static int make_model(void)
{
	struct vu_identity identity;
	char line[256] = "";
	const struct vu_why why = {line, sizeof(line)};
	struct vu_connection kept;
	int rc = remote_probe(liar.path, "1", &identity, &kept, &why);

	if (rc)
		return rc;
	remote = remote_model_create(&identity, &kept, &why);
	return remote ? 0 : -ENOMEM;
}

static void a_device_without_memory_is_not_there(void **state)
{
	unsigned int n;

	(void)state;
	for (n = 1; n < MORE_THAN_ENOUGH; n++) {
		uint64_t left;
		int rc;

		liar = (struct liar){.map_count = 0};
		liar_start(&liar);
		failure_arm(n);
		rc = make_model();
		left = failure_left();
		failure_disarm();
		if (rc)
			assert_int_equal(make_model(), 0);
		remote_model_destroy(remote);
		liar_stop(&liar);
		if (left)
			break;
	}
	assert_true(n > 3 && n < MORE_THAN_ENOUGH);
}

/* ---- what a program does ---- */

static long bind(void)
{
	return rig_bind(&rig);
}

static long attach(void)
{
	struct vfio_device_attach_iommufd_pt cmd = {.argsz = sizeof(cmd), .pt_id = ioas};

	return rig_ioctl(&rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd);
}

static long map(void)
{
	struct iommu_ioas_map cmd = {.size = sizeof(cmd),
				     .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
				     .ioas_id = ioas,
				     .length = PAGE,
				     .user_va = (uintptr_t)memory,
				     .iova = IOVA};

	return rig_iommu(&rig, IOMMU_IOAS_MAP, &cmd);
}

static long interrupts(void)
{
	union rig_irqs irqs;

	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 1, &event);
	return rig_ioctl(&rig, VFIO_DEVICE_SET_IRQS, &irqs);
}

static long reset(void)
{
	return rig_ioctl(&rig, VFIO_DEVICE_RESET, NULL);
}

static long (*const steps[])(void) = {bind, attach, map, interrupts, reset};

/* Does all steps, of which @failing meets the @n-th failure. True: it would have been later. */
static bool run(size_t failing, unsigned int n)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	bool later = false;

	liar = (struct liar){.map_count = 0};
	liar_start(&liar);
	assert_int_equal(make_model(), 0);
	options[0] = (struct option_value){"socket", liar.path};
	options[1] = (struct option_value){"timeout", "1"};
	rig_open_with(&rig, &remote->model, options, 2);
	assert_int_equal(rig_iommu(&rig, IOMMU_IOAS_ALLOC, &alloc), 0);
	ioas = alloc.out_ioas_id;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		long rc = 0;

		if (i == failing) {
			failure_arm(n);
			rc = steps[i]();
			later = failure_left();
			failure_disarm();
		}
		if (i != failing || rc)
			assert_int_equal(steps[i](), 0);
	}
	/* A listener cannot refuse a mapping: without memory it says so, and its DMA fails. */
	assert_true(liar.map_count == 1 || (!liar.map_count && steps[failing] == map));
	rig_close(&rig);
	remote_model_destroy(remote);
	liar_stop(&liar);
	return later;
}

static void what_failed_works_when_nothing_fails(void **state)
{
	(void)state;
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		unsigned int n = 1;

		while (n < MORE_THAN_ENOUGH && !run(i, n))
			n++;
		assert_true(n < MORE_THAN_ENOUGH);
	}
	close(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_without_memory_is_not_there),
		cmocka_unit_test(what_failed_works_when_nothing_fails),
	};

	return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
