/* SPDX-License-Identifier: MIT */
/* For code that must abort: runs it in a child process, and checks its message. */
#ifndef TESTS_LIB_DEATH_H
#define TESTS_LIB_DEATH_H

/*
 * Asserts that @body, in a child process, is ended by abort() and that its standard error contains
 * @message.
 */
void assert_aborts(void (*body)(void), const char *message);

#endif
