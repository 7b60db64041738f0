/* SPDX-License-Identifier: MIT */
/* DMA at the ends of the 64-bit space. */
#include "base/log.h"
#include "kit.h"

#define LAST_PAGE (UINT64_MAX - PAGE + 1)

/* The last page and the first of the space, and a device that sees them. */
static struct fixture *create(void)
{
	struct fixture *f = fixture_create("amd", 2);
	uint32_t ioas = fixture_ioas(f), pt_id = ioas;

	assert_int_equal(fixture_map(f, ioas, LAST_PAGE, 0, PAGE, FIXTURE_RW), 0);
	assert_int_equal(fixture_map(f, ioas, 0, PAGE, PAGE, FIXTURE_RW), 0);
	assert_int_equal(fixture_attach(f, 0, UIOMMUFD_NO_PASID, &pt_id), 0);
	return f;
}

static void the_last_byte_of_the_space_can_be_reached(void **state)
{
	struct fixture *f = create();
	char bytes[PAGE];

	(void)state;
	memset(f->buffer, 0x5a, PAGE);
	assert_int_equal(uiommufd_dma_read(f->devices[0], 0, LAST_PAGE, bytes, PAGE), 0);
	assert_memory_equal(bytes, f->buffer, PAGE);
	assert_int_equal(uiommufd_dma_write(f->devices[0], 0, UINT64_MAX, "x", 1), 0);
	assert_int_equal(f->buffer[PAGE - 1], 'x');
	fixture_destroy(f);
}

static void a_request_does_not_go_on_at_0(void **state)
{
	struct fixture *f = create();
	char bytes[2 * PAGE];

	(void)state;
	memset(bytes, 0x11, sizeof(bytes));
	assert_int_equal(uiommufd_dma_write(f->devices[0], 0, LAST_PAGE, bytes, sizeof(bytes)),
			 -EFAULT);
	/* As on a bus, the bytes before the fault have been transferred. */
	assert_int_equal(f->buffer[PAGE - 1], 0x11);
	assert_int_equal(f->buffer[PAGE], 0);
	assert_int_equal(uiommufd_dma_read(f->devices[0], 0, LAST_PAGE, bytes, sizeof(bytes)),
			 -EFAULT);
	fixture_destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_byte_of_the_space_can_be_reached),
		cmocka_unit_test(a_request_does_not_go_on_at_0),
	};

	/* The DMAs here fail on purpose. */
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
