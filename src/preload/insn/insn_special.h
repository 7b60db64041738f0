/* SPDX-License-Identifier: MIT */
/*
 * Instructions that access memory in another way than by one operand that ModRM names: string
 * instructions, the stack and jumps, gathers and scatters, and those whose address is a register's.
 */
#ifndef PRELOAD_INSN_SPECIAL_H
#define PRELOAD_INSN_SPECIAL_H

#include "preload/insn/insn_operand.h"

/* Carries the instruction out if it is of this kind. False: it is not. */
bool insn_special(struct any_insn *insn, enum insn_result *result);

#endif
