/* SPDX-License-Identifier: MIT */
/* Tests of what must not be done: it aborts in a child process, with a message that can be checked. */
#ifndef TESTS_LIB_DEATH_H
#define TESTS_LIB_DEATH_H

/*
 * Asserts that @body, in a child process, is ended by abort() and that its standard error contains
 * @message.
 */
void assert_aborts(void (*body)(void), const char *message);

#endif
