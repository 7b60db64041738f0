/* SPDX-License-Identifier: MIT */
/* The CRC of IEEE 802.3, 3.2.9: of frames of a network, and of streams of ours. */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Half a byte at a time: the table is the polynomial's. */
uint32_t crc32_ieee(const uint8_t *bytes, size_t len);

#endif
