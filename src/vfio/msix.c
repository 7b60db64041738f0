/* SPDX-License-Identifier: MIT */
/* The MSI-X table: see msix.h. Bytes, as the device's memory has them: little endian. */
#include "vfio/msix.h"

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/alloc.h"

/* Where x86 hardware takes interrupts; the remapping of interrupts gives the rest its meaning. */
#define MESSAGE_ADDRESS UINT32_C(0xfee00000)

static uint8_t *entry(const struct msix_table *table, unsigned int vector)
{
	assert(vector < table->vectors);
	return table->entries + (size_t)vector * PCI_MSIX_ENTRY_SIZE;
}

static bool masked(const struct msix_table *table, unsigned int vector)
{
	return entry(table, vector)[PCI_MSIX_ENTRY_VECTOR_CTRL] & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

int msix_init(struct msix_table *table, unsigned int vectors)
{
	*table = (struct msix_table){.vectors = vectors};
	if (!vectors)
		return 0;
	table->entries = alloc_array(vectors, PCI_MSIX_ENTRY_SIZE);
	table->pending = alloc_array((vectors + 63) / 64, 8);
	if (!table->entries || !table->pending) {
		msix_destroy(table);
		return -ENOMEM;
	}
	msix_reset(table);
	return 0;
}

void msix_destroy(struct msix_table *table)
{
	alloc_free(table->entries);
	alloc_free(table->pending);
}

void msix_reset(struct msix_table *table)
{
	if (!table->vectors)
		return;
	memset(table->entries, 0, (size_t)table->vectors * PCI_MSIX_ENTRY_SIZE);
	memset(table->pending, 0, (table->vectors + 63) / 64 * 8);
	for (unsigned int i = 0; i < table->vectors; i++)
		msix_mask(table, i);
}

void msix_set(struct msix_table *table, unsigned int vector)
{
	uint8_t *to = entry(table, vector);
	const uint32_t words[PCI_MSIX_ENTRY_SIZE / 4] = {MESSAGE_ADDRESS, 0, vector, 0};

	memcpy(to, words, sizeof(words));
}

void msix_mask(struct msix_table *table, unsigned int vector)
{
	entry(table, vector)[PCI_MSIX_ENTRY_VECTOR_CTRL] |= PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

bool msix_send(struct msix_table *table, unsigned int vector)
{
	if (!masked(table, vector))
		return true;
	table->pending[vector / 8] |= (uint8_t)(1 << vector % 8);
	return false;
}

bool msix_take_pending(struct msix_table *table, unsigned int vector)
{
	const uint8_t bit = (uint8_t)(1 << vector % 8);

	if (masked(table, vector) || !(table->pending[vector / 8] & bit))
		return false;
	table->pending[vector / 8] &= (uint8_t)~bit;
	return true;
}

uint64_t msix_read(const struct msix_table *table, uint64_t off, unsigned int size)
{
	uint64_t value = 0;

	assert(off + size <= (uint64_t)table->vectors * PCI_MSIX_ENTRY_SIZE);
	memcpy(&value, table->entries + off, size);
	return value;
}

void msix_write(struct msix_table *table, uint64_t off, unsigned int size, uint64_t value)
{
	assert(off + size <= (uint64_t)table->vectors * PCI_MSIX_ENTRY_SIZE);
	memcpy(table->entries + off, &value, size);
}

uint64_t msix_read_pending(const struct msix_table *table, uint64_t off, unsigned int size)
{
	uint64_t value = 0;

	assert(off + size <= (table->vectors + 63) / 64 * 8);
	memcpy(&value, table->pending + off, size);
	return value;
}
