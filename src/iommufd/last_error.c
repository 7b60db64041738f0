/* SPDX-License-Identifier: MIT */
/* The text belongs to the thread; whether it is logged, to the process. */
#include "iommufd/last_error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"
#include "iommufd/device.h"
#include "iommufd/hwpt.h"

enum {
	TEXT_SIZE = 320,
	RANGE_SIZE = 48,
	CAUSE_SIZE = 160,
};

static __thread char text[TEXT_SIZE];
static __thread const char *subject;
static _Atomic bool logging;

void last_error_clear(void)
{
	text[0] = '\0';
}

void last_error_about(const char *name)
{
	subject = name;
}

const char *last_error_text(void)
{
	return text;
}

void last_error_set_logging(bool on)
{
	atomic_store_explicit(&logging, on, memory_order_relaxed);
}

static void __attribute__((format(printf, 1, 2))) set_text(const char *format, ...)
{
	int used = subject ? snprintf(text, sizeof(text), "%s: ", subject) : 0;
	va_list args;

	va_start(args, format);
	if (used >= 0 && used < TEXT_SIZE)
		vsnprintf(text + used, (size_t)(TEXT_SIZE - used), format, args);
	va_end(args);
	if (atomic_load_explicit(&logging, memory_order_relaxed))
		log_fault("refused: %s", text);
}

static const char *range_text(struct iova_range range, char buffer[RANGE_SIZE])
{
	snprintf(buffer, RANGE_SIZE, "0x%" PRIx64 "-0x%" PRIx64, range.start, range.last);
	return buffer;
}

/* The word for the type of the region @range of @device. */
static const char *region_word(const struct iommufd_device *device, struct iova_range range)
{
	size_t count;
	const struct resv_region *regions = iommu_endpoint_reserved(device->endpoint, &count);

	for (size_t i = 0; i < count; i++) {
		if (regions[i].range.start == range.start && regions[i].range.last == range.last)
			return iommu_resv_word(regions[i].type);
	}
	return "reserved";
}

/* Who cannot do without @range, and why. */
static const char *cause_text(struct iova_range range, const void *owner, char buffer[CAUSE_SIZE])
{
	const struct iommufd_object *object = owner;
	char r[RANGE_SIZE], a[RANGE_SIZE];

	range_text(range, r);
	if (object->type == OBJECT_DEVICE) {
		const struct iommufd_device *device = owner;

		snprintf(buffer, CAUSE_SIZE, "%s is reserved (%s) for device %s", r,
			 region_word(device, range), iommu_endpoint_name(device->endpoint));
	} else if (object->type == OBJECT_HWPT) {
		const struct hwpt *hwpt = owner;
		const struct iova_range aperture = iommu_domain_aperture(hwpt->domain);
		const bool inside = iova_range_contains(aperture, range);

		snprintf(buffer, CAUSE_SIZE, "%s is %s%s of IOMMU %s", r,
			 inside ? "a hole in the aperture " : "outside of the aperture ",
			 range_text(aperture, a), iommu_name(iommu_domain_iommu(hwpt->domain)));
	} else {
		snprintf(buffer, CAUSE_SIZE, "%s is reserved by a test", r);
	}
	return buffer;
}

void last_error_reserved_over_window(const struct ioas *ioas, struct iova_range reserved,
				     const void *owner, struct iova_range window)
{
	char cause[CAUSE_SIZE], w[RANGE_SIZE];

	set_text("window %s of IOAS %u cannot be kept: %s", range_text(window, w), ioas->object.id,
		 cause_text(reserved, owner, cause));
}

void last_error_reserved_over_area(const struct ioas *ioas, struct iova_range reserved,
				   const void *owner, const struct area *area)
{
	char cause[CAUSE_SIZE], m[RANGE_SIZE];

	set_text("mapping %s of IOAS %u is in the way: %s", range_text(area->range, m),
		 ioas->object.id, cause_text(reserved, owner, cause));
}

void last_error_area_misaligned(const struct ioas *ioas, const struct area *area,
				unsigned long long alignment)
{
	char m[RANGE_SIZE];

	set_text("mapping %s of IOAS %u is in the way: everything must be a multiple of %llu bytes",
		 range_text(area->range, m), ioas->object.id, alignment);
}
