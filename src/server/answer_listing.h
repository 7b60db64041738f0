/* SPDX-License-Identifier: MIT */
/* Listings of directories of the real system to which the machine adds entries, as /dev. */
#ifndef SERVER_ANSWER_LISTING_H
#define SERVER_ANSWER_LISTING_H

#include "server/answer.h"

/* getdents64. Context: as answer_call(). */
struct answer answer_listing(struct request *request);

#endif
