/* SPDX-License-Identifier: MIT */
/* The page of all tests and benchmarks. Knows nothing of the engine. */
#ifndef TESTS_LIB_PAGE_H
#define TESTS_LIB_PAGE_H

enum {
	PAGE = 4096,
};

#endif
