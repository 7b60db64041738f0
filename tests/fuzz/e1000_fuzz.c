/* SPDX-License-Identifier: MIT */
/*
 * A hostile driver of the e1000: any register, any descriptor, any order, resets in between.
 *
 * What must hold: nothing crashes or hangs; the device writes nothing but what its descriptors and
 * rings lead to; and after a reset a frame goes round, whatever was done before. The device has
 * threads of its own, so an input does not run the same way each time.
 *
 * Input: steps of a byte that says what, and its arguments; an input that ends early reads as
 * zeros.
 */
#include <string.h>

#include <uiommufd/vfio.h>

#include "../lib/e1000_rig.h"
#include "base/log.h"
#include "fuzz.h"
#include "require.h"

enum {
	MAX_STEPS = 96,
	STAMP = 0xff000, /* in the data: no descriptor of an input leads there */
	REACH = 0xc0000, /* where descriptors lead to, from the start of the memory on */
};

static struct e1000_rig t;
static struct e1000_received frame;

static void start_device(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	log_set_level(LOG_LEVEL_ERROR);
	require(!e1000_open(&t, NULL, 0));
}

/* Registers that matter, by a byte; all others by two. */
static uint32_t choose_register(struct fuzz_input *input)
{
	static const uint16_t common[] = {
		E1000_CTRL,   E1000_EECD,   E1000_EERD,	 E1000_MDIC,   E1000_ITR,   E1000_ICS,
		E1000_IMS,    E1000_RCTL,   E1000_TCTL,	 E1000_PBA,    E1000_FCRTL, E1000_FCRTH,
		E1000_RDBAL,  E1000_RDLEN,  E1000_RDH,	 E1000_RDT,    E1000_RDTR,  E1000_RADV,
		E1000_RSRPD,  E1000_TDBAL,  E1000_TDLEN, E1000_TDH,    E1000_TDT,   E1000_TIDV,
		E1000_TXDCTL, E1000_RXCSUM, E1000_RA,	 E1000_RA + 4, E1000_VET,   E1000_MTA,
		E1000_VFTA,   E1000_ICR,
	};
	const unsigned int which = fuzz_byte(input);

	if (which < sizeof(common) / sizeof(common[0]))
		return common[which];
	return (uint32_t)fuzz_bytes(input, 3) % E1000_BAR_SIZE & ~3u;
}

/* Rings stay where the rig has them, or go where nothing is mapped. */
static uint32_t choose_value(struct fuzz_input *input, uint32_t reg)
{
	uint32_t value = (uint32_t)fuzz_bytes(input, 4);

	if (reg == E1000_TDBAL || reg == E1000_RDBAL)
		value = value & 1 ? value & 0xfffff : E1000_IOVA + (value & 0x3fff0);
	if (reg == E1000_TDBAH || reg == E1000_RDBAH)
		value &= 1;
	return value;
}

static void put_descriptor(struct fuzz_input *input)
{
	const unsigned int how = fuzz_byte(input);
	uint64_t address = fuzz_bytes(input, how & 1 ? 8 : 3);
	const uint32_t lower = (uint32_t)fuzz_bytes(input, 4);
	const uint32_t upper = (uint32_t)fuzz_bytes(input, 4);

	/* Contexts are in the place of the address. */
	if (!(how & 1))
		address = E1000_IOVA + address % REACH;
	else if (!(lower & TX_DEXT))
		address |= UINT64_C(1) << 40;
	e1000_put(&t, address, lower, upper);
}

static void change_buffer(struct fuzz_input *input)
{
	const unsigned int i = fuzz_byte(input) % E1000_RIG_RING;

	t.rx[i].address = E1000_IOVA + fuzz_bytes(input, 3) % REACH;
}

static void step(struct fuzz_input *input)
{
	uint32_t reg;

	switch (fuzz_byte(input) % 8) {
	case 0:
	case 1:
		reg = choose_register(input);
		e1000_set(&t, reg, choose_value(input, reg));
		return;
	case 2:
		(void)e1000_get(&t, choose_register(input));
		return;
	case 3:
	case 4:
		put_descriptor(input);
		return;
	case 5:
		e1000_kick(&t);
		return;
	case 6:
		change_buffer(input);
		return;
	default:
		e1000_start(&t, (uint32_t)fuzz_bytes(input, 4) & RCTL_WRITABLE);
	}
}

/* Whatever was done: after a reset a frame comes back. */
static void expect_good_device(void)
{
	const uint8_t first = 0x02;

	require(!rig_ioctl(&t.rig, VFIO_DEVICE_RESET, NULL));
	rig_set_pci_command(&t.rig, 7);
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	for (unsigned int i = 0; i < 100; i++)
		require(e1000_data_at(&t, STAMP)[i] == 0xee);
	memset(e1000_data_at(&t, STAMP), first, 100);
	e1000_send(&t, STAMP, 100, 0, 0);
	require(e1000_wait(&t, &frame));
	require(frame.len == 100 && !memcmp(frame.data, e1000_data_at(&t, STAMP), 100));
	require(!rig_ioctl(&t.rig, VFIO_DEVICE_RESET, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};

	start_device();
	memset(e1000_data_at(&t, STAMP), 0xee, 100);
	rig_set_pci_command(&t.rig, 7);
	e1000_make_rings(&t);
	for (unsigned int i = 0; i < MAX_STEPS && input.left; i++)
		step(&input);
	expect_good_device();
	return 0;
}
