/* SPDX-License-Identifier: MIT */
/*
 * Intel VT-d second-stage page tables (VT-d 5.0, 9.8): the bits of an entry.
 *
 * There is no present bit: an entry without R and W is not present.
 */
#ifndef IOPT_VTDSS_H
#define IOPT_VTDSS_H

#include "base/bits.h"

#define VTDSS_R	  BIT(0)       /* IOPT_READ */
#define VTDSS_W	  BIT(1)       /* IOPT_WRITE */
#define VTDSS_PS  BIT(7)       /* above 4 KiB pages: a leaf */
#define VTDSS_D	  BIT(9)       /* dirty; of leaves */
#define VTDSS_SNP BIT(11)      /* requests snoop the caches whatever they ask for; of leaves */
#define VTDSS_OA  BITS(51, 12) /* address of the next table or of the page */

enum {
	VTDSS_OA_BITS = 52
};

#endif
