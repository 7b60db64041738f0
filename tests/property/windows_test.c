/* SPDX-License-Identifier: MIT */
/*
 * Windows, reserved ranges and mappings of an IO address space, beside bitmaps: devices whose
 * IOMMUs have random holes and apertures are attached and detached, windows promised, pages mapped,
 * in random order. The address space is 64 units, of which the whole 64-bit space is made in one
 * half of the rounds.
 */
#include <inttypes.h>

#include "kit.h"

#include "iommufd/ioas/ioas_check.h"

enum {
	UNITS = 64,
	DEVICES = 3,
	ROUNDS = 150,
	STEPS = 60,
	MAX_LIST = UNITS + 2,
	MAX_PARTS = 4, /* ranges of an aperture, holes */
	SPEC_SIZE = 512,
};

/* Unit i is [base + i * size, base + (i + 1) * size - 1]. */
struct space {
	uint64_t base, size;
};

static const struct space spaces[] = {
	{0, UINT64_C(1) << 58}, /* the whole space */
	{0xaaaa0000, 0x1000},
};

struct device {
	struct uiommufd_iommu *iommu;
	struct uiommufd_endpoint *endpoint;
	uint32_t id;
	uint64_t holes;	  /* units that are reserved for it */
	uint64_t missing; /* those, and what its IOMMU does not translate */
	bool attached;
};

struct model {
	struct fixture *f;
	const struct space *space;
	struct device devices[DEVICES];
	uint32_t ioas;
	uint64_t allowed, mapped;
};

static struct iommu_iova_range units(const struct space *space, unsigned int first,
				     unsigned int last)
{
	return (struct iommu_iova_range){
		space->base + first * space->size,
		space->base + last * space->size + (space->size - 1),
	};
}

/* The normal list of the units in @bitmap, with what is outside of the space if @outside. */
static uint32_t list_of(const struct space *space, uint64_t bitmap, bool outside,
			struct iommu_iova_range *list)
{
	const struct iommu_iova_range all = units(space, 0, UNITS - 1);
	uint32_t count = 0;

	if (outside && all.start)
		list[count++] = (struct iommu_iova_range){0, all.start - 1};
	for (unsigned int i = 0; i < UNITS; i++) {
		const struct iommu_iova_range unit = units(space, i, i);

		if (!(bitmap >> i & 1))
			continue;
		if (count && list[count - 1].last + 1 == unit.start)
			list[count - 1].last = unit.last;
		else
			list[count++] = unit;
	}
	if (!outside || all.last == UINT64_MAX)
		return count;
	if (count && list[count - 1].last == all.last)
		list[count - 1].last = UINT64_MAX;
	else
		list[count++] = (struct iommu_iova_range){all.last + 1, UINT64_MAX};
	return count;
}

/* Up to @most runs of units, sparse. */
static uint64_t random_units(unsigned int most)
{
	uint64_t bitmap = 0;

	for (uint64_t n = random_u64() % (most + 1); n; n--) {
		const unsigned int first = (unsigned int)(random_u64() % UNITS);
		const uint64_t run = random_u64() % 8 ? 1 : 0xff;

		bitmap |= run << first;
	}
	return bitmap;
}

/* Appends ",NAME=RANGE+RANGE..." for the units in @bitmap. */
static void append_option(char spec[SPEC_SIZE], const char *name, const struct space *space,
			  uint64_t bitmap)
{
	struct iommu_iova_range list[MAX_LIST];
	const uint32_t count = list_of(space, bitmap, false, list);
	size_t used = strlen(spec);

	for (uint32_t i = 0; i < count; i++)
		used += (size_t)snprintf(spec + used, SPEC_SIZE - used,
					 "%s%s%s0x%" PRIx64 "-0x%" PRIx64, i ? "+" : ",",
					 i ? "" : name, i ? "" : "=", (uint64_t)list[i].start,
					 (uint64_t)list[i].last);
}

static void plug(struct model *model, struct device *device)
{
	char spec[SPEC_SIZE] = "64bit";
	uint64_t aperture = 0;

	*device = (struct device){.holes = random_units(MAX_PARTS)};
	append_option(spec, "hole", model->space, device->holes);
	device->missing = device->holes;
	/* Only of the whole space: an aperture is all that there is. */
	if (model->space->base == 0)
		aperture = random_units(MAX_PARTS);
	if (aperture) {
		aperture |= UINT64_C(0xffffff) << random_u64() % 40;
		append_option(spec, "aperture", model->space, aperture);
		device->missing |= ~aperture;
	}
	assert_int_equal(uiommufd_iommu_create(spec, "iommu", &device->iommu), 0);
	assert_int_equal(uiommufd_endpoint_create(device->iommu, "device", &device->endpoint), 0);
	assert_int_equal(uiommufd_endpoint_bind(device->endpoint, model->f->ctx, &device->id), 0);
}

static void unplug(struct device *device)
{
	uiommufd_endpoint_destroy(device->endpoint);
	uiommufd_iommu_put(device->iommu);
}

static uint64_t reserved_units(const struct model *model)
{
	uint64_t reserved = 0;

	for (unsigned int i = 0; i < DEVICES; i++)
		reserved |= model->devices[i].attached ? model->devices[i].missing : 0;
	return reserved;
}

/* ---- what the commands say ---- */

/*
 * Asserts that @answer, to a call with @capacity entries, holds the first of @expected, and that
 * nothing after them was written.
 */
static void assert_answer(int rc, uint32_t num, const struct iommu_iova_range *answer,
			  uint32_t capacity, const struct iommu_iova_range *expected,
			  uint32_t count)
{
	const uint32_t fit = count < capacity ? count : capacity;

	assert_int_equal(rc, count > capacity ? -EMSGSIZE : 0);
	assert_int_equal(num, count);
	for (uint32_t i = 0; i < fit; i++) {
		assert_int_equal(answer[i].start, expected[i].start);
		assert_int_equal(answer[i].last, expected[i].last);
	}
	assert_int_equal(answer[fit].start, UINT64_C(0x5a5a5a5a5a5a5a5a));
}

static void check_ioas(const struct model *model)
{
	struct iommu_iova_range expected[MAX_LIST], answer[MAX_LIST + 1];
	const uint32_t count = list_of(model->space, ~reserved_units(model), true, expected);
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = model->ioas,
		.num_iovas = (uint32_t)(random_u64() % (count + 2)),
		.allowed_iovas = (uintptr_t)answer,
	};
	const uint32_t capacity = cmd.num_iovas;
	const char *broken = ioas_check_all();
	int rc;

	if (broken)
		fail_msg("does not hold: %s", broken);
	memset(answer, 0x5a, sizeof(answer));
	rc = fixture_call(model->f, IOMMU_IOAS_IOVA_RANGES, &cmd);
	assert_answer(rc, cmd.num_iovas, answer, capacity, expected, count);
}

static void check_device(const struct model *model, const struct device *device)
{
	struct iommu_iova_range expected[MAX_LIST], answer[MAX_LIST + 1];
	uint32_t count = list_of(model->space, ~device->missing, true, expected), capacity;
	struct iommu_dev_iova_ranges permitted = {
		.size = sizeof(permitted),
		.dev_id = device->id,
		.num_iovas = (uint32_t)(random_u64() % (count + 2)),
		.allowed_iovas = (uintptr_t)answer,
	};
	struct iommu_resv_iova_ranges reserved = {
		.size = sizeof(reserved),
		.dev_id = device->id,
		.resv_iovas = (uintptr_t)answer,
	};
	int rc;

	memset(answer, 0x5a, sizeof(answer));
	capacity = permitted.num_iovas;
	rc = fixture_call(model->f, IOMMU_DEV_IOVA_RANGES, &permitted);
	assert_answer(rc, permitted.num_iovas, answer, capacity, expected, count);

	memset(answer, 0x5a, sizeof(answer));
	count = list_of(model->space, device->holes, false, expected);
	capacity = reserved.num_iovas = (uint32_t)(random_u64() % (count + 2));
	rc = fixture_call(model->f, IOMMU_RESV_IOVA_RANGES, &reserved);
	assert_answer(rc, reserved.num_iovas, answer, capacity, expected, count);
}

/* ---- steps ---- */

static void attach_or_detach(struct model *model)
{
	struct device *device = &model->devices[random_u64() % DEVICES];
	uint32_t pt_id = model->ioas;
	bool fits;
	int rc;

	if (device->attached) {
		uiommufd_endpoint_detach(device->endpoint, UIOMMUFD_NO_PASID);
		device->attached = false;
		return;
	}
	fits = !(device->missing & (model->allowed | model->mapped));
	rc = uiommufd_endpoint_attach(device->endpoint, UIOMMUFD_NO_PASID, &pt_id);
	assert_int_equal(rc, fits ? 0 : -EADDRINUSE);
	assert_int_equal(*uiommufd_last_error() == '\0', fits);
	device->attached = fits;
}

static void promise(struct model *model)
{
	const uint64_t windows = random_units(MAX_PARTS);
	struct iommu_iova_range list[MAX_LIST];
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = model->ioas,
		.num_iovas = list_of(model->space, windows, false, list),
		.allowed_iovas = (uintptr_t)list,
	};
	const bool fits = !(windows & reserved_units(model));

	assert_int_equal(fixture_call(model->f, IOMMU_IOAS_ALLOW_IOVAS, &cmd),
			 fits ? 0 : -EADDRINUSE);
	if (fits)
		model->allowed = windows;
}

/* The first or the last page of a unit, the last of which ends the space. */
static void map_or_unmap(struct model *model)
{
	const unsigned int unit = (unsigned int)(random_u64() % UNITS);
	const struct iommu_iova_range range = units(model->space, unit, unit);
	const uint64_t iova = unit % 2 ? range.last - (PAGE - 1) : range.start;
	const uint64_t bit = UINT64_C(1) << unit;
	int rc = 0;

	if (model->mapped & bit) {
		assert_int_equal(fixture_unmap(model->f, model->ioas, iova, PAGE), 0);
		model->mapped &= ~bit;
		return;
	}
	if (reserved_units(model) & bit)
		rc = -EINVAL;
	assert_int_equal(fixture_map(model->f, model->ioas, iova, 0, PAGE, FIXTURE_RW), rc);
	if (!rc)
		model->mapped |= bit;
}

static void run_round(const struct space *space)
{
	struct model model = {.f = fixture_create("64bit", 1), .space = space};

	model.ioas = fixture_ioas(model.f);
	for (unsigned int i = 0; i < DEVICES; i++)
		plug(&model, &model.devices[i]);
	for (unsigned int i = 0; i < STEPS; i++) {
		switch (random_u64() % 5) {
		case 0:
			promise(&model);
			break;
		case 1:
			map_or_unmap(&model);
			break;
		default:
			attach_or_detach(&model);
		}
		check_ioas(&model);
		check_device(&model, &model.devices[i % DEVICES]);
	}
	for (unsigned int i = 0; i < DEVICES; i++)
		unplug(&model.devices[i]);
	fixture_destroy(model.f);
}

static void windows_agree_with_bitmaps(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ROUNDS; i++)
		run_round(&spaces[i % (sizeof(spaces) / sizeof(spaces[0]))]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_agree_with_bitmaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
