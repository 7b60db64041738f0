/* SPDX-License-Identifier: MIT */
/*
 * See nvme_features.h. The device lock guards the values; ADMIN_THREAD alone changes them.
 */
#include "devices/nvme/nvme_features.h"

#include <string.h>
#include <time.h>

#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_data.h"
#include "devices/nvme/nvme_log.h"
#include "devices/nvme/nvme_queue.h"

/*
 * One feature. set() gets CDW11 and may refuse it; get() gives what CDW0 of the completion has, of
 * the current value or of the default. @data: Get and Set move a structure instead.
 */
struct feature {
	uint8_t id;
	bool of_namespace;
	uint16_t (*set)(struct nvme_job *job, uint32_t value);
	uint32_t (*get)(const struct nvme_job *job, bool current);
	uint16_t (*give)(struct nvme_job *job, bool current);
};

static struct nvme *job_nvme(const struct nvme_job *job)
{
	return nvme_of(job->dev);
}

/* ---- plain values ---- */

static uint16_t set_arbitration(struct nvme_job *job, uint32_t value)
{
	job_nvme(job)->arbitration = value;
	return ST_SUCCESS;
}

static uint32_t get_arbitration(const struct nvme_job *job, bool current)
{
	return current ? job_nvme(job)->arbitration : 0;
}

/* There is one power state. */
static uint16_t set_power(struct nvme_job *job, uint32_t value)
{
	if (value & 0x1f)
		return ST_INVALID_FIELD;
	job_nvme(job)->power = value & 0xff;
	return ST_SUCCESS;
}

static uint32_t get_power(const struct nvme_job *job, bool current)
{
	return current ? job_nvme(job)->power : 0;
}

enum {
	ERROR_RECOVERY_TLER = 0xffff,
	ERROR_RECOVERY_DULBE = 1 << 16, /* deallocated blocks are an error: not here */
};

static uint16_t set_error_recovery(struct nvme_job *job, uint32_t value)
{
	struct nvme *n = job_nvme(job);

	if (value & ERROR_RECOVERY_DULBE)
		return ST_INVALID_FIELD;
	for (unsigned int i = 0; i < n->namespace_count; i++)
		if (job->command.nsid == i + 1 || job->command.nsid == (uint32_t)NSID_ALL)
			n->error_recovery[i] = value & ERROR_RECOVERY_TLER;
	return ST_SUCCESS;
}

static uint32_t get_error_recovery(const struct nvme_job *job, bool current)
{
	return current ? job_nvme(job)->error_recovery[job->command.nsid - 1] : 0;
}

static uint16_t set_write_cache(struct nvme_job *job, uint32_t value)
{
	struct nvme *n = job_nvme(job);

	atomic_store(&n->write_cache, value & 1);
	return ST_SUCCESS;
}

static uint32_t get_write_cache(const struct nvme_job *job, bool current)
{
	return current ? atomic_load(&job_nvme(job)->write_cache) : 1;
}

static uint16_t set_write_atomicity(struct nvme_job *job, uint32_t value)
{
	job_nvme(job)->write_atomicity = value & 1;
	return ST_SUCCESS;
}

static uint32_t get_write_atomicity(const struct nvme_job *job, bool current)
{
	return current ? job_nvme(job)->write_atomicity : 0;
}

/* ---- temperature ---- */

enum {
	THRESHOLD_SENSOR_SHIFT = 16,
	THRESHOLD_SENSOR_ALL = 0xf,
	THRESHOLD_UNDER_SHIFT = 20,
	THRESHOLD_OVER = 0,
	THRESHOLD_UNDER = 1,
	DEFAULT_OVER = 343,
};

static unsigned int threshold_sensor(uint32_t value)
{
	return value >> THRESHOLD_SENSOR_SHIFT & 0xf;
}

static unsigned int threshold_kind(uint32_t value)
{
	return value >> THRESHOLD_UNDER_SHIFT & 3;
}

static uint16_t set_temperature(struct nvme_job *job, uint32_t value)
{
	const unsigned int sensor = threshold_sensor(value), kind = threshold_kind(value);

	if ((sensor && sensor != THRESHOLD_SENSOR_ALL) || kind > THRESHOLD_UNDER)
		return ST_INVALID_FIELD;
	job_nvme(job)->thresholds[kind] = (uint16_t)value;
	nvme_check_temperature(job->dev);
	return ST_SUCCESS;
}

static uint32_t get_temperature(const struct nvme_job *job, bool current)
{
	const unsigned int kind = threshold_kind(job->command.cdw11);

	if (current && !threshold_sensor(job->command.cdw11) && kind <= THRESHOLD_UNDER)
		return job_nvme(job)->thresholds[kind];
	return kind == THRESHOLD_OVER ? DEFAULT_OVER : 0;
}

/* ---- queues and interrupts ---- */

static uint16_t set_queues(struct nvme_job *job, uint32_t value)
{
	struct nvme *n = job_nvme(job);

	if ((value & 0xffff) == 0xffff || value >> 16 == 0xffff)
		return ST_INVALID_FIELD;
	for (unsigned int i = 1; i <= n->queues; i++)
		if (n->cqs[i].size)
			return ST_SEQUENCE;
	job->result = (n->queues - 1) | (n->queues - 1) << 16;
	return ST_SUCCESS;
}

/* All that there are, whatever was asked for. */
static uint32_t get_queues(const struct nvme_job *job, bool current)
{
	const uint32_t count = job_nvme(job)->queues - 1;

	(void)current;
	return count | count << 16;
}

static uint16_t set_coalescing(struct nvme_job *job, uint32_t value)
{
	job_nvme(job)->coalescing = value & 0xffff;
	return ST_SUCCESS;
}

static uint32_t get_coalescing(const struct nvme_job *job, bool current)
{
	return current ? job_nvme(job)->coalescing : 0;
}

static uint16_t set_vector(struct nvme_job *job, uint32_t value)
{
	const unsigned int vector = value & 0xffff;

	if (vector > NVME_MAX_QUEUES)
		return ST_INVALID_FIELD;
	job_nvme(job)->alone[vector] = value & VECTOR_NOT_COALESCED;
	return ST_SUCCESS;
}

static uint32_t get_vector(const struct nvme_job *job, bool current)
{
	const unsigned int vector = job->command.cdw11 & 0xffff;

	if (vector > NVME_MAX_QUEUES)
		return vector;
	return vector | (current && job_nvme(job)->alone[vector] ? VECTOR_NOT_COALESCED : 0);
}

static uint16_t set_async_events(struct nvme_job *job, uint32_t value)
{
	job_nvme(job)->async_config = value & (0xff | ASYNC_NAMESPACE_ATTRIBUTE);
	nvme_check_temperature(job->dev);
	return ST_SUCCESS;
}

static uint32_t get_async_events(const struct nvme_job *job, bool current)
{
	return current ? job_nvme(job)->async_config : 0;
}

/* ---- structures ---- */

enum {
	TIMESTAMP_BITS = 48,
	TIMESTAMP_SET = 1 << 1, /* byte 6: it comes from Set Features, not from a reset */
	HOST_ID_LONG = 1,	/* CDW11: 16 bytes instead of 8 */
};
#define TIMESTAMP_MASK ((UINT64_C(1) << TIMESTAMP_BITS) - 1)

uint64_t nvme_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint16_t set_timestamp(struct nvme_job *job, uint32_t value)
{
	struct nvme *n = job_nvme(job);
	uint64_t timestamp;
	uint16_t status;

	(void)value;
	status = nvme_data_take(job->dev, &job->command, &timestamp, sizeof(timestamp));
	if (status)
		return status;
	n->timestamp = timestamp & TIMESTAMP_MASK;
	n->timestamp_at = nvme_now_ms();
	n->timestamp_set = true;
	return ST_SUCCESS;
}

static uint16_t give_timestamp(struct nvme_job *job, bool current)
{
	const struct nvme *n = job_nvme(job);
	uint64_t timestamp = 0;

	if (current)
		timestamp = ((n->timestamp + (nvme_now_ms() - n->timestamp_at)) & TIMESTAMP_MASK) |
			    (n->timestamp_set ? (uint64_t)TIMESTAMP_SET << TIMESTAMP_BITS : 0);
	return nvme_data_give(job->dev, &job->command, &timestamp, sizeof(timestamp));
}

static uint16_t set_host_id(struct nvme_job *job, uint32_t value)
{
	struct nvme *n = job_nvme(job);
	uint8_t id[16] = {0};
	uint16_t status =
		nvme_data_take(job->dev, &job->command, id, value & HOST_ID_LONG ? 16 : 8);

	if (status)
		return status;
	memcpy(n->host_id, id, sizeof(id));
	return ST_SUCCESS;
}

static uint16_t give_host_id(struct nvme_job *job, bool current)
{
	static const uint8_t none[16];

	return nvme_data_give(job->dev, &job->command, current ? job_nvme(job)->host_id : none,
			      job->command.cdw11 & HOST_ID_LONG ? 16 : 8);
}

/* ---- all ---- */

static const struct feature features[] = {
	{.id = FEATURE_ARBITRATION, .set = set_arbitration, .get = get_arbitration},
	{.id = FEATURE_POWER, .set = set_power, .get = get_power},
	{.id = FEATURE_TEMPERATURE, .set = set_temperature, .get = get_temperature},
	{.id = FEATURE_ERROR_RECOVERY,
	 .of_namespace = true,
	 .set = set_error_recovery,
	 .get = get_error_recovery},
	{.id = FEATURE_WRITE_CACHE, .set = set_write_cache, .get = get_write_cache},
	{.id = FEATURE_QUEUES, .set = set_queues, .get = get_queues},
	{.id = FEATURE_COALESCING, .set = set_coalescing, .get = get_coalescing},
	{.id = FEATURE_VECTOR, .set = set_vector, .get = get_vector},
	{.id = FEATURE_WRITE_ATOMICITY, .set = set_write_atomicity, .get = get_write_atomicity},
	{.id = FEATURE_ASYNC_EVENTS, .set = set_async_events, .get = get_async_events},
	{.id = FEATURE_TIMESTAMP, .set = set_timestamp, .give = give_timestamp},
	{.id = FEATURE_HOST_ID, .set = set_host_id, .give = give_host_id},
};

static const struct feature *find_feature(unsigned int id)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (features[i].id == id)
			return &features[i];
	return NULL;
}

/* Those that move a structure do DMA, for which no lock may be held. */
static uint16_t set(struct nvme_job *job, const struct feature *feature)
{
	uint16_t status;

	if (feature->give)
		return feature->set(job, job->command.cdw11);
	uiommufd_device_lock(job->dev);
	status = feature->set(job, job->command.cdw11);
	uiommufd_device_unlock(job->dev);
	return status;
}

uint16_t nvme_set_features(struct nvme_job *job)
{
	const struct feature *feature = find_feature(job->command.cdw10 & 0xff);
	const uint32_t nsid = job->command.nsid;
	struct nvme *n = job_nvme(job);

	if (!feature)
		return ST_INVALID_FIELD;
	if (job->command.cdw10 & (uint32_t)FEATURE_SAVE)
		return ST_NOT_SAVEABLE;
	if (nsid && nsid != (uint32_t)NSID_ALL) {
		if (!nvme_namespace(n, nsid))
			return ST_INVALID_NAMESPACE;
		if (!feature->of_namespace)
			return ST_NOT_OF_NAMESPACE;
	}
	if (!nsid && feature->of_namespace)
		return ST_INVALID_NAMESPACE;
	return set(job, feature);
}

uint16_t nvme_get_features(struct nvme_job *job)
{
	const struct feature *feature = find_feature(job->command.cdw10 & 0xff);
	const unsigned int select = job->command.cdw10 >> FEATURE_SELECT_SHIFT & 7;

	if (!feature || select > SELECT_CAPABILITIES)
		return ST_INVALID_FIELD;
	if (select == SELECT_CAPABILITIES) {
		job->result = CAPABILITY_CHANGEABLE |
			      (feature->of_namespace ? CAPABILITY_NAMESPACE : 0);
		return ST_SUCCESS;
	}
	if (feature->of_namespace && !nvme_namespace(job_nvme(job), job->command.nsid))
		return ST_INVALID_NAMESPACE;
	if (feature->give)
		return feature->give(job, select == SELECT_CURRENT);
	uiommufd_device_lock(job->dev);
	job->result = feature->get(job, select == SELECT_CURRENT);
	uiommufd_device_unlock(job->dev);
	return ST_SUCCESS;
}

void nvme_features_reset(struct nvme *n)
{
	n->arbitration = n->power = n->write_atomicity = 0;
	n->async_config = n->coalescing = 0;
	memset(n->error_recovery, 0, sizeof(n->error_recovery));
	memset(n->alone, 0, sizeof(n->alone));
	memset(n->host_id, 0, sizeof(n->host_id));
	atomic_store(&n->write_cache, true);
	n->thresholds[THRESHOLD_OVER] = DEFAULT_OVER;
	n->thresholds[THRESHOLD_UNDER] = 0;
	n->timestamp = 0;
	n->timestamp_at = nvme_now_ms();
	n->timestamp_set = false;
}
