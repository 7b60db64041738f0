/* SPDX-License-Identifier: MIT */
/*
 * crc.v as a model: what Verilator makes of it, with its registers behind BAR 0 and its bus behind
 * DMA. The device lock is held wherever the hardware's clock ticks; a read of the bus takes many
 * ticks of other clocks, so the lock is dropped for it, and registers can be reached meanwhile.
 */
#include <new>

#include <uiommufd/device.h>

#include "Vcrc.h"

namespace {

enum {
	WORDS = 4096, /* that are read before a reset gets its turn */
};

struct crc {
	VerilatedContext *context;
	Vcrc *top;
};

crc *state(uiommufd_device *dev)
{
	return static_cast<crc *>(uiommufd_device_state(dev));
}

void tick(Vcrc *top)
{
	top->clk = 1;
	top->eval();
	top->clk = 0;
	top->eval();
}

/* Answers the request on the bus. False: there is none. */
bool serve(uiommufd_device *dev, Vcrc *top)
{
	uint32_t word = 0;

	if (!top->req)
		return false;
	const uint64_t addr = top->req_addr;
	uiommufd_device_unlock(dev);
	const int rc = uiommufd_device_dma_read(dev, addr, &word, sizeof(word));
	uiommufd_device_lock(dev);
	top->ack = 1;
	top->error = rc != 0;
	top->data = word;
	tick(top);
	top->ack = 0;
	if (top->irq)
		(void)uiommufd_device_send_msi(dev, 0);
	return true;
}

void work(uiommufd_device *dev)
{
	Vcrc *top = state(dev)->top;
	unsigned int words = 0;

	uiommufd_device_lock(dev);
	while (words < WORDS && serve(dev, top))
		words++;
	if (top->req)
		uiommufd_device_queue_work(dev, work);
	uiommufd_device_unlock(dev);
}

void reset(uiommufd_device *dev)
{
	Vcrc *top = state(dev)->top;

	top->rst = 1;
	tick(top);
	top->rst = 0;
}

int init(uiommufd_device *dev)
{
	crc *crc = state(dev);

	crc->context = new (std::nothrow) VerilatedContext;
	crc->top = crc->context ? new (std::nothrow) Vcrc(crc->context) : nullptr;
	if (!crc->top) {
		delete crc->context;
		return uiommufd_device_refuse(dev, -12, "out of memory");
	}
	return 0;
}

void fini(uiommufd_device *dev)
{
	state(dev)->top->final();
	delete state(dev)->top;
	delete state(dev)->context;
}

uint64_t read(uiommufd_device *dev, unsigned int, uint64_t off, unsigned int)
{
	Vcrc *top = state(dev)->top;

	if (off > UINT8_MAX)
		return UINT64_MAX;
	top->addr = static_cast<uint8_t>(off);
	top->eval();
	return top->rdata;
}

void write(uiommufd_device *dev, unsigned int, uint64_t off, unsigned int, uint64_t value)
{
	Vcrc *top = state(dev)->top;

	if (off > UINT8_MAX)
		return;
	top->write = 1;
	top->addr = static_cast<uint8_t>(off);
	top->wdata = static_cast<uint32_t>(value);
	tick(top);
	top->write = 0;
	if (top->req)
		uiommufd_device_queue_work(dev, work);
}

/* Members in any order, which C++ permits in assignments only. */
uiommufd_model describe()
{
	uiommufd_model model{};

	model.name = "crc";
	model.summary = "a DMA engine in Verilog that computes a CRC";
	model.vendor = 0x1234;
	model.device = 0xc0e1;
	model.class_code = 0x108000;
	model.bars[0] = {4096, UIOMMUFD_BAR_MMAP, 4, 4};
	model.msi_vectors = 1;
	model.pcie = true;
	model.state_size = sizeof(crc);
	model.init = init;
	model.fini = fini;
	model.reset = reset;
	model.read = read;
	model.write = write;
	return model;
}

const uiommufd_model crc_model = describe();

} // namespace

extern "C" {
UIOMMUFD_MODEL(crc_model);
}
