/* SPDX-License-Identifier: MIT */
/* The letters of shapes. In each, what is left of a byte after the good values means harm. */
#include "shape.h"

#include <ctype.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "hostile.h"
#include "mock/test_abi.h"

enum {
	GOOD = 224, /* bytes below stand for good values */
};

const struct shape_command shape_iommufd[SHAPE_IOMMUFD_COMMANDS] = {
	{IOMMU_DESTROY, "i"},
	{IOMMU_IOAS_ALLOC, "fz"},
	{IOMMU_IOAS_ALLOW_IOVAS, "inzP"},
	{IOMMU_IOAS_COPY, "fiiLVV"},
	{IOMMU_IOAS_IOVA_RANGES, "inzPX"},
	{IOMMU_IOAS_MAP, "fizPLV"},
	{IOMMU_IOAS_UNMAP, "iVL"},
	{IOMMU_OPTION, "nhiX"},
	{IOMMU_VFIO_IOAS, "ih"},
	{IOMMU_HWPT_ALLOC, "fiizztnPiz"},
	{IOMMU_GET_HW_INFO, "finPtzX"},
	{IOMMU_HWPT_SET_DIRTY_TRACKING, "fiz"},
	{IOMMU_HWPT_GET_DIRTY_BITMAP, "ifzVLLP"},
	{IOMMU_HWPT_INVALIDATE, "iPtnnz"},
	{IOMMU_FAULT_QUEUE_ALLOC, "fzz"},
	{IOMMU_IOAS_MAP_FILE, "fidLLV"},
	{IOMMU_VIOMMU_ALLOC, "ftiiznzP"},
	{IOMMU_VDEVICE_ALLOC, "iizX"},
	{IOMMU_IOAS_CHANGE_PROCESS, "z"},
	{IOMMU_VEVENTQ_ALLOC, "fitnzzz"},
	{IOMMU_HW_QUEUE_ALLOC, "fitnzVL"},
	/* New commands are added at the end: an input names them by index. */
	{IOMMU_TEST_CMD, NULL},
	{IOMMU_RESV_IOVA_RANGES, "inzP"},
	{IOMMU_DEV_IOVA_RANGES, "inzPX"},
	{IOMMU_IOVA_LOOKUP, "fizVXXXiiii"},
	{VFIO_IOMMU_GET_INFO, "fXnz"},
	{VFIO_IOMMU_MAP_DMA, "fPVL"},
	{VFIO_IOMMU_UNMAP_DMA, "fVL"},
	{VFIO_IOMMU_DIRTY_PAGES, "fVLLLP"},
	{IOMMU_IOAS_NOIOMMU_GET_PA, "fizVLX"},
	/* The argument of these is a number. */
	{VFIO_GET_API_VERSION, ""},
	{VFIO_CHECK_EXTENSION, ""},
	{VFIO_SET_IOMMU, ""},
	{IOMMU_IOAS_GET_INFO, "fizXXiiii"},
};

const struct shape_command shape_vfio[SHAPE_VFIO_COMMANDS] = {
	{VFIO_DEVICE_BIND_IOMMUFD, "nfdzP"},
	{VFIO_DEVICE_ATTACH_IOMMUFD_PT, "nfii"},
	{VFIO_DEVICE_DETACH_IOMMUFD_PT, "nfi"},
	{VFIO_DEVICE_GET_INFO, "nfzzzz"},
	{VFIO_DEVICE_GET_REGION_INFO, "nfizXX"},
	{VFIO_DEVICE_GET_IRQ_INFO, "nfiz"},
	{VFIO_DEVICE_SET_IRQS, "nxinndddd"},
	{VFIO_DEVICE_RESET, "n"},
	{VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, "nfn"},
	{VFIO_DEVICE_PCI_HOT_RESET, "nfndddd"},
	{VFIO_DEVICE_IOEVENTFD, "nfXXd"},
	{VFIO_DEVICE_FEATURE, "nxLniXV"},
	{IOMMU_IOAS_ALLOC, "nfz"},
	{IOMMU_IOAS_MAP, "nfizPLV"},
	{IOMMU_IOAS_UNMAP, "niVL"},
	{IOMMU_DESTROY, "ni"},
	{IOMMU_HWPT_ALLOC, "nfiizztnPiz"},
	{IOMMU_FAULT_QUEUE_ALLOC, "nfzz"},
	{IOMMU_VFIO_IOAS, "nih"},
	{VFIO_GROUP_GET_STATUS, "nf"},
	{VFIO_GROUP_SET_CONTAINER, "d"},
	{VFIO_GROUP_UNSET_CONTAINER, ""},
	{VFIO_GROUP_GET_DEVICE_FD, NULL},
	{VFIO_IOMMU_MAP_DMA, "nfPVL"},
	{VFIO_IOMMU_UNMAP_DMA, "nfVL"},
	{VFIO_IOMMU_GET_INFO, "nfXnz"},
};

static uint64_t pick(const uint64_t *values, size_t count, unsigned int byte)
{
	return values[byte % count];
}

#define PICK(values, byte) pick(values, sizeof(values) / sizeof((values)[0]), byte)

uint64_t shape_iova(struct fuzz_input *input)
{
	unsigned int byte = fuzz_byte(input);

	if (byte >= GOOD)
		return hostile_word(input);
	if (byte >= 192)
		return (uint64_t)(byte & 31) * PAGE;
	return SHAPE_IOVA + (uint64_t)(byte & 63) * PAGE + (byte & 128 ? PAGE / 2 : 0);
}

static uint64_t length(struct fuzz_input *input, unsigned int byte)
{
	static const uint64_t lengths[] = {0,	    1,	     8,	    2048,	4096,
					   8192,    12288,   16384, 65536,	262144,
					   1 << 20, 1 << 30, 4095,  1ull << 40, UINT64_MAX};

	return byte < GOOD ? PICK(lengths, byte) : hostile_word(input);
}

static uint64_t number(struct fuzz_input *input, unsigned int byte)
{
	static const uint64_t numbers[] = {0,  1,  2,  3,  4,  5,  8,  12,
					   16, 20, 24, 28, 32, 40, 64, 4096};

	return byte < GOOD ? PICK(numbers, byte) : hostile_word(input);
}

static uint64_t type(struct fuzz_input *input, unsigned int byte)
{
	static const uint64_t types[] = {0,	 1,	     2,		 3,	     4,
					 0xdead, 0xdeadbeef, 0xbeefbeef, 0xfeedbeef, 0xc0};

	return byte < GOOD ? PICK(types, byte) : hostile_word(input);
}

static uint64_t field(struct fuzz_input *input, char letter)
{
	unsigned int byte;

	if (letter == 'V')
		return shape_iova(input);
	if (letter == 'X' || letter == 'x')
		return hostile_word(input);
	byte = fuzz_byte(input);
	switch (letter) {
	case 'L':
		return length(input, byte);
	case 'P':
		return byte < 192 ? hostile_page(byte & 63u) : hostile_word(input);
	case 'n':
		return number(input, byte);
	case 't':
		return type(input, byte);
	case 'i':
		return byte < GOOD ? byte & 31u : hostile_word(input);
	case 'f':
		return byte < GOOD ? byte & 31u : hostile_word(input);
	case 'd':
		return byte < GOOD ? byte & 15u : hostile_word(input);
	case 'h':
		return byte < GOOD ? byte & 3u : hostile_word(input);
	default:
		return byte < 240 ? 0 : hostile_word(input);
	}
}

unsigned int shape_fill(struct fuzz_input *input, const char *shape, unsigned char *to,
			unsigned int at)
{
	for (; *shape; shape++) {
		unsigned int size = isupper((unsigned char)*shape) ? 8 : 4;
		uint64_t value = field(input, *shape);

		if (size == 8)
			at = (at + 7) & ~7u;
		if (at + size > SHAPE_LARGEST)
			break;
		memcpy(to + at, &value, size);
		at += size;
	}
	return at;
}

const char *shape_of_test(unsigned int op)
{
	/* After size, op, id and a reserved field. */
	static const char *const shapes[] = {
		[1] = "VL",  [2] = "zzz",   [3] = "VLP",    [4] = "LPn", [5] = "zf",
		[6] = "i",   [7] = "fzVLP", [8] = "VLPf",   [9] = "n",	 [10] = "i",
		[11] = "i",  [12] = "zzzf", [13] = "fVLLP", [14] = "nX", [15] = "iinfV",
		[16] = "nX", [17] = "i",    [18] = "ii",    [19] = "ii", [20] = "i",
		[21] = "ii", [22] = "nf",   [23] = "df",
	};

	return op < sizeof(shapes) / sizeof(shapes[0]) && shapes[op] ? shapes[op] : "XXXXXX";
}
