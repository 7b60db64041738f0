/* SPDX-License-Identifier: MIT */
/* The expansion ROM of a device: its images, its BAR, and what programs read of it. */
#include <linux/pci_regs.h>

#include "kit.h"
#include "vfio/rom.h"

enum {
	IMAGE = 1024,
	LEN = 3000,
	WINDOW = 4096,
};

/* Writes an image of @blocks * 512 bytes to @rom. */
static void put_image(uint8_t *rom, uint16_t blocks, bool last)
{
	const uint8_t header[] = {0x55, 0xaa};

	memcpy(rom, header, sizeof(header));
	rom[24] = 28;
	memcpy(rom + 28, "PCIR", 4);
	memcpy(rom + 28 + 16, &blocks, 2);
	rom[28 + 21] = last ? 0x80 : 0;
}

static void images_end_with_the_last_valid_one(void **state)
{
	uint8_t rom[LEN] = {0};

	(void)state;
	assert_int_equal(rom_images(rom, sizeof(rom)), 0);
	put_image(rom, 2, true);
	assert_int_equal(rom_images(rom, sizeof(rom)), IMAGE);
	put_image(rom, 2, false);
	assert_int_equal(rom_images(rom, sizeof(rom)), IMAGE);
	put_image(rom + IMAGE, 3, true);
	assert_int_equal(rom_images(rom, sizeof(rom)), IMAGE + 3 * 512);
	put_image(rom, 2, true);
	assert_int_equal(rom_images(rom, sizeof(rom)), IMAGE);
}

static void no_header_leads_outside(void **state)
{
	uint8_t rom[LEN] = {0};

	(void)state;
	put_image(rom, 0xffff, false);
	assert_int_equal(rom_images(rom, sizeof(rom)), sizeof(rom));
	put_image(rom, 0, false);
	assert_int_equal(rom_images(rom, sizeof(rom)), 0);
	memset(rom + 24, 0xff, 2);
	assert_int_equal(rom_images(rom, sizeof(rom)), 0);
	for (uint32_t len = 0; len <= 64; len++)
		(void)rom_images(rom, len);
}

static void its_bar_is_a_power_of_two(void **state)
{
	(void)state;
	assert_int_equal(rom_window(0), 0);
	assert_int_equal(rom_window(1), 2048);
	assert_int_equal(rom_window(2048), 2048);
	assert_int_equal(rom_window(LEN), WINDOW);
	assert_int_equal(rom_window(ROM_MOST), ROM_MOST);
}

/* ---- a device with one ---- */

static uint8_t rom[LEN];

static const struct uiommufd_model rom_model = {
	.name = "rom",
	.summary = "an expansion ROM, and nothing else",
	.vendor = 0x1234,
	.device = 1,
	.rom = rom,
	.rom_size = sizeof(rom),
};

static int setup(void **state)
{
	static struct vfio_rig rig;

	memset(rom, 0, sizeof(rom));
	put_image(rom, 2, true);
	rom[100] = 0x42;
	rom[IMAGE] = 0x43;
	*state = &rig;
	rig_open(&rig, &rom_model, NULL);
	return rig_bind(&rig) ? -1 : 0;
}

static int setup_invalid(void **state)
{
	static struct vfio_rig rig;

	memset(rom, 0, sizeof(rom));
	*state = &rig;
	rig_open(&rig, &rom_model, NULL);
	return rig_bind(&rig) ? -1 : 0;
}

static int teardown(void **state)
{
	rig_close(*state);
	return 0;
}

static uint32_t config(struct vfio_rig *rig, uint32_t off)
{
	uint32_t value = 0;

	assert_int_equal(rig_pread(rig, &value, 4, rig_pos(7, off)), 4);
	return value;
}

static void set_config(struct vfio_rig *rig, uint32_t off, uint32_t value)
{
	assert_int_equal(rig_pwrite(rig, &value, 4, rig_pos(7, off)), 4);
}

/* [CONFIG-BARS.5] */
static void the_rom_is_sized_as_on_hardware(void **state)
{
	const uint32_t at = config(*state, PCI_ROM_ADDRESS);

	assert_int_equal(at % WINDOW, 0);
	assert_int_not_equal(at, 0);
	set_config(*state, PCI_ROM_ADDRESS, PCI_ROM_ADDRESS_MASK);
	assert_int_equal(config(*state, PCI_ROM_ADDRESS), (uint32_t)-WINDOW);
	set_config(*state, PCI_ROM_ADDRESS, at | PCI_ROM_ADDRESS_ENABLE);
	assert_int_equal(config(*state, PCI_ROM_ADDRESS), at | PCI_ROM_ADDRESS_ENABLE);
}

/* [PCI-REGION.2] */
static void the_region_is_as_large_as_the_bar(void **state)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = VFIO_PCI_ROM_REGION_INDEX};

	assert_int_equal(rig_ioctl(*state, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
	assert_int_equal(info.size, WINDOW);
	assert_int_equal(info.flags, VFIO_REGION_INFO_FLAG_READ);
}

/* [PCI-ACCESS.3], [CONFIG-REGIONS.5], [CONFIG-REGIONS.7] */
static void what_is_behind_the_images_reads_as_ones(void **state)
{
	struct vfio_rig *rig = *state;
	uint8_t bytes[WINDOW + 16];

	assert_int_equal(rig_pread(rig, bytes, sizeof(bytes), rig_pos(6, 0)), WINDOW);
	assert_memory_equal(bytes, rom, IMAGE);
	for (unsigned int i = IMAGE; i < WINDOW; i++)
		assert_int_equal(bytes[i], 0xff);
	assert_int_equal(rig_pread(rig, bytes, 7, rig_pos(6, 99)), 7);
	assert_int_equal(bytes[1], 0x42);
	assert_int_equal(rig_pread(rig, bytes, 1, rig_pos(6, WINDOW)), -EINVAL);
	assert_int_equal(rig_pwrite(rig, bytes, 4, rig_pos(6, 0)), -EINVAL);
}

/* [CONFIG-COMMAND.2] */
static void it_is_not_read_while_memory_does_not_decode(void **state)
{
	uint8_t byte;

	set_config(*state, PCI_COMMAND, 0);
	assert_int_equal(rig_pread(*state, &byte, 1, rig_pos(6, 0)), -EIO);
	set_config(*state, PCI_COMMAND, PCI_COMMAND_MEMORY);
	assert_int_equal(rig_pread(*state, &byte, 1, rig_pos(6, 0)), 1);
}

/* [CONFIG-REGIONS.6] */
static void without_an_image_the_bar_has_a_size_and_the_region_none(void **state)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = VFIO_PCI_ROM_REGION_INDEX};
	uint8_t byte;

	set_config(*state, PCI_ROM_ADDRESS, PCI_ROM_ADDRESS_MASK);
	assert_int_equal(config(*state, PCI_ROM_ADDRESS), (uint32_t)-WINDOW);
	assert_int_equal(rig_ioctl(*state, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
	assert_int_equal(info.size, 0);
	assert_int_equal(info.flags, 0);
	assert_int_equal(rig_pread(*state, &byte, 1, rig_pos(6, 0)), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_end_with_the_last_valid_one),
		cmocka_unit_test(no_header_leads_outside),
		cmocka_unit_test(its_bar_is_a_power_of_two),
		cmocka_unit_test_setup_teardown(the_rom_is_sized_as_on_hardware, setup, teardown),
		cmocka_unit_test_setup_teardown(the_region_is_as_large_as_the_bar, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_behind_the_images_reads_as_ones, setup,
						teardown),
		cmocka_unit_test_setup_teardown(it_is_not_read_while_memory_does_not_decode, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			without_an_image_the_bar_has_a_size_and_the_region_none, setup_invalid,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
