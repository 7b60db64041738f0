/* SPDX-License-Identifier: MIT */
/*
 * Arguments that are mostly right. What a structure holds is a string, one letter for each field:
 * of four bytes for a small letter, of eight for a capital. Each value is read from the input, most
 * of them as what a program would put there.
 *
 * 	i an object's ID	d a descriptor		V an IOVA
 * 	f flags			t a type		L a length
 * 	n a small number	z zero			P a pointer
 * 	h a small number, and a zero (two bytes each)	X, x anything
 */
#ifndef FUZZ_SHAPE_H
#define FUZZ_SHAPE_H

#include "../lib/page.h"
#include "fuzz.h"

/*
 * Where everything that is mapped in one piece (shape_iova()) goes: inside the aperture of every
 * kind.
 */
#define SHAPE_IOVA UINT64_C(0x1000000)

enum {
	SHAPE_LARGEST = 128, /* bytes of a structure, including an unknown tail */
};

/* A call, and what its argument is made of. */
struct shape_command {
	unsigned int cmd;
	const char *shape;
};

enum {
	SHAPE_IOMMUFD_COMMANDS = 34,
	SHAPE_VFIO_COMMANDS = 26,
};

/* Of an iommufd, after the size. NULL: IOMMU_TEST_CMD; empty: the argument is a number. */
extern const struct shape_command shape_iommufd[SHAPE_IOMMUFD_COMMANDS];

/*
 * Of VFIO's files, and what of iommufd goes with them, from the start. NULL: the name of a device.
 */
extern const struct shape_command shape_vfio[SHAPE_VFIO_COMMANDS];

/* Fills @to (SHAPE_LARGEST bytes) from offset @at on. Returns where the last field ends. */
unsigned int shape_fill(struct fuzz_input *input, const char *shape, unsigned char *to,
			unsigned int at);

/* An IOVA that is more often than not one of those that are mapped. */
uint64_t shape_iova(struct fuzz_input *input);

/* The fields of IOMMU_TEST_CMD after the operation @op. */
const char *shape_of_test(unsigned int op);

#endif
