/* SPDX-License-Identifier: MIT */
/*
 * The device-model API: how to write a PCI device that programs drive through VFIO under uiommufd.
 *
 * A model states its identity and BARs in a struct uiommufd_model, and answers register accesses.
 * Everything that is the same for all PCI devices (config space, BAR sizing, interrupts and their
 * eventfds, bus mastering, reset, the VFIO calls) is done around it. DMA goes through the emulated
 * IOMMU with the services below.
 *
 * 	static uint64_t null_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
 * 				  unsigned int size)
 * 	{
 * 		return off == 0 ? 0x010000ed : 0;
 * 	}
 *
 * Threads: register accesses to one device are serialised (the device lock is held), also against
 * reset. Work functions run on the device's own thread, one at a time and without the device lock;
 * DMA belongs there: a register write that starts DMA queues work and returns. Reset, and the end
 * of the device's owner, wait for the work that runs, so work that is long does a part (some
 * hundreds of microseconds), queues itself again and returns.
 */
#ifndef UIOMMUFD_DEVICE_H
#define UIOMMUFD_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef UIOMMUFD_API
#define UIOMMUFD_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct uiommufd_device;

enum uiommufd_bar_flags {
	UIOMMUFD_BAR_IO = 1, /* port space; else memory */
	UIOMMUFD_BAR_64 = 2, /* takes two BAR slots */
	UIOMMUFD_BAR_PREFETCH = 4,
	/*
	 * Programs may map it (memory, a page at least): each access of theirs then comes to read
	 * and write below, as it would through the device's file.
	 */
	UIOMMUFD_BAR_MMAP = 8,
};

struct uiommufd_bar {
	uint64_t size; /* a power of two, at least 16 (memory) or 4 (IO); 0: no BAR */
	unsigned int flags;
	unsigned int min_access; /* smallest access handed to the model, in bytes; 0: 1 */
	unsigned int max_access; /* largest; wider ones are split; 0: 8 */
};

/* An option on the command line after the model's name: "edu,dma_mask=0xffffffff". */
struct uiommufd_option {
	const char *name;
	const char *help; /* one line: meaning, unit, default */
};

struct uiommufd_model {
	const char *name;    /* on the command line */
	const char *summary; /* one line, for `uiommufd list` */
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem;
	uint32_t class_code; /* base class, subclass, interface: 24 bits */
	uint8_t revision;
	struct uiommufd_bar bars[6];
	bool intx;			       /* has the INTA# pin */
	unsigned int msi_vectors;	       /* 0, 1, 2, 4 ... 32 */
	unsigned int msix_vectors;	       /* 0 .. 2048 */
	unsigned int msix_bar;		       /* which BAR holds table and PBA */
	uint32_t msix_table, msix_pba;	       /* their offsets in it */
	bool pcie;			       /* PCI Express: 4096 bytes of config space */
	size_t state_size;		       /* bytes of uiommufd_device_state(), zeroed */
	const struct uiommufd_option *options; /* ended by a NULL name; NULL: none */

	/* Sets up the state; option values are found with uiommufd_device_option(). 0 or a negative
	 * errno. NULL: nothing. */
	int (*init)(struct uiommufd_device *dev);

	/* Frees what init made. No work runs any more. NULL: nothing. */
	void (*fini)(struct uiommufd_device *dev);

	/*
	 * Back to the state after power-on: device reset. The device lock is held; no work is
	 * queued or running, and none begins before it returns. NULL: nothing.
	 */
	void (*reset)(struct uiommufd_device *dev);

	/*
	 * A register access of 1, 2, 4 or 8 bytes at @off of BAR @bar, aligned to its size and
	 * inside the BAR. Bytes of an access that the device does not decode read as all ones or
	 * zero as the device would.
	 */
	uint64_t (*read)(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			 unsigned int size);
	void (*write)(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
		      unsigned int size, uint64_t value);
};

/* ---- services to a model ---- */

/* The model's own state, state_size bytes; as old as the device. Any thread. */
UIOMMUFD_API void *uiommufd_device_state(struct uiommufd_device *dev);

/*
 * Value of option @name as given on the command line (borrowed, as old as the device), or NULL. Any
 * thread.
 */
UIOMMUFD_API const char *uiommufd_device_option(struct uiommufd_device *dev, const char *name);

/*
 * DMA of @len bytes at @iova (its RID's address space). 0; -EFAULT: the IOMMU refused (reported
 * already), or bus mastering is off. Call from a work function, without the device lock; any thread
 * otherwise.
 */
UIOMMUFD_API int uiommufd_device_dma_read(struct uiommufd_device *dev, uint64_t iova, void *buf,
					  size_t len);
UIOMMUFD_API int uiommufd_device_dma_write(struct uiommufd_device *dev, uint64_t iova,
					   const void *buf, size_t len);

/* Which end of a copy was refused. */
enum uiommufd_copy_end {
	UIOMMUFD_COPY_SOURCE,
	UIOMMUFD_COPY_DESTINATION,
};

/*
 * DMA from @src to @dst without a buffer in between: what a copy engine does. As above; @failed, if
 * not NULL, tells at -EFAULT which end it was.
 */
UIOMMUFD_API int uiommufd_device_dma_copy(struct uiommufd_device *dev, uint64_t dst, uint64_t src,
					  size_t len, enum uiommufd_copy_end *failed);

/*
 * Sets the level of the INTA# line (PCI 3.0 2.2.6). With MSI enabled, a rise to @level 1 sends
 * vector 0 instead. Any thread, with and without the device lock.
 */
UIOMMUFD_API void uiommufd_device_set_intx(struct uiommufd_device *dev, bool level);

/* Sends message @vector (MSI or MSI-X, whichever is enabled; else nothing is sent and false
 * returned). Any thread, with and without the device lock. */
UIOMMUFD_API bool uiommufd_device_send_msi(struct uiommufd_device *dev, unsigned int vector);

/*
 * Has @work(dev) called on the device's thread, without the device lock, soon and once, however
 * often it was asked for before it began. Never fails once the device exists; callable with the
 * device lock held.
 */
UIOMMUFD_API void uiommufd_device_queue_work(struct uiommufd_device *dev,
					     void (*work)(struct uiommufd_device *dev));

/*
 * One line of report, beginning with the device's name: what the program has made the device do
 * that it cannot have meant. Faults of DMA are reported already. Callable with and without the
 * device lock.
 */
UIOMMUFD_API void uiommufd_device_report(struct uiommufd_device *dev, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The device lock, for work functions; register accesses hold it. Not recursive. */
UIOMMUFD_API void uiommufd_device_lock(struct uiommufd_device *dev);
UIOMMUFD_API void uiommufd_device_unlock(struct uiommufd_device *dev);

#ifdef __cplusplus
}
#endif
#endif
