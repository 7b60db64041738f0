/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/ioctl.h>
#include <uiommufd/vfio.h>

#include "arguments.h"
#include "places.h"
#include "record.h"
#include "steps.h"

void step_vfio_ioas(void)
{
	struct iommu_vfio_ioas cmd = {0};
	uint32_t given;

	cmd.op = percent(95) ? (uint16_t)ONE_OF32(0, 0, 1, 1, 1, 1, 2) : 3;
	cmd.ioas_id = given = some_id(KIND_IOAS);
	if (!COMMAND(VFIO_IOAS, cmd) && cmd.ioas_id != given)
		id_add(KIND_IOAS, cmd.ioas_id);
}

void step_vfio_set(void)
{
	struct iommu_vfio_ioas cmd = {.op = IOMMU_VFIO_IOAS_SET};

	if (known.ids[KIND_IOAS].count)
		cmd.ioas_id = known.ids[KIND_IOAS].id[0];
	COMMAND(VFIO_IOAS, cmd);
}

void step_vfio_misc(void)
{
	unsigned long number, argument;
	const char *name;
	int rc;

	switch (below(8)) {
	case 0:
		number = VFIO_GET_API_VERSION;
		name = "API_VERSION";
		argument = below(3);
		break;
	case 1:
	case 2:
	case 3:
		number = VFIO_CHECK_EXTENSION;
		name = "CHECK_EXTENSION";
		argument = percent(90) ? below(13) : draw();
		break;
	default:
		number = VFIO_SET_IOMMU;
		name = "SET_IOMMU";
		argument = percent(80) ? ONE_OF(VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU) : below(12);
		break;
	}
	rc = ioctl(known.fd, number, argument);
	record("%s(%lx) = %d %s\n", name, argument, rc, rc < 0 ? error_name(errno) : "");
}

static uint32_t some_info_size(void)
{
	if (percent(70))
		return 256;
	return percent(80) ? below(300) : ONE_OF32(0, 4, 16, 23, 24, 0xffffffff);
}

void step_vfio_info(void)
{
	enum {
		SEEN = 1024
	};
	const uint64_t address = some_pointer(below(4) * 8, 256);
	struct vfio_iommu_type1_info info = {.argsz = some_info_size()};
	int rc;

	if (info.argsz > BUFFER_SIZE && address >= BUFFER && address < BUFFER + BUFFER_SIZE)
		info.argsz = 256;
	buffer_fill(0xee, SEEN);
	buffer_put(address, &info, 8);
	rc = ioctl(known.fd, VFIO_IOMMU_GET_INFO, address);
	record("GET_INFO(%llx %u) = %d %s buf=%llx", (long long)address, info.argsz, rc,
	       rc ? error_name(errno) : "", (long long)hash_of(AT(BUFFER), SEEN));
	if (!rc && address >= BUFFER && address < BUFFER + SEEN) {
		for (int i = 0; i < 40; i++)
			record(" %x", ((uint32_t *)AT(address))[i]);
	}
	record("\n");
	buffer_done();
}

/* The container's IOAS, or 0. */
static uint32_t container_ioas(void)
{
	struct iommu_vfio_ioas cmd = {.size = sizeof(cmd), .op = IOMMU_VFIO_IOAS_GET};

	return ioctl(known.fd, IOMMU_VFIO_IOAS, &cmd) ? 0 : cmd.ioas_id;
}

void step_vfio_map(void)
{
	struct vfio_iommu_type1_dma_map cmd = {0};
	struct mapping mapping;
	uint32_t ioas;

	cmd.argsz = percent(95) ? sizeof(cmd) : below(64);
	cmd.flags = percent(92) ? ONE_OF32(1, 2, 3, 3, 3) : ONE_OF32(0, 4, 7, 0x80000001);
	/* The recording kernel warns of a mapping without rights. */
	if (!cmd.flags)
		cmd.flags = 3;
	mapping = some_memory();
	cmd.vaddr = mapping.va;
	cmd.size = mapping.length;
	cmd.iova = some_iova();
	ioas = container_ioas();
	if (command_run("VFIO_MAP_DMA", VFIO_IOMMU_MAP_DMA, &cmd, sizeof(cmd)))
		return;
	mapping = (struct mapping){.iova = cmd.iova,
				   .length = cmd.size,
				   .va = cmd.vaddr,
				   .writable = cmd.flags & VFIO_DMA_MAP_FLAG_WRITE};
	mapping_add(ioas, &mapping);
}

enum {
	UNMAP_SIZE = 24
};

void step_vfio_unmap(void)
{
	struct vfio_iommu_type1_dma_unmap cmd = {0};
	const uint32_t ioas = container_ioas();
	const struct part part = some_part(some_mapping());
	uint64_t size;

	cmd.argsz = percent(95) ? sizeof(cmd) : below(64);
	cmd.flags = percent(80) ? 0 : percent(80) ? 2 : ONE_OF32(1, 4, 3);
	cmd.iova = part.iova;
	cmd.size = part.length;
	if ((cmd.flags & VFIO_DMA_UNMAP_FLAG_ALL) && percent(80))
		cmd.iova = cmd.size = 0;
	size = cmd.size;
	if (!command_run("VFIO_UNMAP_DMA", VFIO_IOMMU_UNMAP_DMA, &cmd, UNMAP_SIZE))
		mappings_remove(ioas, cmd.iova,
				cmd.flags & VFIO_DMA_UNMAP_FLAG_ALL ? UINT64_MAX
								    : cmd.iova + size - 1);
}

void usual_vfio_unmap(void)
{
	const struct mapping *mapping = some_mapping();
	struct vfio_iommu_type1_dma_unmap cmd = {.argsz = UNMAP_SIZE};
	uint64_t size, offset;
	uint32_t ioas;

	if (!mapping)
		return;
	cmd.iova = mapping->iova;
	cmd.size = mapping->length;
	ioas = container_ioas();
	if (percent(60) && mapping->length > PAGE) {
		const uint64_t pages = mapping->length / PAGE;

		offset = PAGE * below(mapping->length > 64 * PAGE ? 64 : (uint32_t)pages);
		cmd.iova += offset;
		cmd.size = percent(50) ? mapping->length - offset : PAGE;
	}
	size = cmd.size;
	if (!command_run("VFIO_UNMAP_DMA", VFIO_IOMMU_UNMAP_DMA, &cmd, UNMAP_SIZE))
		mappings_remove(ioas, cmd.iova, cmd.iova + size - 1);
}
