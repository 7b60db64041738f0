/* SPDX-License-Identifier: MIT */
/*
 * A driver of an NVMe controller for programs in docs/reports.md: queue pairs 0 (admin) and 1 with
 * 16 entries each, which it polls. It makes no mistake; commands are given as they are.
 *
 * The rig's memory is mapped at NVME_IOVA. Its first four pages are the queues, the rest is data.
 */
#ifndef E2E_REPORTS_NVME_H
#define E2E_REPORTS_NVME_H

#include "reports_rig.h"

enum {
	NVME_IOVA = 0x100000,
	NVME_DATA = NVME_IOVA + 4 * PAGE,
	NVME_ENTRIES = 16,
	NVME_IDENTIFY = 6,
	NVME_READ = 2,
	NVME_SGL = 0x40, /* in flags */
};

struct nvme_command {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t namespace_id;
	uint64_t reserved[2];
	uint64_t prp1, prp2;
	uint32_t dword10, dword11, dword12, more[3];
};

struct nvme_queue {
	unsigned int tail, head;
};

static inline void set_register64(const struct rig *rig, unsigned int at, uint64_t value)
{
	must((int)pwrite(rig->device, &value, sizeof(value), (off_t)at), "register");
}

/* Puts @command in queue pair @id. */
static inline void nvme_submit(const struct rig *rig, struct nvme_queue *queue, unsigned int id,
			       const struct nvme_command *command)
{
	struct nvme_command *entries = (struct nvme_command *)(rig->memory + 2 * id * PAGE);

	entries[queue->tail] = *command;
	queue->tail = (queue->tail + 1) % NVME_ENTRIES;
	set_register(rig, 0x1000 + 8 * id, queue->tail);
}

/* Waits for a completion, which it leaves in the queue. */
static inline void nvme_wait(const struct rig *rig, const struct nvme_queue *queue, unsigned int id)
{
	const volatile uint16_t *status =
		(const uint16_t *)(rig->memory + (2 * id + 1) * PAGE + 16 * queue->head + 14);

	while (!(*status & 1))
		usleep(100);
}

/* Carries @command out; the queue must not go around. */
static inline void nvme_do(const struct rig *rig, struct nvme_queue *queue, unsigned int id,
			   const struct nvme_command *command)
{
	nvme_submit(rig, queue, id, command);
	nvme_wait(rig, queue, id);
	set_register(rig, 0x1004 + 8 * id, ++queue->head);
}

/* Enables the controller, whose admin completion queue has @completions entries. */
static inline struct nvme_queue nvme_start(const struct rig *rig, unsigned int completions)
{
	uint32_t ready = 0;

	must(attach(rig), "attach");
	must(map(rig, rig->memory, MEMORY, NVME_IOVA, READ | WRITE), "map");
	set_register(rig, 0x24, (completions - 1) << 16 | (NVME_ENTRIES - 1));
	set_register64(rig, 0x28, NVME_IOVA);
	set_register64(rig, 0x30, NVME_IOVA + PAGE);
	set_register(rig, 0x14, 4 << 20 | 6 << 16 | 1);
	while (!(ready & 1))
		must((int)pread(rig->device, &ready, sizeof(ready), 0x1c), "CSTS");
	return (struct nvme_queue){.tail = 0};
}

/* Creates queue pair 1. */
static inline struct nvme_queue nvme_create_queue(const struct rig *rig, struct nvme_queue *admin)
{
	struct nvme_command command = {
		.opcode = 5,
		.prp1 = NVME_IOVA + 3 * PAGE,
		.dword10 = (NVME_ENTRIES - 1) << 16 | 1,
		.dword11 = 1,
	};

	nvme_do(rig, admin, 0, &command);
	command.opcode = 1;
	command.prp1 = NVME_IOVA + 2 * PAGE;
	command.dword11 = 1 << 16 | 1;
	nvme_do(rig, admin, 0, &command);
	return (struct nvme_queue){.tail = 0};
}

#endif
