/* SPDX-License-Identifier: MIT */
/*
 * Accesses: the rows of [ACCESS-RW], [ACCESS-PIN] and [ACCESS-ATTACH] that need an owner in the
 * engine.
 */
#include "iommufd/ioas/access.h"
#include "kit.h"

enum {
	PAGES = 4
};

#define IOVA UINT64_C(0x100000)
#define ALL  (PAGES * PAGE)

static struct engine *e;
static uint32_t ioas;
static struct iommufd_access *user;
static unsigned int told;
static struct iova_range last_told;

/* An owner that ignores the call to unpin. */
static void keep(void *data, uint64_t iova, uint64_t len)
{
	(void)data;
	last_told = (struct iova_range){iova, iova + (len - 1)};
	told++;
}

static const struct iommufd_access_ops stubborn = {.needs_pin_pages = true, .unmap = keep};

static int set_up(void **state)
{
	(void)state;
	told = 0;
	e = engine_create("amd", PAGES);
	ioas = engine_ioas(e);
	assert_int_equal(engine_map(e, ioas, IOVA, 0, ALL), 0);
	assert_int_equal(iommufd_access_create(e->ctx, &stubborn, NULL, &user), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	iommufd_access_destroy(user);
	engine_destroy(e);
	return 0;
}

static int rw(uint64_t iova)
{
	char byte;

	return iommufd_access_rw(user, &e->caller, iova, &byte, 1, false, false);
}

static void an_access_that_is_not_attached_reaches_nothing(void **state)
{
	uint64_t pages[PAGES];

	(void)state;
	assert_int_equal(rw(IOVA), -ENOENT);
	assert_int_equal(iommufd_access_pin(user, IOVA, PAGE, false, pages), -ENOENT);
	assert_int_equal(iommufd_access_replace(user, ioas), -ENOENT);
	/* The check of the range comes first. */
	assert_int_equal(iommufd_access_pin(user, IOVA, 0, false, pages), -EINVAL);
	assert_int_equal(iommufd_access_pin(user, UINT64_MAX, 2, false, pages), -EOVERFLOW);
}

static void unmap_gives_up_on_an_owner_that_does_not_let_go(void **state)
{
	uint64_t pages[PAGES];

	(void)state;
	assert_int_equal(iommufd_access_attach(user, ioas), 0);
	assert_int_equal(iommufd_access_pin(user, IOVA, PAGE, false, pages), 0);
	assert_int_equal(engine_unmap(e, ioas, IOVA, ALL), -EDEADLK);
	/* The owner is called repeatedly, but not for ever. */
	assert_in_range(told, 2, 101);
	assert_int_equal(last_told.start, IOVA);
	assert_int_equal(last_told.last, IOVA + ALL - 1);
	/* The area is still there, but can no longer be reached. */
	assert_int_equal(engine_map(e, ioas, IOVA, 0, ALL), -EEXIST);
	assert_int_equal(rw(IOVA), -EINVAL);
	assert_int_equal(iommufd_access_pin(user, IOVA, PAGE, false, pages), -EINVAL);
	iommufd_access_unpin(user, IOVA, PAGE);
	assert_int_equal(engine_unmap(e, ioas, IOVA, ALL), 0);
}

static void unmap_tells_only_who_stands_in_its_way(void **state)
{
	(void)state;
	assert_int_equal(iommufd_access_attach(user, ioas), 0);
	assert_int_equal(engine_unmap(e, ioas, IOVA, ALL), 0);
	assert_int_equal(told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(an_access_that_is_not_attached_reaches_nothing),
		TEST(unmap_gives_up_on_an_owner_that_does_not_let_go),
		TEST(unmap_tells_only_who_stands_in_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
