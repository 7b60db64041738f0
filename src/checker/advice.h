/* SPDX-License-Identifier: MIT */
/*
 * Advice (--advice): what works here and could be better, or works by luck. Nothing of it is surely
 * a mistake.
 *
 * Some is said when it happens (a mapping of the stack), some at the end, when it is known that it
 * has never been otherwise (a right that no device has used). Mappings of one call site get one
 * piece of advice.
 */
#ifndef CHECKER_ADVICE_H
#define CHECKER_ADVICE_H

/* From now on mappings and DMA are observed. Context: before any thread maps. */
void advice_start(void);

/* In the child of a fork: forgets the call sites of the parent. */
void advice_fork_child(void);

/* What is known at the end. Context: no lock held. */
void advice_finish(void);

#endif
