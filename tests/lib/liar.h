/* SPDX-License-Identifier: MIT */
/*
 * A vfio-user server for tests of the client: a small device, whose answers a test can spoil. It
 * runs on a thread of its own and takes one client after the other.
 *
 * The device: BAR 0 has registers, and from LIAR_AREA on memory that can be mapped; BAR 1 the
 * MSI-X table. Writing an address to LIAR_READ or LIAR_WRITE does DMA of LIAR_BYTES from or to it,
 * with the bytes at LIAR_DATA, before the write is answered; LIAR_RESULT is its errno. Writing to
 * LIAR_NOTIFY interrupts. Its state, for migration, is what is at LIAR_DATA.
 */
#ifndef TESTS_LIB_LIAR_H
#define TESTS_LIB_LIAR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vfio_user/protocol.h"

enum {
	LIAR_READ = 0x10,
	LIAR_WRITE = 0x18,
	LIAR_RESULT = 0x20,
	LIAR_NOTIFY = 0x28,
	LIAR_DATA = 0x100,
	LIAR_BYTES = 64,
	LIAR_AREA = 0x1000,
	LIAR_BAR = 0x2000,
	LIAR_VECTORS = 4,
	LIAR_MAX_REPLY = 8192,
	LIAR_MAX_MAPS = 64,
};

/* What the liar is going to answer; a test may change all of it. */
struct liar_answer {
	struct vu_header header; /* size: of the payload alone, plus 16 */
	uint8_t payload[LIAR_MAX_REPLY];
	uint32_t len; /* bytes that are sent of it */
	int fds[16];
	unsigned int fd_count;
	bool silent; /* sends nothing */
	bool leave;  /* closes the connection instead */
};

/* Memory that the client has given. */
struct liar_map {
	uint64_t address, size, offset;
	uint32_t flags;
	int fd; /* -1: none */
};

struct liar {
	char path[64];
	int listener, client;
	pthread_t thread;
	_Atomic bool end;
	/* Called for each answer, on the liar's thread. NULL: all are good. */
	void (*spoil)(struct liar *liar, uint16_t command, struct liar_answer *answer);
	_Atomic uint16_t lie_about; /* for spoil: a command; 0: none */
	_Atomic unsigned int lie;   /* which */
	void *arg;

	int memory; /* the file of the area */
	uint8_t config[256], registers[LIAR_BAR];
	int vector_fds[LIAR_VECTORS];
	uint16_t next_id;
	_Atomic uint32_t state; /* enum vfio_device_mig_state */
	bool sent;		/* its state, since the last change of state */
	_Atomic unsigned int resets, unmasks, clients;
	pthread_mutex_t lock; /* guards what follows */
	struct liar_map maps[LIAR_MAX_MAPS];
	unsigned int map_count;
};

/* Starts it at a new path. */
void liar_start(struct liar *liar);
void liar_stop(struct liar *liar);

/* The map at @address, copied to *@map. False: there is none. */
bool liar_find_map(struct liar *liar, uint64_t address, struct liar_map *map);

#endif
