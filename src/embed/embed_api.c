/* SPDX-License-Identifier: MIT */
/*
 * The embedding API of <uiommufd/uiommufd.h>, a thin layer on contexts, IOMMUs and devices. Public
 * handles are pointers to the internal objects under another type; only the endpoint is a structure
 * of its own, with its group and the device that it is bound as.
 */
#include <errno.h>
#include <string.h>

#include <uiommufd/uiommufd.h>

#include "base/alloc.h"
#include "base/dev_names.h"
#include "base/last_error.h"
#include "embed/version.h"
#include "inspect/dump.h"
#include "inspect/show_state.h"
#include "iommu/shape.h"
#include "iommufd/device/group.h"
#include "iommufd/entry/ctx_file.h"
#include "iommufd/entry/dispatch.h"
#include "iommufd/object/ctx.h"
#include "iommufd/object/ucmd.h"
#include "mem/guard.h"
#include "mock/mock.h"
#include "trace/events.h"

enum {
	OPEN_FLAGS = UIOMMUFD_OPEN_ACCOUNTING_MM | UIOMMUFD_OPEN_NO_EXTENSIONS |
		     UIOMMUFD_OPEN_TEST_ABI,
};

struct uiommufd_endpoint {
	struct iommu_endpoint *endpoint;
	struct iommufd_group *group;
	struct iommufd_device *device; /* NULL: not bound */
};

static struct iommufd_ctx *ctx_of(struct uiommufd *handle)
{
	return (struct iommufd_ctx *)handle;
}

static struct iommu *iommu_of(struct uiommufd_iommu *handle)
{
	return (struct iommu *)handle;
}

int uiommufd_open(const struct uiommufd_options *options, struct uiommufd **ctx)
{
	const unsigned int flags = options ? options->flags : 0;
	const struct iommufd_options internal = {
		.accounting_mm = flags & UIOMMUFD_OPEN_ACCOUNTING_MM,
		.no_extensions = flags & UIOMMUFD_OPEN_NO_EXTENSIONS,
		.test_abi = flags & UIOMMUFD_OPEN_TEST_ABI,
	};
	int rc;

	if ((options && options->size != sizeof(*options)) || (flags & ~OPEN_FLAGS))
		return -EINVAL;
	if (internal.test_abi) {
		rc = mock_enable();
		if (rc)
			return rc;
	}
	return iommufd_ctx_create(&internal, (struct iommufd_ctx **)ctx);
}

void uiommufd_close(struct uiommufd *ctx)
{
	if (ctx)
		file_put(iommufd_ctx_file(ctx_of(ctx)));
}

static __attribute__((noinline)) int observed_ioctl(struct iommufd_ctx *ctx,
						    struct uiommufd_caller *caller,
						    unsigned int cmd, uint64_t arg)
{
	struct event_call event = {
		.object = ctx,
		.file = DEV_IOMMU,
		.device = "",
		.caller = caller,
		.arg = arg,
		.cmd = cmd,
		.fd = -1,
	};
	int rc;

	event_call_begin(&event);
	rc = (int)iommufd_ioctl(ctx, caller, cmd, arg);
	event_call_end(&event, rc, last_error_text());
	return rc;
}

int uiommufd_ioctl(struct uiommufd *ctx, struct uiommufd_caller *caller, unsigned int cmd,
		   uint64_t arg)
{
	if (!caller)
		caller = uiommufd_caller_self();
	if (observed())
		return observed_ioctl(ctx_of(ctx), caller, cmd, arg);
	return (int)iommufd_ioctl(ctx_of(ctx), caller, cmd, arg);
}

/* Parses "OPTION=RANGES,OPTION=RANGES", which it changes. */
static int read_shape(char *options, struct kind_shape *shape)
{
	while (options) {
		char *value = strsep(&options, ",");
		char *option = strsep(&value, "=");

		if (!value || iommu_shape_set(shape, option, value))
			return -EINVAL;
	}
	return 0;
}

int uiommufd_iommu_create(const char *text, const char *name, struct uiommufd_iommu **iommu)
{
	struct kind_shape shape = {.window_count = 0};
	const struct iommu_kind *kind;
	const size_t size = strlen(text) + 1;
	char *copy = alloc_zeroed(size), *options = copy;
	int rc;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, size);
	rc = -ENOENT;
	kind = iommu_kind_find(strsep(&options, ","));
	if (!kind)
		goto out;
	rc = read_shape(options, &shape);
	if (rc)
		goto out;
	rc = iommu_create_shaped(kind, &shape, name, (struct iommu **)iommu);
out:
	alloc_free(copy);
	return rc;
}

void uiommufd_iommu_put(struct uiommufd_iommu *iommu)
{
	iommu_put(iommu_of(iommu));
}

int uiommufd_endpoint_create(struct uiommufd_iommu *iommu, const char *name,
			     struct uiommufd_endpoint **out)
{
	struct uiommufd_endpoint *endpoint = alloc_zeroed(sizeof(*endpoint));
	int rc = -ENOMEM;

	if (!endpoint)
		return rc;
	if (iommufd_group_create(0, &endpoint->group))
		goto out_free;
	if (iommu_endpoint_create(iommu_of(iommu), name, &endpoint->endpoint))
		goto out_group;
	*out = endpoint;
	return 0;

out_group:
	iommufd_group_destroy(endpoint->group);
out_free:
	alloc_free(endpoint);
	return rc;
}

void uiommufd_endpoint_destroy(struct uiommufd_endpoint *endpoint)
{
	uiommufd_endpoint_unbind(endpoint);
	iommu_endpoint_destroy(endpoint->endpoint);
	iommufd_group_destroy(endpoint->group);
	alloc_free(endpoint);
}

int uiommufd_endpoint_bind(struct uiommufd_endpoint *endpoint, struct uiommufd *ctx,
			   uint32_t *dev_id)
{
	const struct iommufd_device_info info = {
		.endpoint = endpoint->endpoint,
		.group = endpoint->group,
	};

	if (endpoint->device)
		return -EINVAL;
	return iommufd_device_bind(ctx_of(ctx), &info, &endpoint->device, dev_id);
}

void uiommufd_endpoint_unbind(struct uiommufd_endpoint *endpoint)
{
	if (endpoint->device)
		iommufd_device_unbind(endpoint->device);
	endpoint->device = NULL;
}

int uiommufd_endpoint_attach(struct uiommufd_endpoint *endpoint, uint32_t pasid, uint32_t *pt_id)
{
	if (!endpoint->device)
		return -EINVAL;
	return iommufd_device_attach_or_replace(endpoint->device, pasid, pt_id);
}

void uiommufd_endpoint_detach(struct uiommufd_endpoint *endpoint, uint32_t pasid)
{
	if (endpoint->device)
		iommufd_device_detach(endpoint->device, pasid);
}

int uiommufd_dma_read(struct uiommufd_endpoint *endpoint, uint32_t pasid, uint64_t iova, void *buf,
		      size_t len)
{
	return iommu_dma(endpoint->endpoint, pasid, iova, buf, len, DMA_READ);
}

int uiommufd_dma_write(struct uiommufd_endpoint *endpoint, uint32_t pasid, uint64_t iova,
		       const void *buf, size_t len)
{
	return iommu_dma(endpoint->endpoint, pasid, iova, (void *)(uintptr_t)buf, len, DMA_WRITE);
}

int uiommufd_translate(struct uiommufd_endpoint *endpoint, uint32_t pasid, uint64_t iova,
		       unsigned int prot, void **addr, uint64_t *len)
{
	return iommu_translate(endpoint->endpoint, pasid, iova, prot, addr, len);
}

int uiommufd_guard_memory(void)
{
	return guard_install();
}

uint32_t uiommufd_version(void)
{
	return EMBED_VERSION;
}

const char *uiommufd_last_error(void)
{
	return last_error_text();
}

int uiommufd_show(uint64_t mappings, char **json)
{
	size_t len;

	return show_state(mappings, json, &len);
}

int uiommufd_show_context(struct uiommufd *ctx, uint64_t mappings, char **json)
{
	size_t len;

	return show_state_of(ctx_of(ctx), mappings, json, &len);
}

int uiommufd_dump(struct uiommufd *ctx, uint32_t pt_id, FILE *out)
{
	return ctx_dump(ctx_of(ctx), pt_id, out);
}

void uiommufd_free(void *memory)
{
	alloc_free(memory);
}
