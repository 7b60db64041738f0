/* SPDX-License-Identifier: MIT */
/* The numbers decide what the recorded sequences are: not one of them may change. */
#include "draw.h"

static uint64_t state;

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t z = a * 0x9e3779b97f4a7c15 ^ (b + 0x7f4a7c15) * 0xd6e8feb86659fd93;

	z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93;
	z = (z ^ (z >> 29)) * 0x9fb21c651e98df25;
	return z ^ (z >> 32);
}

void draw_begin(uint64_t seed, uint64_t step)
{
	state = mix(seed, step);
}

uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint64_t draw_magnitude(void)
{
	uint64_t value = draw();

	return value >> below(64);
}

uint32_t below(uint32_t n)
{
	return (uint32_t)((draw() >> 32) * n >> 32);
}

bool percent(uint32_t percent)
{
	return below(100) < percent;
}

uint64_t one_of_array(const uint64_t *values, size_t count)
{
	return values[below((uint32_t)count)];
}
