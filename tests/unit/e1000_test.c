/* SPDX-License-Identifier: MIT */
/* Registers of the e1000: EEPROM, PHY, link, resets, interrupts, and what is reported. */
#include <linux/pci_regs.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kit.h"

static struct e1000_rig t;

static int setup(void **state)
{
	static const struct option_value options[] = {{"mac", "02:aB:00:00:00:01"}};

	(void)state;
	return e1000_open(&t, options, 1) ? -1 : report_file_clear();
}

static int setup_without_cable(void **state)
{
	static const struct option_value options[] = {{"backend", "none"}};

	(void)state;
	return e1000_open(&t, options, 1) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	e1000_close(&t);
	return 0;
}

/* ---- the EEPROM ---- */

static uint16_t read_word(unsigned int address)
{
	e1000_set(&t, E1000_EERD, address << EERD_ADDRESS_SHIFT | EERD_START);
	assert_true(e1000_get(&t, E1000_EERD) & EERD_DONE);
	return (uint16_t)(e1000_get(&t, E1000_EERD) >> EERD_DATA_SHIFT);
}

static void its_eeprom_has_an_address_and_a_checksum(void **state)
{
	uint16_t sum = 0;

	(void)state;
	for (unsigned int i = 0; i < EEPROM_WORDS; i++)
		sum = (uint16_t)(sum + read_word(i));
	assert_int_equal(sum, EEPROM_SUM);
	assert_int_equal(read_word(0), 0xab02);
	assert_int_equal(read_word(2), 0x0100);
	assert_int_equal(e1000_get(&t, E1000_RA), 0x0000ab02);
	assert_int_equal(e1000_get(&t, E1000_RA + 4), 0x80000100);
}

/* Clocks @count bits of @value out, the highest first; returns what came in. */
static uint32_t clock_bits(uint32_t value, unsigned int count)
{
	uint32_t in = 0;

	while (count--) {
		const uint32_t lines = EECD_REQ | EECD_CS | (value >> count & 1 ? EECD_DI : 0u);

		e1000_set(&t, E1000_EECD, lines);
		e1000_set(&t, E1000_EECD, lines | EECD_SK);
		in = in << 1 | !!(e1000_get(&t, E1000_EECD) & EECD_DO);
	}
	return in;
}

static void select_eeprom(bool on)
{
	e1000_set(&t, E1000_EECD, EECD_REQ | (on ? EECD_CS : 0u));
}

static uint16_t shift_word(unsigned int address)
{
	uint32_t value;

	select_eeprom(true);
	(void)clock_bits(6, 3);
	(void)clock_bits(address, 6);
	assert_false(e1000_get(&t, E1000_EECD) & EECD_DO); /* a zero comes first */
	value = clock_bits(0, 16);
	select_eeprom(false);
	return (uint16_t)value;
}

static void the_eeprom_is_read_bit_by_bit(void **state)
{
	(void)state;
	e1000_set(&t, E1000_EECD, EECD_REQ);
	assert_int_equal(e1000_get(&t, E1000_EECD), EECD_REQ | EECD_GNT | EECD_PRES | EECD_DO);
	for (unsigned int i = 0; i < EEPROM_WORDS; i++)
		assert_int_equal(shift_word(i), read_word(i));
	/* One after the other. */
	select_eeprom(true);
	(void)clock_bits(6 << 6 | (EEPROM_WORDS - 1), 9);
	assert_int_equal(clock_bits(0, 16), read_word(EEPROM_WORDS - 1));
	assert_int_equal(clock_bits(0, 16), read_word(0));
	assert_int_equal(clock_bits(0, 16), read_word(1));
	select_eeprom(false);
	e1000_set(&t, E1000_EECD, 0);
	assert_false(e1000_get(&t, E1000_EECD) & EECD_GNT);
}

static void instruct(uint32_t instruction, unsigned int bits)
{
	select_eeprom(true);
	(void)clock_bits(instruction, bits);
	select_eeprom(false);
}

static void the_eeprom_is_written_when_that_is_enabled(void **state)
{
	const uint32_t write = 5 << 6 | 0x10, enable = 4 << 6 | 0x30, disable = 4 << 6,
		       erase = 7 << 6 | 0x10;

	(void)state;
	instruct(write << 16 | 0x1234, 25);
	assert_int_equal(read_word(0x10), 0);
	instruct(enable, 9);
	instruct(write << 16 | 0x1234, 25);
	assert_int_equal(read_word(0x10), 0x1234);
	select_eeprom(true);
	assert_true(e1000_get(&t, E1000_EECD) & EECD_DO); /* ready */
	select_eeprom(false);
	/* It is not volatile. */
	e1000_set(&t, E1000_CTRL, CTRL_RST);
	assert_int_equal(read_word(0x10), 0x1234);
	instruct(erase, 9);
	assert_int_equal(read_word(0x10), 0xffff);
	instruct(disable, 9);
	instruct(write << 16 | 0x5678, 25);
	assert_int_equal(read_word(0x10), 0xffff);
	/* A few clocks before the start bit do not matter. */
	instruct(enable, 14);
	instruct((4 << 6 | 0x10) << 16 | 0xabcd, 25); /* all words */
	assert_int_equal(read_word(0), 0xabcd);
	assert_int_equal(read_word(63), 0xabcd);
}

/* ---- the PHY ---- */

static uint32_t mdic(uint32_t command, unsigned int phy, unsigned int reg, uint16_t value)
{
	e1000_set(&t, E1000_MDIC,
		  command | phy << MDIC_PHY_SHIFT | reg << MDIC_REGISTER_SHIFT | value);
	assert_true(e1000_get(&t, E1000_MDIC) & MDIC_READY);
	return e1000_get(&t, E1000_MDIC);
}

static uint16_t phy_get(unsigned int reg)
{
	const uint32_t value = mdic(MDIC_READ, PHY_ADDRESS, reg, 0);

	assert_false(value & MDIC_ERROR);
	return (uint16_t)value;
}

static void phy_set(unsigned int reg, uint16_t value)
{
	assert_false(mdic(MDIC_WRITE, PHY_ADDRESS, reg, value) & MDIC_ERROR);
}

static bool link_comes(void)
{
	e1000_set(&t, E1000_CTRL, e1000_get(&t, E1000_CTRL) | CTRL_SLU);
	return e1000_await(&t, E1000_STATUS, STATUS_LU, STATUS_LU);
}

static void the_phy_negotiates_a_gigabit(void **state)
{
	(void)state;
	assert_true(link_comes());
	assert_int_equal(phy_get(PHY_ID1), 0x0141);
	assert_int_equal(phy_get(PHY_ID2) & 0xfff0, 0x0c20);
	assert_int_equal(phy_get(PHY_STATUS) & 0x24, 0x24);
	assert_int_equal(phy_get(PHY_SPECIFIC_STATUS) & 0xec00, 0xac00);
	assert_int_equal(e1000_get(&t, E1000_STATUS) & 0xc3, 0x83);
	assert_int_equal(phy_get(PHY_PARTNER) & 0x41e1, 0x41e1);
	phy_set(PHY_ADVERTISED, 0x0041);
	assert_int_equal(phy_get(PHY_ADVERTISED), 0x0041);
	phy_set(PHY_ID1, 0);
	assert_int_equal(phy_get(PHY_ID1), 0x0141);
	phy_set(PHY_CONTROL, PHY_CONTROL_RESET);
	assert_int_equal(phy_get(PHY_CONTROL), PHY_CONTROL_DEFAULT);
	assert_int_equal(phy_get(PHY_ADVERTISED), PHY_ADVERTISED_DEFAULT);
	assert_true(mdic(MDIC_READ, 2, PHY_ID1, 0) & MDIC_ERROR);
}

static void a_phy_without_power_has_no_link(void **state)
{
	(void)state;
	assert_true(link_comes());
	(void)e1000_get(&t, E1000_ICR);
	phy_set(PHY_CONTROL, PHY_CONTROL_DEFAULT | PHY_CONTROL_POWER_DOWN);
	assert_false(e1000_get(&t, E1000_STATUS) & STATUS_LU);
	assert_true(e1000_get(&t, E1000_ICR) & ICR_LSC);
	phy_set(PHY_CONTROL, PHY_CONTROL_DEFAULT);
	assert_true(e1000_get(&t, E1000_STATUS) & STATUS_LU);
	/* That it was gone is said once. */
	assert_false(phy_get(PHY_STATUS) & PHY_STATUS_LINK);
	assert_true(phy_get(PHY_STATUS) & PHY_STATUS_LINK);
	mdic(MDIC_READ | MDIC_INTERRUPT, PHY_ADDRESS, PHY_ID1, 0);
	assert_true(e1000_get(&t, E1000_ICR) & ICR_MDAC);
}

static void a_cable_that_ends_nowhere_has_no_link(void **state)
{
	struct e1000_received frame;

	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_SECRC);
	e1000_send(&t, 0, 100, 0, 0);
	e1000_drain(&t);
	assert_false(e1000_get(&t, E1000_STATUS) & STATUS_LU);
	assert_false(e1000_take(&t, &frame));
	/* But the PHY's own loopback has one. */
	phy_set(PHY_CONTROL, PHY_CONTROL_LOOPBACK | 0x0140);
	assert_true(e1000_get(&t, E1000_STATUS) & STATUS_LU);
	e1000_send(&t, 0, 100, 0, 0);
	assert_true(e1000_wait(&t, &frame));
}

/* ---- registers and resets ---- */

static void bits_that_do_not_exist_read_as_zero(void **state)
{
	static const struct {
		uint32_t reg, expected;
	} cases[] = {
		{E1000_RCTL, RCTL_WRITABLE},
		{E1000_TCTL, TCTL_WRITABLE},
		{E1000_RDBAL, 0xfffffff0},
		{E1000_RDLEN, 0xfff80},
		{E1000_TDH, 0xffff},
		{E1000_RDT, 0xffff},
		{E1000_RDTR, 0xffff},
		{E1000_ITR, 0xffff},
		{E1000_RA + 12, 0x8003ffff},
		{E1000_RA + 8, UINT32_MAX},
		{E1000_MTA + 0x1fc, UINT32_MAX},
		{E1000_VFTA, UINT32_MAX},
		{E1000_IMS, ICR_ALL},
		{E1000_FCRTH, 0xfff8},
		{E1000_PBM + 0x1234, UINT32_MAX},
		{0x0f00, 0},
		{0x5b00, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		e1000_set(&t, cases[i].reg, UINT32_MAX);
		assert_int_equal(e1000_get(&t, cases[i].reg), cases[i].expected);
		e1000_set(&t, cases[i].reg, 0);
	}
	e1000_set(&t, E1000_STATUS, UINT32_MAX);
	assert_int_equal(e1000_get(&t, E1000_STATUS) & ~STATUS_LU, 0x281);
	e1000_set(&t, E1000_PBA, 40);
	assert_int_equal(e1000_get(&t, E1000_PBA), 24 << 16 | 40);
}

static uint64_t io_pos(uint32_t off)
{
	return rig_pos(2, off);
}

static void io_space_reaches_the_registers(void **state)
{
	uint32_t value = E1000_VET;

	(void)state;
	assert_int_equal(rig_pwrite(&t.rig, &value, 4, io_pos(E1000_IOADDR)), 4);
	assert_int_equal(rig_pread(&t.rig, &value, 4, io_pos(E1000_IODATA)), 4);
	assert_int_equal(value, 0x8100);
	value = 0x88a8;
	assert_int_equal(rig_pwrite(&t.rig, &value, 4, io_pos(E1000_IODATA)), 4);
	assert_int_equal(e1000_get(&t, E1000_VET), 0x88a8);
	value = 0x7ffffffc;
	assert_int_equal(rig_pwrite(&t.rig, &value, 4, io_pos(E1000_IOADDR)), 4);
	assert_int_equal(rig_pread(&t.rig, &value, 4, io_pos(E1000_IODATA)), 4);
	assert_int_equal(value, 0);
}

static bool is_untouched(void)
{
	for (unsigned int i = 0; i < E1000_DATA; i++)
		if (t.memory[i] != 0xa5)
			return false;
	return true;
}

static void a_reset_in_the_middle_of_traffic_ends_it(void **state)
{
	struct e1000_received frame;

	(void)state;
	for (unsigned int round = 0; round < 50; round++) {
		e1000_start(&t, RCTL_UPE | RCTL_SECRC);
		for (unsigned int i = 0; i < 40; i++)
			e1000_send(&t, i * 64, 1000, 0, 0);
		e1000_set(&t, E1000_CTRL, CTRL_RST);
		assert_true(e1000_await(&t, E1000_CTRL, CTRL_RST, 0));
		/* There is no DMA any more. */
		memset(t.memory, 0xa5, E1000_DATA);
		assert_int_equal(e1000_get(&t, E1000_TDT), 0);
		assert_int_equal(e1000_get(&t, E1000_RCTL), 0);
		assert_int_equal(e1000_get(&t, E1000_STATISTICS + 0x80), 0);
		assert_true(is_untouched());
	}
	e1000_start(&t, RCTL_UPE | RCTL_SECRC);
	e1000_fill(&t, 0, 100, 1);
	e1000_send(&t, 0, 100, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 100);
	assert_memory_equal(frame.data, e1000_data_at(&t, 0), 100);
}

static void a_function_reset_in_the_middle_of_traffic_ends_it(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 20; round++) {
		rig_set_pci_command(&t.rig, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		e1000_start(&t, RCTL_UPE | RCTL_SECRC);
		for (unsigned int i = 0; i < 40; i++)
			e1000_send(&t, i * 64, 1000, 0, 0);
		assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_RESET, NULL), 0);
		memset(t.memory, 0xa5, E1000_DATA);
		assert_int_equal(e1000_get(&t, E1000_TDLEN), 0);
		assert_true(is_untouched());
	}
}

/* ---- interrupts ---- */

static int make_interrupt(uint32_t index)
{
	int32_t fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	union rig_irqs irqs;

	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, index, 1, &fd);
	assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_SET_IRQS, &irqs), 0);
	return fd;
}

static uint64_t interrupts(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static bool interrupt_comes(int fd)
{
	for (unsigned int i = 0; i < E1000_PATIENCE_MS * 10; i++) {
		if (interrupts(fd))
			return true;
		usleep(100);
	}
	return false;
}

static void causes_interrupt_while_they_are_not_masked(void **state)
{
	int fd = make_interrupt(VFIO_PCI_MSI_IRQ_INDEX);

	(void)state;
	e1000_set(&t, E1000_ICS, ICR_LSC);
	assert_int_equal(interrupts(fd), 0);
	e1000_set(&t, E1000_IMS, ICR_LSC | ICR_RXT0);
	assert_int_equal(interrupts(fd), 1);
	e1000_set(&t, E1000_ICS, ICR_RXT0); /* the line is asserted already */
	assert_int_equal(interrupts(fd), 0);
	assert_int_equal(e1000_get(&t, E1000_ICS), ICR_LSC | ICR_RXT0);
	assert_int_equal(e1000_get(&t, E1000_ICR), ICR_LSC | ICR_RXT0);
	assert_int_equal(e1000_get(&t, E1000_ICR), 0);
	e1000_set(&t, E1000_ICS, ICR_RXT0);
	assert_int_equal(interrupts(fd), 1);
	e1000_set(&t, E1000_ICR, ICR_RXT0);
	e1000_set(&t, E1000_IMC, ICR_RXT0);
	e1000_set(&t, E1000_ICS, ICR_RXT0);
	assert_int_equal(interrupts(fd), 0);
	close(fd);
}

static void throttled_interrupts_come_later(void **state)
{
	int fd = make_interrupt(VFIO_PCI_MSI_IRQ_INDEX);

	(void)state;
	e1000_set(&t, E1000_ITR, 40000); /* 10 ms */
	e1000_set(&t, E1000_IMS, ICR_RXT0);
	for (unsigned int i = 0; i < 5; i++) {
		e1000_set(&t, E1000_ICS, ICR_RXT0);
		assert_true(interrupt_comes(fd));
		assert_int_equal(e1000_get(&t, E1000_ICR), ICR_RXT0);
	}
	close(fd);
}

static void delayed_causes_come_when_no_frame_follows(void **state)
{
	struct e1000_received frame;

	(void)state;
	e1000_set(&t, E1000_RDTR, 2000);
	e1000_set(&t, E1000_RADV, 3000);
	e1000_set(&t, E1000_TIDV, 2000);
	e1000_set(&t, E1000_TADV, 3000);
	e1000_start(&t, RCTL_UPE | RCTL_SECRC);
	e1000_put(&t, e1000_data_iova(0), 100 | TX_EOP | TX_IFCS | TX_RS | TX_IDE, 0);
	e1000_kick(&t);
	assert_true(e1000_wait(&t, &frame));
	assert_true(e1000_await(&t, E1000_ICS, ICR_RXT0 | ICR_TXDW, ICR_RXT0 | ICR_TXDW));
	/* FPD ends a delay, if there is one. */
	(void)e1000_get(&t, E1000_ICR);
	e1000_set(&t, E1000_RDTR, RDTR_FPD | 0xffff);
	assert_false(e1000_get(&t, E1000_ICR) & ICR_RXT0);
	e1000_send(&t, 0, 100, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_true(e1000_await(&t, E1000_ICS, ICR_TXDW, ICR_TXDW)); /* not delayed without IDE */
	e1000_drain(&t);
	while (!(e1000_get(&t, E1000_ICS) & ICR_RXT0))
		e1000_set(&t, E1000_RDTR, RDTR_FPD | 0xffff);
}

/* ---- what is reported ---- */

static void mistakes_about_rings_are_reported(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_SECRC);
	assert_false(reported("e1000: "));
	e1000_set(&t, E1000_TDBAL, e1000_get(&t, E1000_TDBAL) + 0x1000);
	assert_true(reported("e1000: TDBAL is changed from 0x1000000 to 0x1001000 while sending is "
			     "enabled"));
	e1000_set(&t, E1000_TDH, 3);
	e1000_set(&t, E1000_TDH, 0);
	e1000_set(&t, E1000_RDLEN, 100);
	assert_true(reported("e1000: RDLEN is 0x64, whose bits 0x64 do not exist"));
	e1000_set(&t, E1000_TDBAL, E1000_IOVA);
	e1000_set(&t, E1000_TDT, E1000_RIG_RING);
	assert_true(reported_soon("e1000: TDH is 0 and TDT is 64, but the ring has 64 descriptors: "
				  "it stands still"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_eeprom_has_an_address_and_a_checksum),
		TEST(the_eeprom_is_read_bit_by_bit),
		TEST(the_eeprom_is_written_when_that_is_enabled),
		TEST(the_phy_negotiates_a_gigabit),
		TEST(a_phy_without_power_has_no_link),
		cmocka_unit_test_setup_teardown(a_cable_that_ends_nowhere_has_no_link,
						setup_without_cable, teardown),
		TEST(bits_that_do_not_exist_read_as_zero),
		TEST(io_space_reaches_the_registers),
		TEST(a_reset_in_the_middle_of_traffic_ends_it),
		TEST(a_function_reset_in_the_middle_of_traffic_ends_it),
		TEST(causes_interrupt_while_they_are_not_masked),
		TEST(throttled_interrupts_come_later),
		TEST(delayed_causes_come_when_no_frame_follows),
		TEST(mistakes_about_rings_are_reported),
	};

	return cmocka_run_group_tests(tests, report_file_open, report_file_remove);
}
