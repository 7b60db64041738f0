/* SPDX-License-Identifier: MIT */
/*
 * embedded-faults: IO page faults inside a program that links the library.
 *
 * A thread does DMA to memory that is not mapped. The page request comes out of a fault queue, the
 * main thread maps the page and answers, and the DMA continues. The queue's file arrives in the
 * install_file operation of a caller of the program's own, whose other operations are those of
 * uiommufd_caller_self().
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

enum {
	PAGE_BYTES = 4096
};

#define IOVA UINT64_C(0x200000)

static const char message[] = "written after the page was mapped";

/* The program as a caller that receives one file. */
struct program {
	struct uiommufd_caller caller; /* must be the first member */
	struct uiommufd_caller_ops ops;
	struct uiommufd_file *file;
};

struct dma {
	pthread_t thread;
	struct uiommufd_endpoint *device;
	int rc;
};

static void check(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "embedded-faults: %s: %s\n", what, strerror(-rc));
		exit(1);
	}
}

/* Returns any number as the descriptor: only this program uses it. */
static int install_file(struct uiommufd_caller *caller, struct uiommufd_file *file, int flags)
{
	struct program *program = (struct program *)caller;

	(void)flags;
	program->file = file;
	return 0;
}

static void uninstall_file(struct uiommufd_caller *caller, int fd)
{
	(void)fd;
	uiommufd_file_put(((struct program *)caller)->file);
}

static void init_program(struct program *program)
{
	program->ops = *uiommufd_caller_self()->ops;
	program->ops.install_file = install_file;
	program->ops.uninstall_file = uninstall_file;
	uiommufd_caller_init(&program->caller, &program->ops, 0, 0);
}

static void *write_message(void *arg)
{
	struct dma *dma = arg;

	dma->rc =
		uiommufd_dma_write(dma->device, UIOMMUFD_NO_PASID, IOVA, message, sizeof(message));
	return NULL;
}

/* Attaches the device to a page table of @ioas with a fault queue. */
static void attach_with_faults(struct program *program, struct uiommufd *ctx, uint32_t ioas,
			       struct uiommufd_endpoint *device)
{
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt),
		.flags = IOMMU_HWPT_FAULT_ID_VALID,
		.pt_id = ioas,
	};

	check(uiommufd_endpoint_bind(device, ctx, &hwpt.dev_id), "bind");
	check(uiommufd_ioctl(ctx, &program->caller, IOMMU_FAULT_QUEUE_ALLOC, (uintptr_t)&queue),
	      "FAULT_QUEUE_ALLOC");
	hwpt.fault_id = queue.out_fault_id;
	check(uiommufd_ioctl(ctx, NULL, IOMMU_HWPT_ALLOC, (uintptr_t)&hwpt), "HWPT_ALLOC");
	check(uiommufd_endpoint_attach(device, UIOMMUFD_NO_PASID, &hwpt.out_hwpt_id), "attach");
}

/* Waits for one page request, maps @page where it points, and answers. */
static void serve_fault(struct program *program, struct uiommufd *ctx, uint32_t ioas, void *page)
{
	struct pollfd poll_fd = {.fd = uiommufd_file_poll_fd(program->file), .events = POLLIN};
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_SUCCESS};
	struct iommu_hwpt_pgfault fault;
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)page,
		.length = PAGE_BYTES,
	};

	poll(&poll_fd, 1, -1);
	check((int)uiommufd_file_read(program->file, NULL, (uintptr_t)&fault, sizeof(fault)),
	      "reading the queue");
	printf("device %u wants to %s IOVA 0x%" PRIx64 "\n", fault.dev_id,
	       fault.perm & IOMMU_PGFAULT_PERM_WRITE ? "write" : "read", (uint64_t)fault.addr);
	map.iova = fault.addr;
	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_MAP, (uintptr_t)&map), "IOAS_MAP");
	response.cookie = fault.cookie;
	check((int)uiommufd_file_write(program->file, NULL, (uintptr_t)&response, sizeof(response)),
	      "answering");
}

int main(void)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	char *page = aligned_alloc(PAGE_BYTES, PAGE_BYTES);
	struct uiommufd_iommu *iommu;
	struct program program;
	struct uiommufd *ctx;
	struct dma dma;

	init_program(&program);
	check(uiommufd_open(NULL, &ctx), "open");
	check(uiommufd_iommu_create("smmuv3", "smmu0", &iommu), "IOMMU");
	check(uiommufd_endpoint_create(iommu, "0000:01:00.0", &dma.device), "device");
	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&ioas), "IOAS_ALLOC");
	attach_with_faults(&program, ctx, ioas.out_ioas_id, dma.device);

	check(-pthread_create(&dma.thread, NULL, write_message, &dma), "thread");
	serve_fault(&program, ctx, ioas.out_ioas_id, page);
	pthread_join(dma.thread, NULL);
	check(dma.rc, "DMA");
	if (strcmp(page, message) != 0)
		check(-5, "comparing what the device wrote");
	printf("DMA done: \"%s\"\n", page);

	uiommufd_endpoint_destroy(dma.device);
	uiommufd_file_put(program.file);
	uiommufd_iommu_put(iommu);
	uiommufd_close(ctx);
	free(page);
	return 0;
}
