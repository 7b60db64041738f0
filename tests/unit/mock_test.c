/* SPDX-License-Identifier: MIT */
/*
 * The test ABI from inside: what a program under `uiommufd run` cannot see of it, and concurrent
 * calls.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "kit.h"

#define IOVA UINT64_C(0x1000000)

enum {
	PAGES = 8,
	ROUNDS = 300,
};

static struct mock_rig rig;
static uint32_t ioas;
static char *memory;

static int set_up(void **state)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	(void)state;
	mock_rig_init(&rig);
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(mock_rig_ioctl(&rig, IOMMU_IOAS_ALLOC, &cmd), 0);
	ioas = cmd.out_ioas_id;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mock_rig_release(&rig);
	munmap(memory, PAGES * PAGE);
	return 0;
}

static int map_pages(void)
{
	return mock_rig_ioctl(&rig, IOMMU_IOAS_MAP,
			      RIG_CMD(iommu_ioas_map,
				      .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
					       IOMMU_IOAS_MAP_WRITEABLE,
				      .ioas_id = ioas, .user_va = (uintptr_t)memory,
				      .length = PAGES * PAGE, .iova = IOVA));
}

static int unmap_pages(void)
{
	return mock_rig_ioctl(
		&rig, IOMMU_IOAS_UNMAP,
		RIG_CMD(iommu_ioas_unmap, .ioas_id = ioas, .iova = IOVA, .length = PAGES * PAGE));
}

static int check_refs(uint32_t refs)
{
	return mock_rig_ioctl(&rig, IOMMU_TEST_CMD,
			      RIG_TEST(MD_CHECK_REFS, 0,
				       .md_check_refs = {.length = PAGES * PAGE,
							 .uptr = (uintptr_t)memory,
							 .refs = refs}));
}

static int create_access(void)
{
	struct iommu_test_cmd *cmd =
		RIG_TEST(CREATE_ACCESS, ioas, .create_access.flags = MOCK_ACCESS_NEEDS_PIN_PAGES);

	assert_int_equal(mock_rig_ioctl(&rig, IOMMU_TEST_CMD, cmd), 0);
	return (int)cmd->create_access.out_access_fd;
}

static void without_the_option_the_command_is_unknown(void **state)
{
	struct uiommufd *plain;

	(void)state;
	assert_int_equal(uiommufd_open(NULL, &plain), 0);
	assert_int_equal(uiommufd_ioctl(plain, NULL, IOMMU_TEST_CMD,
					(uintptr_t)RIG_TEST(SET_TEMP_MEMORY_LIMIT, 0)),
			 -ENOTTY);
	/* Not even its argument is looked at. */
	assert_int_equal(uiommufd_ioctl(plain, NULL, IOMMU_TEST_CMD, 8), -ENOTTY);
	uiommufd_close(plain);
}

static void without_descriptors_an_access_is_ENOMEM(void **state)
{
	(void)state;
	assert_int_equal(uiommufd_ioctl(rig.ctx, NULL, IOMMU_TEST_CMD,
					(uintptr_t)RIG_TEST(CREATE_ACCESS, ioas)),
			 -ENOMEM);
	assert_int_equal(uiommufd_ioctl(rig.ctx, NULL, IOMMU_TEST_CMD,
					(uintptr_t)RIG_TEST(ACCESS_RW, 5, .access_rw.length = 1)),
			 -EBADFD);
}

/* ---- dma-bufs ---- */

static int map_dmabuf(int fd)
{
	return mock_rig_ioctl(&rig, IOMMU_IOAS_MAP_FILE,
			      RIG_CMD(iommu_ioas_map_file,
				      .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
					       IOMMU_IOAS_MAP_WRITEABLE,
				      .ioas_id = ioas, .fd = fd, .length = 2 * PAGE, .iova = IOVA));
}

static int revoke_dmabuf(int fd, bool revoked)
{
	return mock_rig_ioctl(
		&rig, IOMMU_TEST_CMD,
		RIG_TEST(DMABUF_REVOKE, 0, .dmabuf_revoke = {.dmabuf_fd = fd, .revoked = revoked}));
}

static void dma_reaches_a_dmabuf_until_it_is_revoked(void **state)
{
	struct uiommufd_endpoint *device;
	struct uiommufd_iommu *iommu;
	uint32_t id, pt_id = ioas;
	char text[] = "device memory", back[sizeof(text)];
	int fd = mock_rig_ioctl(&rig, IOMMU_TEST_CMD,
				RIG_TEST(DMABUF_GET, 0, .dmabuf_get.length = 2 * PAGE));

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(uiommufd_iommu_create("amd", "amd0", &iommu), 0);
	assert_int_equal(uiommufd_endpoint_create(iommu, "device", &device), 0);
	assert_int_equal(uiommufd_endpoint_bind(device, rig.ctx, &id), 0);
	assert_int_equal(uiommufd_endpoint_attach(device, 0, &pt_id), 0);
	assert_int_equal(map_dmabuf(fd), 0);
	assert_int_equal(uiommufd_dma_write(device, 0, IOVA + PAGE - 4, text, sizeof(text)), 0);
	assert_int_equal(uiommufd_dma_read(device, 0, IOVA + PAGE - 4, back, sizeof(back)), 0);
	assert_string_equal(back, text);
	assert_int_equal(revoke_dmabuf(fd, true), 0);
	assert_int_equal(uiommufd_dma_read(device, 0, IOVA, back, 1), -EFAULT);
	assert_int_equal(revoke_dmabuf(fd, false), 0);
	assert_int_equal(uiommufd_dma_read(device, 0, IOVA, back, 1), -EFAULT);
	assert_int_equal(mock_rig_ioctl(&rig, IOMMU_IOAS_UNMAP,
					RIG_CMD(iommu_ioas_unmap, .ioas_id = ioas, .iova = IOVA,
						.length = 2 * PAGE)),
			 0);
	assert_int_equal(map_dmabuf(fd), 0);
	assert_int_equal(uiommufd_dma_read(device, 0, IOVA + PAGE - 4, back, sizeof(back)), 0);
	assert_string_equal(back, text);
	uiommufd_endpoint_destroy(device);
	uiommufd_iommu_put(iommu);
}

/* ---- concurrent calls ---- */

static _Atomic bool stop;

/* Pins and reads through an access of its own, whatever is mapped. */
static void *use_access(void *arg)
{
	const int fd = *(const int *)arg;
	char buf[64];

	while (!stop) {
		struct iommu_test_cmd *cmd =
			RIG_TEST(ACCESS_PAGES, fd,
				 .access_pages = {.iova = IOVA + PAGE, .length = 3 * PAGE});
		int rc = mock_rig_ioctl(&rig, IOMMU_TEST_CMD, cmd);

		assert_true(!rc || rc == -ENOENT || rc == -EINVAL);
		if (!rc && cmd->access_pages.out_access_pages_id % 2)
			(void)mock_rig_ioctl(
				&rig, IOMMU_TEST_CMD,
				RIG_TEST(DESTROY_ACCESS_PAGES, fd,
					 .destroy_access_pages.access_pages_id =
						 cmd->access_pages.out_access_pages_id));
		rc = mock_rig_ioctl(&rig, IOMMU_TEST_CMD,
				    RIG_TEST(ACCESS_RW, fd,
					     .access_rw = {.iova = IOVA,
							   .length = sizeof(buf),
							   .uptr = (uintptr_t)buf,
							   .flags = MOCK_ACCESS_SLOW_PATH}));
		assert_true(!rc || rc == -ENOENT || rc == -EINVAL);
	}
	return NULL;
}

static void unmap_gets_its_way_while_accesses_pin(void **state)
{
	int fds[2] = {create_access(), create_access()};
	pthread_t threads[2];

	(void)state;
	stop = false;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_access, &fds[i]), 0);
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(map_pages(), 0);
		sched_yield();
		assert_int_equal(unmap_pages(), 0);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(check_refs(0), 0);
}

static void *come_and_go(void *arg)
{
	(void)arg;
	while (!stop) {
		struct iommu_test_cmd *cmd = RIG_TEST(MOCK_DOMAIN, ioas);

		assert_int_equal(mock_rig_ioctl(&rig, IOMMU_TEST_CMD, cmd), 0);
		assert_int_equal(
			mock_rig_ioctl(&rig, IOMMU_DESTROY,
				       RIG_CMD(iommu_destroy, .id = cmd->mock_domain.out_stdev_id)),
			0);
	}
	return NULL;
}

static void devices_come_and_go_while_memory_is_mapped(void **state)
{
	pthread_t threads[2];

	(void)state;
	stop = false;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
	for (int i = 0; i < ROUNDS / 3; i++) {
		assert_int_equal(map_pages(), 0);
		assert_int_equal(unmap_pages(), 0);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(check_refs(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define MOCK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		MOCK_TEST(without_the_option_the_command_is_unknown),
		MOCK_TEST(without_descriptors_an_access_is_ENOMEM),
		MOCK_TEST(dma_reaches_a_dmabuf_until_it_is_revoked),
		MOCK_TEST(unmap_gets_its_way_while_accesses_pin),
		MOCK_TEST(devices_come_and_go_while_memory_is_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
