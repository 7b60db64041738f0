/* SPDX-License-Identifier: MIT */
/*
 * require(condition): the program ends with a message if it does not hold. For rigs that benchmarks
 * use as well, which have no cmocka; unlike assert() it is there in release builds, too.
 */
#ifndef TESTS_LIB_REQUIRE_H
#define TESTS_LIB_REQUIRE_H

_Noreturn void require_failed(const char *condition, const char *file, int line);

#define require(condition) ((condition) ? (void)0 : require_failed(#condition, __FILE__, __LINE__))

#endif
