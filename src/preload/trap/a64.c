/* SPDX-License-Identifier: MIT */
/* See a64.h. Registers change only when all of the memory has been accessed. */
#include "preload/trap/a64.h"

#include <string.h>

#include "preload/trap/a64_decode.h"
#include "preload/trap/a64_structure.h"
#include "preload/trap/a64_sve.h"

/* What a load of @bytes makes of a general register. */
static uint64_t extended(const struct a64_access *access, const uint8_t *bytes)
{
	uint64_t value = 0;

	memcpy(&value, bytes, access->bytes);
	if (access->sign && value >> (8 * access->bytes - 1))
		value |= ~UINT64_C(0) << (8 * access->bytes);
	return access->to_bytes == 4 ? (uint32_t)value : value;
}

static enum insn_result load(const struct a64_access *access, struct a64_registers *registers,
			     const struct insn_memory *memory)
{
	uint8_t loaded[2][A64_V_BYTES] = {{0}};

	for (unsigned int i = 0; i < access->count; i++)
		if (memory->read(a64_untagged(access->addr + (uint64_t)i * access->bytes),
				 loaded[i], access->bytes))
			return INSN_REFUSED;
	for (unsigned int i = 0; i < access->count; i++) {
		const unsigned int n = access->registers[i];

		if (access->vector) {
			memcpy(registers->v[n], loaded[i], A64_V_BYTES);
			registers->v_written |= UINT32_C(1) << n;
		} else if (n != A64_ZERO) {
			registers->x[n] = extended(access, loaded[i]);
		}
	}
	return INSN_DONE;
}

static enum insn_result store(const struct a64_access *access,
			      const struct a64_registers *registers,
			      const struct insn_memory *memory)
{
	for (unsigned int i = 0; i < access->count; i++) {
		const unsigned int n = access->registers[i];
		const uint64_t value = access->vector ? 0 : a64_get(registers, n);

		if (memory->write(a64_untagged(access->addr + (uint64_t)i * access->bytes),
				  access->vector ? (const void *)registers->v[n] : &value,
				  access->bytes))
			return INSN_REFUSED;
	}
	return INSN_DONE;
}

/* Whether @addr is one of the @len bytes at @start. */
static bool is_inside(uint64_t addr, uint64_t start, uint64_t len)
{
	return a64_untagged(addr - start) < len;
}

static enum insn_result emulate_structure(uint32_t word, struct a64_registers *registers,
					  uint64_t addr, const struct insn_memory *memory)
{
	struct a64_structure structure;

	if (!a64_structure_decode(word, registers, &structure) ||
	    !is_inside(addr, structure.addr, a64_structure_len(&structure)))
		return INSN_UNKNOWN;
	if (structure.addr % structure.bytes)
		return INSN_MISALIGNED;
	return a64_structure_execute(&structure, registers, memory);
}

static enum insn_result emulate_sve(uint32_t word, const struct a64_registers *registers,
				    uint64_t addr, const struct insn_memory *memory)
{
	struct a64_sve sve;

	if (!a64_sve_decode(word, registers, &sve) ||
	    !is_inside(addr, sve.addr + (uint64_t)sve.first * sve.bytes,
		       (uint64_t)(sve.end - sve.first) * sve.bytes))
		return INSN_UNKNOWN;
	if (sve.addr % sve.bytes)
		return INSN_MISALIGNED;
	return a64_sve_execute(&sve, registers, memory);
}

static enum insn_result emulate_registers(uint32_t word, struct a64_registers *registers,
					  uint64_t addr, const struct insn_memory *memory)
{
	struct a64_access access;
	enum insn_result rc;

	if (!a64_decode(word, registers, &access) ||
	    !is_inside(addr, access.addr, (uint64_t)access.count * access.bytes))
		return INSN_UNKNOWN;
	if (access.addr % access.bytes)
		return INSN_MISALIGNED;
	rc = access.load ? load(&access, registers, memory) : store(&access, registers, memory);
	if (rc == INSN_DONE && access.writes_back)
		a64_set_base(registers, access.base, access.base_after);
	return rc;
}

enum insn_result a64_emulate(uint32_t word, struct a64_registers *registers, uint64_t addr,
			     const struct insn_memory *memory)
{
	enum insn_result rc;

	registers->v_written = 0;
	if (a64_is_structure(word))
		rc = emulate_structure(word, registers, addr, memory);
	else if (a64_is_sve(word))
		rc = emulate_sve(word, registers, addr, memory);
	else
		rc = emulate_registers(word, registers, addr, memory);
	if (rc == INSN_DONE)
		*registers->pc += A64_BYTES;
	return rc;
}
