/* SPDX-License-Identifier: MIT */
/* See net_stats.h. */
#include "devices/net/net_stats.h"

#include <assert.h>

void net_count(struct net_stats *stats, enum net_counter counter, uint32_t n)
{
	uint32_t *reg = &stats->registers[counter / 4];

	*reg = n > UINT32_MAX - *reg ? UINT32_MAX : *reg + n;
}

void net_count64(struct net_stats *stats, enum net_counter counter, uint64_t n)
{
	uint32_t *reg = &stats->registers[counter / 4];
	uint64_t value = (uint64_t)reg[1] << 32 | reg[0];

	value = n > UINT64_MAX - value ? UINT64_MAX : value + n;
	reg[0] = (uint32_t)value;
	reg[1] = (uint32_t)(value >> 32);
}

/* The frame check sequence counts. Longer frames are in none of these. */
static void count_length(struct net_stats *stats, enum net_counter first, uint32_t len)
{
	static const uint32_t limits[] = {64, 127, 255, 511, 1023, 1522};

	for (unsigned int i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (len > limits[i])
			continue;
		net_count(stats, first + 4 * i, 1);
		return;
	}
}

void net_count_received(struct net_stats *stats, const struct net_frame *frame, bool taken)
{
	const uint32_t len = frame->len + NET_FCS;

	net_count(stats, STAT_TPR, 1);
	net_count64(stats, STAT_TORL, len);
	if (!taken)
		return;
	net_count(stats, STAT_GPRC, 1);
	net_count64(stats, STAT_GORCL, len);
	count_length(stats, STAT_PRC64, len);
	if (net_is_broadcast(frame->data))
		net_count(stats, STAT_BPRC, 1);
	else if (net_is_multicast(frame->data))
		net_count(stats, STAT_MPRC, 1);
}

void net_count_sent(struct net_stats *stats, const struct net_frame *frame)
{
	const uint32_t len = frame->len + NET_FCS;

	net_count(stats, STAT_TPT, 1);
	net_count64(stats, STAT_TOTL, len);
	net_count(stats, STAT_GPTC, 1);
	net_count64(stats, STAT_GOTCL, len);
	count_length(stats, STAT_PTC64, len);
	if (net_is_broadcast(frame->data))
		net_count(stats, STAT_BPTC, 1);
	else if (net_is_multicast(frame->data))
		net_count(stats, STAT_MPTC, 1);
}

static bool has_64_bits(uint32_t off)
{
	return off == STAT_GORCL || off == STAT_GOTCL || off == STAT_TORL || off == STAT_TOTL;
}

/* The upper half of the counter whose lower half is register @index. */
static uint32_t read_upper(struct net_stats *stats, unsigned int index)
{
	uint32_t *reg = &stats->registers[index];
	const uint32_t *read = stats->half_read >> index & 1 ? &stats->read[index] : reg;
	const uint64_t now = (uint64_t)reg[1] << 32 | reg[0];
	const uint64_t seen = (uint64_t)read[1] << 32 | read[0];

	reg[0] = (uint32_t)(now - seen);
	reg[1] = (uint32_t)((now - seen) >> 32);
	stats->half_read &= ~(UINT64_C(1) << index);
	return (uint32_t)(seen >> 32);
}

uint32_t net_stats_read(struct net_stats *stats, uint32_t off)
{
	const unsigned int index = off / 4;
	uint32_t *reg = &stats->registers[index];
	const uint32_t value = *reg;

	assert(off < STAT_BYTES);
	if (has_64_bits(off)) {
		stats->read[index] = reg[0];
		stats->read[index + 1] = reg[1];
		stats->half_read |= UINT64_C(1) << index;
		return value;
	}
	if (off && has_64_bits(off - 4))
		return read_upper(stats, index - 1);
	*reg = 0;
	return value;
}
