/* SPDX-License-Identifier: MIT */
/*
 * embedded: an IO address space, a device behind an emulated IOMMU, and DMA inside a program that
 * links the library. There is no preload and no /dev/iommu.
 *
 * 	embedded [KIND]		kind of IOMMU, "amd" by default
 *
 * Maps a buffer, has the device write to it and read it back, prints where the IOVA leads, and what
 * DMA returns after the buffer is unmapped.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

enum {
	PAGE_BYTES = 4096,
	BUFFER_BYTES = 16 * PAGE_BYTES
};

static const char message[] = "written by the device";

/* Prints what failed, and ends the program. */
static void check(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "embedded: %s: %s\n", what, strerror(-rc));
		exit(1);
	}
}

static uint32_t alloc_ioas(struct uiommufd *ctx)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&cmd), "IOAS_ALLOC");
	return cmd.out_ioas_id;
}

/* Maps the buffer at any free IOVA, and returns that. */
static uint64_t map_buffer(struct uiommufd *ctx, uint32_t ioas, void *buffer)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)buffer,
		.length = BUFFER_BYTES,
	};

	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_MAP, (uintptr_t)&cmd), "IOAS_MAP");
	return cmd.iova;
}

static void unmap_buffer(struct uiommufd *ctx, uint32_t ioas, uint64_t iova)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = iova,
		.length = BUFFER_BYTES,
	};

	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_UNMAP, (uintptr_t)&cmd), "IOAS_UNMAP");
}

static void use_device(struct uiommufd *ctx, struct uiommufd_endpoint *device)
{
	char *buffer = aligned_alloc(PAGE_BYTES, BUFFER_BYTES), back[sizeof(message)];
	uint32_t ioas = alloc_ioas(ctx), dev_id, pt_id = ioas;
	uint64_t iova, len;
	void *addr;

	if (!buffer)
		check(-12, "memory");
	check(uiommufd_endpoint_bind(device, ctx, &dev_id), "bind");
	check(uiommufd_endpoint_attach(device, UIOMMUFD_NO_PASID, &pt_id), "attach");
	iova = map_buffer(ctx, ioas, buffer);
	printf("device %" PRIu32 " on IO address space %" PRIu32 ", page table %" PRIu32 "\n",
	       dev_id, ioas, pt_id);
	check(uiommufd_dma_write(device, UIOMMUFD_NO_PASID, iova + 100, message, sizeof(message)),
	      "DMA write");
	check(uiommufd_dma_read(device, UIOMMUFD_NO_PASID, iova + 100, back, sizeof(back)),
	      "DMA read");
	check(uiommufd_translate(device, UIOMMUFD_NO_PASID, iova + 100, UIOMMUFD_PROT_READ, &addr,
				 &len),
	      "translate");
	printf("IOVA 0x%" PRIx64 " leads to byte %td of the buffer, %" PRIu64
	       " bytes in one entry: \"%s\"\n",
	       iova + 100, (char *)addr - buffer, len, buffer + 100);
	if (memcmp(back, message, sizeof(message)) || (char *)addr != buffer + 100)
		check(-5, "comparing what came back");
	unmap_buffer(ctx, ioas, iova);
	printf("after UNMAP: DMA fails: %s\n",
	       strerror(-uiommufd_dma_read(device, UIOMMUFD_NO_PASID, iova, back, 1)));
	free(buffer);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "amd";
	struct uiommufd_endpoint *device;
	struct uiommufd_iommu *iommu;
	struct uiommufd *ctx;

	check(uiommufd_open(NULL, &ctx), "open");
	check(uiommufd_iommu_create(kind, "iommu0", &iommu), kind);
	check(uiommufd_endpoint_create(iommu, "0000:01:00.0", &device), "device");
	use_device(ctx, device);
	uiommufd_endpoint_destroy(device);
	uiommufd_iommu_put(iommu);
	uiommufd_close(ctx);
	return 0;
}
