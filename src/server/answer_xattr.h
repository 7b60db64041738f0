/* SPDX-License-Identifier: MIT */
/* Extended attributes of emulated files, which have none. */
#ifndef SERVER_ANSWER_XATTR_H
#define SERVER_ANSWER_XATTR_H

#include "server/answer.h"

/* getxattr, listxattr, and those of links. Context: as answer_call(). */
struct answer answer_xattr(struct request *request);

#endif
