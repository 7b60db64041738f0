/* SPDX-License-Identifier: MIT */
/*
 * The state of a migrated device, from someone who wants to harm the device that loads it.
 *
 * What must hold: nothing crashes; a stream that is refused leaves the registers as they were, in
 * state ERROR; and a device that has taken a stream over can be used and reset.
 *
 * Input: which model; whether the rest is a stream, or changes of a good one (offset, value), whose
 * checksum is mended, so that the model sees them.
 */
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "devices/devices.h"
#include "fuzz.h"
#include "migrate.h"
#include "require.h"

enum {
	MODELS = 3,
	END_BYTES = 20, /* the last record: a head of 16 bytes and the checksum */
	REGISTERS = 0x100,
};

struct subject {
	const struct uiommufd_model *model;
	const struct option_value options[3];
	unsigned int option_count;
	struct vfio_rig rig;
	struct saved_device good;
};

/* All of them are on one bus: each has to be reset alone. */
static struct uiommufd_model edu;

static struct subject subjects[MODELS] = {
	{.model = &edu},
	{.model = &device_ioat},
	{.model = &device_nvme,
	 .options = {{"size", "16K"}, {"queues", "2"}, {"cmb", "4K"}},
	 .option_count = 3},
};

static void set_up(void)
{
	const uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	log_set_level(LOG_LEVEL_ERROR);
	edu = device_edu;
	edu.pcie = edu.flr = true;
	for (unsigned int i = 0; i < MODELS; i++) {
		struct subject *s = &subjects[i];

		rig_open_with(&s->rig, s->model, s->options, s->option_count);
		if (rig_bind(&s->rig) ||
		    rig_pwrite(&s->rig, &command, 2, rig_pos(7, PCI_COMMAND)) != 2 ||
		    rig_save(&s->rig, &s->good) ||
		    rig_set_state(&s->rig, VFIO_DEVICE_STATE_RUNNING))
			abort();
	}
}

static uint32_t checksum(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* A good stream with the changes of the input. */
static void change(const struct subject *s, struct fuzz_input *input, uint8_t *stream)
{
	const size_t len = s->good.len;
	uint32_t crc;

	memcpy(stream, s->good.bytes, len);
	while (input->left) {
		const size_t at = (size_t)fuzz_bytes(input, 2) % (len - END_BYTES);

		stream[at] = fuzz_byte(input);
	}
	crc = checksum(stream, len - END_BYTES);
	memcpy(stream + len - sizeof(crc), &crc, sizeof(crc));
}

/* Registers, read and written; what they are after a reset. */
static void use(struct vfio_rig *rig)
{
	uint32_t value;

	for (uint64_t off = 0; off < REGISTERS; off += 4)
		(void)rig_pread(rig, &value, sizeof(value), off);
	for (uint64_t off = 0x1000; off < 0x1020; off += 4) {
		value = (uint32_t)(off & 3);
		(void)rig_pwrite(rig, &value, sizeof(value), off);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct fuzz_input input = {data, size};
	struct subject *s;
	uint8_t *stream;
	long rc;

	if (!ready)
		set_up();
	ready = true;
	s = &subjects[fuzz_byte(&input) % MODELS];
	if (fuzz_byte(&input) & 1) {
		rc = rig_load(&s->rig, input.data, input.left);
	} else {
		stream = malloc(s->good.len);
		if (!stream)
			abort();
		change(s, &input, stream);
		rc = rig_load(&s->rig, stream, s->good.len);
		free(stream);
	}
	require(!rc || rc == -EINVAL);
	if (!rc) {
		require(rig_state(&s->rig) == VFIO_DEVICE_STATE_RUNNING);
		use(&s->rig);
	}
	rc = rig_ioctl(&s->rig, VFIO_DEVICE_RESET, NULL);
	require(!rc && rig_state(&s->rig) == VFIO_DEVICE_STATE_RUNNING);
	return 0;
}
