/* SPDX-License-Identifier: MIT */
/* Each mistake in a model is refused, in words that name it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "vfio/pci_model.h"

static uint64_t read_nothing(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			     unsigned int size)
{
	(void)dev, (void)bar, (void)off, (void)size;
	return 0;
}

static void write_nothing(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			  unsigned int size, uint64_t value)
{
	(void)dev, (void)bar, (void)off, (void)size, (void)value;
}

static const uint8_t vpd[] = {0x78};

static const struct uiommufd_model good = {
	.name = "good",
	.summary = "everything that a model can have",
	.bars = {{.size = 4096, .flags = UIOMMUFD_BAR_MMAP},
		 {.size = 4, .flags = UIOMMUFD_BAR_IO},
		 {.size = 1 << 20, .flags = UIOMMUFD_BAR_64}},
	.msi_vectors = 32,
	.msix_vectors = 64,
	.msix_bar = 2,
	.msix_pba = 64 * 16,
	.pcie = true,
	.flr = true,
	.vpd = vpd,
	.vpd_size = sizeof(vpd),
	.read = read_nothing,
	.write = write_nothing,
};

#define CAPABILITIES(...) \
	(model->capabilities = (const struct uiommufd_capability[]){__VA_ARGS__, {0}})

#define REGISTERS(...) \
	(model->registers = (const struct uiommufd_register[]){__VA_ARGS__, {.name = NULL}})

#define RANGES(...) (model->option_ranges = (const struct uiommufd_option_range[]){__VA_ARGS__})

#define PARTS(...) (model->bar_parts = (const struct uiommufd_bar_part[]){__VA_ARGS__, {.size = 0}})

/* MISTAKE(name, how to make it of a good model, what is said) */
#define MISTAKES                                                                                  \
	MISTAKE(no_name, model->name = NULL, "the model has no name")                             \
	MISTAKE(no_summary, model->summary = NULL, "no summary")                                  \
	MISTAKE(wide_class, model->class_code = 0x1000000, "more than 24 bits")                   \
	MISTAKE(odd_size, model->bars[0].size = 3000, "BAR 0: 3000 bytes is no power of two")     \
	MISTAKE(small, model->bars[1].size = 2, "BAR 1: 2 bytes; at least 4")                     \
	MISTAKE(small_memory, model->bars[4].size = 8, "BAR 4: 8 bytes; at least 16")             \
	MISTAKE(huge, model->bars[2].size = UINT64_C(1) << 40, "2^40 bytes or more")              \
	MISTAKE(large, model->bars[0].size = UINT64_C(1) << 32, "needs UIOMMUFD_BAR_64")          \
	MISTAKE(flags, model->bars[0].flags = 64, "flags 0x40 are unknown")                       \
	MISTAKE(mapped_ports, model->bars[1].flags |= UIOMMUFD_BAR_MMAP, "neither 64-bit nor")    \
	MISTAKE(mapped_part, model->bars[0].size = 512, "BAR 0: UIOMMUFD_BAR_MMAP needs whole")   \
	MISTAKE(upper_half, model->bars[3].size = 4096, "BAR 2: a 64-bit BAR takes the next")     \
	MISTAKE(width, model->bars[0].min_access = 3, "accesses of 3 to 0 bytes")                 \
	MISTAKE(no_write, model->write = NULL, "BAR 0: the model has no write()")                 \
	MISTAKE(no_read, model->read = NULL, "BAR 0: the model has no read()")                    \
	MISTAKE(msi, model->msi_vectors = 3, "3 MSI vectors: write 0, 1, 2")                      \
	MISTAKE(msix, model->msix_vectors = 2049, "2049 MSI-X vectors; at most 2048")             \
	MISTAKE(msix_bar, model->msix_bar = 6, "the MSI-X table is in BAR 6")                     \
	MISTAKE(msix_ports, model->msix_bar = 1, "in BAR 1, which is no memory")                  \
	MISTAKE(msix_end, model->msix_table = (1 << 20) - 64, "leave BAR 2")                      \
	MISTAKE(threads, model->work_threads = 9, "9 work threads; at most 8")                    \
	MISTAKE(flr, model->pcie = false, "needs .pcie")                                          \
	MISTAKE(vpd_alone, model->vpd = NULL, "vital product data")                               \
	MISTAKE(rom_alone, model->rom_size = 2048, "2048 bytes of expansion ROM")                 \
	MISTAKE(large_rom, (model->rom = vpd, model->rom_size = (16 << 20) + 1),                  \
		"at most 16777216")                                                               \
	MISTAKE(no_help, model->options = (const struct uiommufd_option[]){{.name = "x"}},        \
		"option \"x\" has no help")                                                       \
	MISTAKE(register_outside, REGISTERS(UIOMMUFD_REGISTER("DOORBELL", NULL, 0, 4094, 4, 0)),  \
		"register DOORBELL: 4 bytes at 0xffe leave BAR 0")                                \
	MISTAKE(registers_outside,                                                                \
		REGISTERS(UIOMMUFD_REGISTERS("TAIL", NULL, 0, 0, 4, 0, 513, 8)),                  \
		"register TAIL: 4 bytes at 0x0 leave BAR 0")                                      \
	MISTAKE(registers_overflow,                                                               \
		REGISTERS(UIOMMUFD_REGISTERS("TAIL", NULL, 0, 0, 4, 0, 3, UINT64_MAX / 2 + 1)),   \
		"register TAIL: 4 bytes at 0x0 leave BAR 0")                                      \
	MISTAKE(register_of_no_bar, REGISTERS(UIOMMUFD_REGISTER("X", NULL, 6, 0, 4, 0)),          \
		"leave BAR 6")                                                                    \
	MISTAKE(range_of_nothing, RANGES({"x", "1", NULL}), "there is no option \"x\"")           \
	MISTAKE(part_of_no_page, PARTS({.bar = 0, .off = 16, .size = 4096}),                      \
		"part 0: 0x1000 bytes at 0x10 are no pages of BAR 0")                             \
	MISTAKE(part_outside, PARTS({.bar = 0, .off = 4096, .size = 4096}), "pages of BAR 0")     \
	MISTAKE(part_overflow, PARTS({.bar = 0, .off = 0 - 4096ull, .size = 8192}),               \
		"pages of BAR 0")                                                                 \
	MISTAKE(part_unmapped, PARTS({.bar = 2, .off = 4096, .size = 4096}),                      \
		"part 0: BAR 2 has no UIOMMUFD_BAR_MMAP")                                         \
	MISTAKE(part_of_no_bar, PARTS({.bar = 6, .size = 4096}), "part 0: BAR 6 has no")          \
	MISTAKE(part_of_table,                                                                    \
		(model->bars[2].flags |= UIOMMUFD_BAR_MMAP, PARTS({.bar = 2, .size = 4096})),     \
		"part 0: the MSI-X table is in it")                                               \
	MISTAKE(part_twice, PARTS({.bar = 0, .size = 4096}, {.bar = 0, .size = 4096}),            \
		"part 1: part 0 is there")                                                        \
	MISTAKE(part_thread, PARTS({.bar = 0, .size = 4096, .thread = 1}),                        \
		"part 0: there is no thread 1")                                                   \
	MISTAKE(cap_of_vpd, CAPABILITIES({.id = 9, .off = 0xac, .size = 4}), "at 0xac: models")   \
	MISTAKE(cap_twice,                                                                        \
		CAPABILITIES({.id = 9, .off = 0xb0, .size = 8},                                   \
			     {.id = 9, .off = 0xb4, .size = 4}),                                  \
		"two capabilities are at 0xb4")                                                   \
	MISTAKE(cap_end, CAPABILITIES({.id = 9, .off = 0xfc, .size = 8}), "outside config space") \
	MISTAKE(cap_id, CAPABILITIES({.id = 0x109, .off = 0xb0, .size = 4}), "has 8 bits")        \
	MISTAKE(cap_header, CAPABILITIES({.id = 9, .off = 0x200, .size = 2}), "shorter than")     \
	MISTAKE(cap_extended,                                                                     \
		(model->flr = false, model->pcie = false,                                         \
		 CAPABILITIES({.id = 3, .off = 0x200, .size = 12})),                              \
		"is extended: the model needs .pcie")

#define MISTAKE(id, change, text)                                                    \
	static void id(void **state)                                                 \
	{                                                                            \
		struct uiommufd_model copy = good, *model = &copy;                   \
		char why[128] = "";                                                  \
                                                                                     \
		(void)state;                                                         \
		(void)(change);                                                      \
		assert_int_equal(pci_model_check(model, why, sizeof(why)), -EINVAL); \
		if (!strstr(why, text))                                              \
			fail_msg("\"%s\" is said, not \"%s\"", why, text);           \
		assert_int_equal(pci_model_check(model, NULL, 0), -EINVAL);          \
	}
MISTAKES
#undef MISTAKE

static void a_good_model_is_accepted(void **state)
{
	struct uiommufd_model copy = good, *model = &copy;
	char why[128] = "untouched";

	(void)state;
	assert_int_equal(pci_model_check(&good, why, sizeof(why)), 0);
	CAPABILITIES({.id = 9, .off = 0xb0, .size = 8}, {.id = 3, .off = 0x200, .size = 12});
	assert_int_equal(pci_model_check(model, why, sizeof(why)), 0);
	assert_string_equal(why, "untouched");
}

int main(void)
{
#define MISTAKE(id, change, text) cmocka_unit_test(id),
	const struct CMUnitTest tests[] = {MISTAKES cmocka_unit_test(a_good_model_is_accepted)};
#undef MISTAKE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
