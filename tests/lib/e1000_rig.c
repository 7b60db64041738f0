/* SPDX-License-Identifier: MIT */
#include "e1000_rig.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#include "devices/devices.h"
#include "require.h"

uint32_t e1000_get(struct e1000_rig *t, uint32_t reg)
{
	uint32_t value = 0;

	require(rig_pread(&t->rig, &value, sizeof(value), reg) == sizeof(value));
	return value;
}

void e1000_set(struct e1000_rig *t, uint32_t reg, uint32_t value)
{
	require(rig_pwrite(&t->rig, &value, sizeof(value), reg) == sizeof(value));
}

bool e1000_await(struct e1000_rig *t, uint32_t reg, uint32_t mask, uint32_t value)
{
	for (unsigned int i = 0; i < E1000_PATIENCE_MS * 10; i++) {
		if ((e1000_get(t, reg) & mask) == value)
			return true;
		usleep(100);
	}
	return false;
}

/* ---- life ---- */

long e1000_open(struct e1000_rig *t, const struct option_value *options, unsigned int count)
{
	*t = (struct e1000_rig){.memory = mmap(NULL, E1000_RIG_MEMORY, PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
	if (t->memory == MAP_FAILED)
		return -ENOMEM;
	t->tx = (void *)(t->memory + E1000_TX_RING);
	t->rx = (void *)(t->memory + E1000_RX_RING);
	rig_open_with(&t->rig, &device_e1000, options, count);
	return rig_connect(&t->rig, t->memory, E1000_RIG_MEMORY, E1000_IOVA, &t->ioas_id);
}

void e1000_close(struct e1000_rig *t)
{
	rig_close(&t->rig);
	munmap(t->memory, E1000_RIG_MEMORY);
}

/* ---- rings ---- */

static uint64_t buffer_iova(unsigned int i)
{
	return E1000_IOVA + E1000_BUFFERS + (uint64_t)i * E1000_BUFFER;
}

static void set_ring(struct e1000_rig *t, uint32_t first, uint32_t off)
{
	e1000_set(t, first, E1000_IOVA + off);
	e1000_set(t, first + (E1000_TDBAH - E1000_TDBAL), 0);
	e1000_set(t, first + (E1000_TDLEN - E1000_TDBAL), E1000_RIG_RING * E1000_DESCRIPTOR);
	e1000_set(t, first + (E1000_TDH - E1000_TDBAL), 0);
	e1000_set(t, first + (E1000_TDT - E1000_TDBAL), 0);
}

void e1000_make_rings(struct e1000_rig *t)
{
	memset(t->memory, 0, E1000_BUFFERS);
	for (unsigned int i = 0; i < E1000_RIG_RING; i++)
		t->rx[i].address = buffer_iova(i);
	t->tx_tail = t->rx_next = 0;
	set_ring(t, E1000_TDBAL, E1000_TX_RING);
	set_ring(t, E1000_RDBAL, E1000_RX_RING);
}

void e1000_start(struct e1000_rig *t, uint32_t rctl)
{
	e1000_make_rings(t);
	e1000_set(t, E1000_CTRL, e1000_get(t, E1000_CTRL) | CTRL_SLU);
	e1000_set(t, E1000_RCTL, RCTL_EN | rctl);
	e1000_set(t, E1000_TCTL, TCTL_EN | TCTL_PSP);
	e1000_set(t, E1000_RDT, E1000_RIG_RING - 1);
}

void e1000_give(struct e1000_rig *t, unsigned int count)
{
	const unsigned int tail = e1000_get(t, E1000_RDT);

	e1000_set(t, E1000_RDT, (tail + count) % E1000_RIG_RING);
}

uint8_t *e1000_data_at(struct e1000_rig *t, uint32_t off)
{
	return t->memory + E1000_DATA + off;
}

uint64_t e1000_data_iova(uint32_t off)
{
	return E1000_IOVA + E1000_DATA + off;
}

void e1000_put(struct e1000_rig *t, uint64_t address, uint32_t lower, uint32_t upper)
{
	volatile struct e1000_descriptor *d = &t->tx[t->tx_tail];

	d->address = address;
	d->lower = lower;
	d->upper = upper;
	t->tx_tail = (t->tx_tail + 1) % E1000_RIG_RING;
}

void e1000_kick(struct e1000_rig *t)
{
	e1000_set(t, E1000_TDT, t->tx_tail);
}

void e1000_drain(struct e1000_rig *t)
{
	require(e1000_await(t, E1000_TDH, UINT32_MAX, t->tx_tail));
}

void e1000_send(struct e1000_rig *t, uint32_t off, uint32_t len, uint32_t lower, uint32_t upper)
{
	e1000_put(t, e1000_data_iova(off), len | TX_EOP | TX_IFCS | TX_RS | lower, upper);
	e1000_kick(t);
}

bool e1000_take(struct e1000_rig *t, struct e1000_received *frame)
{
	const unsigned int first = t->rx_next;
	unsigned int i = first;
	uint32_t upper;

	frame->len = frame->descriptors = 0;
	do {
		volatile struct e1000_descriptor *d = &t->rx[i];

		upper = __atomic_load_n(&d->upper, __ATOMIC_ACQUIRE);
		if (!(upper & RX_DD))
			return false;
		memcpy(frame->data + frame->len, t->memory + (d->address - E1000_IOVA),
		       d->lower & 0xffff);
		frame->len += d->lower & 0xffff;
		frame->checksum = (uint16_t)(d->lower >> RX_CHECKSUM_SHIFT);
		frame->descriptors++;
		i = (i + 1) % E1000_RIG_RING;
	} while (!(upper & RX_EOP));
	frame->upper = upper;
	for (unsigned int j = 0; j < frame->descriptors; j++) {
		t->rx[(first + j) % E1000_RIG_RING].lower = 0;
		t->rx[(first + j) % E1000_RIG_RING].upper = 0;
	}
	t->rx_next = i;
	return true;
}

bool e1000_wait(struct e1000_rig *t, struct e1000_received *frame)
{
	for (unsigned int i = 0; i < E1000_PATIENCE_MS * 20; i++) {
		if (e1000_take(t, frame)) {
			e1000_give(t, frame->descriptors);
			return true;
		}
		usleep(50);
	}
	return false;
}

void e1000_fill(struct e1000_rig *t, uint32_t off, uint32_t len, unsigned int seed)
{
	uint8_t *data = e1000_data_at(t, off);

	for (uint32_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		data[i] = (uint8_t)(seed >> 16);
	}
}
