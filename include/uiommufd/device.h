/* SPDX-License-Identifier: MIT */
/*
 * device.h - write a PCI device that programs drive through VFIO under uiommufd
 *
 * A model states its identity and BARs in a struct uiommufd_model and answers register accesses.
 * Everything that all PCI devices have in common is done around it: config space, BAR sizing,
 * interrupts and their eventfds, bus mastering, reset, the VFIO calls. DMA goes through the
 * emulated IOMMU by way of the services below.
 *
 * 	static uint64_t null_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
 * 				  unsigned int size)
 * 	{
 * 		return off == 0 ? 0x010000ed : 0;
 * 	}
 *
 * 	static void null_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
 * 			       unsigned int size, uint64_t value)
 * 	{
 * 	}
 *
 * 	const struct uiommufd_model null_model = {
 * 		.name = "null",
 * 		.summary = "registers that do nothing",
 * 		.vendor = 0x1234,
 * 		.device = 0x11e9,
 * 		.bars = {{.size = 4096}},
 * 		.read = null_read,
 * 		.write = null_write,
 * 	};
 *
 * With UIOMMUFD_MODEL(null_model) at its end, this is a shared object that `uiommufd run` loads:
 *
 * 	cc -shared -fPIC -o null.so null.c
 * 	uiommufd run --device ./null.so -- PROGRAM
 *
 * Threads: read, write and reset of one device run one at a time, with the device lock held. Work
 * functions run on the device's own thread, one at a time and without the device lock. DMA belongs
 * there: a register write that starts DMA queues work and returns. Reset, and the close of the
 * device, wait for the work function that is running. Long work therefore does a part (some
 * hundreds of microseconds), queues itself again and returns. A model whose parts work in parallel
 * asks for more threads (work_threads); each of them starts when it gets work. A request that takes
 * less time than a thread takes to wake up can be done at once
 * (uiommufd_device_queue_work_promptly()).
 */
#ifndef UIOMMUFD_DEVICE_H
#define UIOMMUFD_DEVICE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One device of a machine, made from a model. */
struct uiommufd_device;

/* struct uiommufd_bar.flags */
enum uiommufd_bar_flags {
	UIOMMUFD_BAR_IO = 1,	   /* port space, instead of memory */
	UIOMMUFD_BAR_64 = 2,	   /* 64-bit: takes this BAR and the next, whose size is 0 */
	UIOMMUFD_BAR_PREFETCH = 4, /* prefetchable */
	/*
	 * Programs may map it: memory of one page at least. Each access of theirs comes to the
	 * model's read and write, as it would through the device's file.
	 */
	UIOMMUFD_BAR_MMAP = 8,
};

/* One base address register. */
struct uiommufd_bar {
	uint64_t size;	    /* bytes: a power of two, at least 16 (memory) or 4 (IO); 0: no BAR */
	unsigned int flags; /* enum uiommufd_bar_flags */
	/*
	 * Bytes of the narrowest access that the model answers: 1, 2, 4 or 8; 0 stands for 1. A
	 * narrower read gives all ones, a narrower write is dropped.
	 */
	unsigned int min_access;
	/* Bytes of the widest access: 1, 2, 4 or 8; 0 stands for 8. A wider one is split. */
	unsigned int max_access;
};

/*
 * A capability in config space, beside those that are made for every model: MSI, MSI-X, power
 * management, VPD, PCI Express and error reporting. The model states what the hardware has. What
 * programs see of it is VFIO's rule for its kind: most are read-only, some are hidden.
 */
struct uiommufd_capability {
	uint16_t id;  /* 8 bits below offset 0x100, 16 bits of an extended one */
	uint16_t off; /* multiple of 4: 0xb0 to 0xfc; extended: 0x100 or 0x130 to 0xffc */
	/*
	 * Bytes from the header on, which has 2 or, extended, 4. The capability at 0x100 takes the
	 * place of error reporting. 0 ends an array.
	 */
	uint16_t size;
	uint8_t version;	 /* of an extended one */
	const uint8_t *bytes;	 /* what follows the header, after power-on; NULL: zeros */
	const uint8_t *writable; /* their bits that the hardware lets software change; NULL: none */
};

/* How the value of an option is written. */
enum uiommufd_option_kind {
	UIOMMUFD_OPTION_VALUE, /* "name=value" */
	UIOMMUFD_OPTION_FLAG,  /* "name" alone, which stands for "name=on", as well */
	UIOMMUFD_OPTION_PATH,  /* "name=path"; the model gets an absolute path */
};

/* An option that may follow the model's name on the command line: "edu,dma_mask=0xffffffff". */
struct uiommufd_option {
	const char *name; /* what is before "=" */
	const char *help; /* one line: meaning, unit, default */
	enum uiommufd_option_kind kind;
};

/* What an option may be, for `uiommufd list`: its help is for a reader, this for a program. */
struct uiommufd_option_range {
	const char *option;   /* its name */
	const char *values;   /* "1 to 64", "512 or 4096" */
	const char *standard; /* what it is if it is not given; NULL: nothing */
};

/* struct uiommufd_register.flags. Without any, it is read and written. */
enum uiommufd_register_flags {
	UIOMMUFD_REGISTER_RO = 1,    /* writes have no effect */
	UIOMMUFD_REGISTER_WO = 2,    /* what is read has no meaning */
	UIOMMUFD_REGISTER_CLEAR = 4, /* a bit is cleared by writing 1 to it */
	UIOMMUFD_REGISTER_EVENT = 8, /* reading changes it, or something else */
};

/* A register, or several alike, for `uiommufd list`: accesses are done in the same way without. */
struct uiommufd_register {
	const char *name;   /* as the device's documentation has it */
	const char *help;   /* one line; NULL: none */
	unsigned int bar;   /* which BAR it is in */
	uint64_t off;	    /* its offset there */
	unsigned int size;  /* bytes */
	unsigned int flags; /* enum uiommufd_register_flags */
	unsigned int count; /* how many there are of it; 0 stands for 1 */
	uint64_t stride;    /* bytes from one to the next */
};

/* Initialisers of one register, and of @count alike, in the order of the members. */
#define UIOMMUFD_REGISTER(name, help, bar, off, size, flags) \
	{                                                    \
		name, help, bar, off, size, flags, 1, 0      \
	}
#define UIOMMUFD_REGISTERS(name, help, bar, off, size, flags, count, stride) \
	{                                                                    \
		name, help, bar, off, size, flags, count, stride             \
	}

enum {
	UIOMMUFD_MAX_WORK_THREADS = 8, /* of one device */
	UIOMMUFD_MAX_BAR_PARTS = 4,    /* of one device */
};

/* What a part of a BAR is, instead of registers that the model's read and write answer. */
enum uiommufd_bar_part_kind {
	/*
	 * Memory of the device (uiommufd_device_bar_memory()), zeroed when the device is created,
	 * which programs map. Their accesses do not come to the model.
	 */
	UIOMMUFD_PART_MEMORY,
	/*
	 * Doorbells of 32 bits: writes that start something, of which only the last value matters.
	 * While a program is busy it writes them without a trap: the model's write is called soon
	 * after, on the thread that watches, once for several writes of which none was seen yet. A
	 * program that is not busy traps as at any register.
	 */
	UIOMMUFD_PART_DOORBELLS,
};

/* A part of a BAR with UIOMMUFD_BAR_MMAP. */
struct uiommufd_bar_part {
	enum uiommufd_bar_part_kind kind;
	unsigned int bar;
	uint64_t off;  /* in the BAR: a multiple of 4096 */
	uint64_t size; /* bytes, a multiple of 4096; 0 ends an array */
	/* Doorbells: what they read as, and no driver writes: it means that nothing was written. */
	uint32_t empty;
	unsigned int thread; /* doorbells: the work thread that watches, below work_threads */
};

/* Where save puts the state of a device; uiommufd_save() appends to it. */
struct uiommufd_saver {
	int (*append)(struct uiommufd_saver *saver, const void *bytes, size_t len);
};

/*
 * What a device is and does. The library borrows it for as long as devices of it exist. Operations
 * that may be NULL say so.
 */
struct uiommufd_model {
	const char *name;	       /* on the command line */
	const char *summary;	       /* one line, for `uiommufd list` */
	uint16_t vendor;	       /* vendor ID */
	uint16_t device;	       /* device ID */
	uint16_t subsystem_vendor;     /* subsystem vendor ID */
	uint16_t subsystem;	       /* subsystem ID */
	uint32_t class_code;	       /* base class, subclass, interface: 24 bits */
	uint8_t revision;	       /* revision ID */
	struct uiommufd_bar bars[6];   /* BAR 0 to 5 */
	bool intx;		       /* has the INTA# pin */
	unsigned int msi_vectors;      /* 0, 1, 2, 4, 8, 16 or 32; 0: no MSI */
	unsigned int msix_vectors;     /* 0 to 2048; 0: no MSI-X */
	unsigned int msix_bar;	       /* the memory BAR that holds the MSI-X table and PBA */
	uint32_t msix_table, msix_pba; /* their offsets in it, multiples of 8 */
	bool pcie;		       /* PCI Express: 4096 bytes of config space */
	bool flr;		       /* pcie: can be reset alone (Function Level Reset) */
	bool d3_reset;		       /* loses its state in D3hot: No_Soft_Reset is 0 */
	/* Vital product data (PCI 3.0 I): tags, up to the end tag. NULL: none. */
	const uint8_t *vpd;
	size_t vpd_size;				/* bytes, at most 32 KiB */
	const struct uiommufd_capability *capabilities; /* ended by one of size 0. NULL: none */
	size_t state_size;				/* bytes of uiommufd_device_state() */
	unsigned int work_threads; /* up to UIOMMUFD_MAX_WORK_THREADS; 0 stands for 1 */
	/* The options of this model, ended by one without a name. NULL: none. */
	const struct uiommufd_option *options;

	/*
	 * Sets up the state, which is zeroed. uiommufd_device_option() has the options. Returns 0
	 * or a negative errno, with which creating the device fails; uiommufd_device_refuse() adds
	 * the reason. NULL: nothing to set up.
	 */
	int (*init)(struct uiommufd_device *dev);

	/* Frees what init made. The device's threads have ended. NULL: nothing to free. */
	void (*fini)(struct uiommufd_device *dev);

	/*
	 * Returns to the state after power-on. Called with the device lock held, while no work is
	 * queued or running on any thread; none begins before it returns. NULL: nothing to reset.
	 */
	void (*reset)(struct uiommufd_device *dev);

	/*
	 * Answers a register access of @size 1, 2, 4 or 8 bytes at offset @off of BAR @bar, aligned
	 * to @size and inside the BAR. Accesses to the MSI-X table and its pending bits do not come
	 * here. Called with the device lock held. Required if there is a BAR.
	 */
	uint64_t (*read)(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			 unsigned int size);
	void (*write)(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
		      unsigned int size, uint64_t value);

	/*
	 * The model asks uiommufd_device_fate() about its transfers, so that those of a hostile
	 * device end as its own errors do; its DMA is left alone.
	 */
	bool decides_fates;

	/*
	 * The program has written @len bytes of config space at @off, which have their new values
	 * (uiommufd_device_config()). Called with the device lock held. NULL: of no interest.
	 */
	void (*config_written)(struct uiommufd_device *dev, unsigned int off, unsigned int len);

	/* Parts of BARs that are memory or doorbells, ended by one of size 0. NULL: none. */
	const struct uiommufd_bar_part *bar_parts;

	/* For `uiommufd list`: arrays that end with an element without a name. NULL: unknown. */
	const struct uiommufd_register *registers;
	const struct uiommufd_option_range *option_ranges;

	/*
	 * Translations that the device may keep (uiommufd_device_translate()) have changed: those
	 * with @pasid (UIOMMUFD_ALL_PASIDS: with any, or none) of an IOVA from @iova to @last, the
	 * last byte. The model forgets them; what the program has done to them is complete when
	 * this returns. Called with the device lock held, also before the device is reset. NULL:
	 * the device keeps no translations.
	 */
	void (*invalidated)(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova,
			    uint64_t last);

	/*
	 * Migration. The version of what save writes, 1 at least; it changes with the meaning of
	 * these bytes. 0: the device cannot be migrated.
	 */
	uint32_t saved_version;
	size_t saved_bytes; /* how many save writes, roughly: an estimate for VMMs */

	/*
	 * Writes the state, all that reset sets and what options do not say, by uiommufd_save().
	 * No work function runs, and what is queued is not in the stream: the state has to tell
	 * load what goes on. INTA#, MSI-X messages that are pending and memory in bar_parts are
	 * saved around it; config space is the VMM's. Called with the device lock held. Returns 0,
	 * or the negative errno of uiommufd_save() or of what it cannot save.
	 */
	int (*save)(struct uiommufd_device *dev, struct uiommufd_saver *saver);

	/*
	 * Takes over @len bytes at @state, which save of @version (saved_version at most) has
	 * written, in place of the device's state, and queues the work that has to go on. Nothing
	 * is queued before, and interrupts need not be raised again. Checks all of it first: the
	 * bytes may be anybody's. Called with the device lock held. Returns 0, or, with the state
	 * as it was, a negative errno, to which uiommufd_device_refuse() adds the reason.
	 */
	int (*load)(struct uiommufd_device *dev, uint32_t version, const void *state, size_t len);

	/*
	 * The expansion ROM (PCI 3.0 6.3). Its BAR has the next power of two, at least 2 KiB. What
	 * is behind its last valid image reads as ones; without a valid one, programs see the BAR
	 * and cannot read it, as on hardware with an empty ROM. NULL: none.
	 */
	const uint8_t *rom;
	size_t rom_size; /* bytes, at most 16 MiB */
};

/* ---- services to a model ---- */

/*
 * uiommufd_device_state() - get the model's own state
 * @dev: the device
 *
 * Returns: state_size bytes, borrowed; valid as long as the device. NULL if state_size is 0.
 *
 * Context: any thread.
 */
static inline void *uiommufd_device_state(struct uiommufd_device *dev);

/*
 * uiommufd_device_name() - get the device's address
 * @dev: the device
 *
 * Returns: "0000:01:00.0": domain, bus, slot and function, borrowed; valid as long as the device.
 *
 * Context: any thread.
 */
static inline const char *uiommufd_device_name(struct uiommufd_device *dev);

/*
 * uiommufd_device_option() - get the value of an option from the command line
 * @dev: the device
 * @name: the option's name
 *
 * Returns: the text after "=", borrowed, valid as long as the device; NULL if it was not given.
 *
 * Context: any thread.
 */
static inline const char *uiommufd_device_option(struct uiommufd_device *dev, const char *name);

/*
 * uiommufd_device_refuse() - say why the device cannot be created, or its state not be loaded
 * @dev: the device
 * @error: negative errno
 * @format: as for printf(), without a newline: one line that names the option or file, and what is
 *	wrong with it
 *
 * The line takes the place of a general one about the options. It is for init and load, which
 * return the result.
 *
 * Returns: @error
 *
 * Context: the model's init or load.
 */
static inline int uiommufd_device_refuse(struct uiommufd_device *dev, int error, const char *format,
					 ...) __attribute__((format(printf, 3, 4)));

/*
 * uiommufd_save() - append to the saved state of a device
 * @saver: from save
 * @bytes: what is appended; borrowed
 * @len: bytes
 *
 * Returns: 0, or
 * -ENOMEM: there is no memory; save returns it
 *
 * Context: the model's save.
 */
static inline int uiommufd_save(struct uiommufd_saver *saver, const void *bytes, size_t len);

/*
 * uiommufd_device_claims() - find out whether to lock what the device has for itself
 * @dev: the device
 *
 * Under `uiommufd run` each process has a device of its own, but what is behind it in the system, a
 * file for instance, is the same. The command makes the device, too, keeps it until the program has
 * ended, and so claims that for all of them.
 *
 * Returns: false in a process of `uiommufd run`; true in the command and in other programs, where
 * init locks what another run must not use at the same time, and fails if that is locked already.
 *
 * Context: the model's init.
 */
static inline bool uiommufd_device_claims(struct uiommufd_device *dev);

/*
 * uiommufd_device_dma_read(), uiommufd_device_dma_write() - do DMA
 * @dev: the device
 * @iova: address of the first byte, in the address space of the device's RID
 * @buf: destination of a read, source of a write; borrowed
 * @len: bytes
 *
 * uiommufd_device_dma_read() copies from @iova to @buf, uiommufd_device_dma_write() from @buf to
 * @iova. Where the page table has a fault queue, the call may wait for a page request's answer.
 *
 * The DMA of one thread is in order, on every processor: a driver that finds what the second of two
 * writes stored finds what the first one stored, and a second read is not older than the first.
 *
 * Returns: 0, or
 * -EFAULT: the IOMMU refused an address of the range, or bus mastering is off. Bytes before that
 *	address have been copied; the log has a line about it already
 *
 * Context: any thread, without the device lock; usually a work function.
 * Source: PCI 3.0 6.2.2 (bus mastering).
 */
static inline int uiommufd_device_dma_read(struct uiommufd_device *dev, uint64_t iova, void *buf,
					   size_t len);
static inline int uiommufd_device_dma_write(struct uiommufd_device *dev, uint64_t iova,
					    const void *buf, size_t len);

/*
 * uiommufd_device_dma_read_pasid(), uiommufd_device_dma_write_pasid() - do DMA with a PASID
 * @dev: the device
 * @pasid: the process address space ID of the request; 0: without one
 * @iova: address of the first byte
 * @buf: destination of a read, source of a write; borrowed
 * @len: bytes
 *
 * As uiommufd_device_dma_read() and uiommufd_device_dma_write(), through what the program has
 * attached for @pasid (VFIO_DEVICE_ATTACH_IOMMUFD_PT with VFIO_DEVICE_ATTACH_PASID).
 *
 * Returns: 0, or
 * -EFAULT: as for uiommufd_device_dma_read(), or nothing is attached for @pasid
 *
 * Context: any thread, without the device lock; usually a work function.
 * Source: PCIe 6.0 6.20.
 */
static inline int uiommufd_device_dma_read_pasid(struct uiommufd_device *dev, uint32_t pasid,
						 uint64_t iova, void *buf, size_t len);
static inline int uiommufd_device_dma_write_pasid(struct uiommufd_device *dev, uint32_t pasid,
						  uint64_t iova, const void *buf, size_t len);

/* What uiommufd_device_atomic() does to a word. */
enum uiommufd_atomic {
	UIOMMUFD_ATOMIC_FETCH_ADD,    /* adds the operand, without a carry out of the word */
	UIOMMUFD_ATOMIC_SWAP,	      /* stores the operand */
	UIOMMUFD_ATOMIC_COMPARE_SWAP, /* stores the operand if the word equals @compare */
};

/*
 * uiommufd_device_atomic() - do an AtomicOp
 * @dev: the device
 * @pasid: as for uiommufd_device_dma_read_pasid()
 * @iova: address of the word, a multiple of @size
 * @op: what is done to it
 * @size: bytes of the word: 4 or 8
 * @operand: what is added or stored; the low @size bytes count
 * @compare: UIOMMUFD_ATOMIC_COMPARE_SWAP: what the word is compared with; the low @size bytes count
 * @old: result: the word before
 *
 * One step for the program's threads, which see it as they see each other's atomic operations. The
 * mapping needs the rights to read and to write, also where nothing is stored in the end.
 *
 * Returns: 0, or
 * -EFAULT: as for uiommufd_device_dma_read_pasid(), or the word is a register of another device;
 *	nothing has changed
 * -EINVAL: @size or @op is none of these, or @iova is no multiple of @size
 *
 * Context: any thread, without the device lock; usually a work function.
 * Source: PCIe 6.0 6.15.
 */
static inline int uiommufd_device_atomic(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova,
					 enum uiommufd_atomic op, unsigned int size,
					 uint64_t operand, uint64_t compare, uint64_t *old);

#define UIOMMUFD_ALL_PASIDS UINT32_MAX

/* struct uiommufd_translation.rights */
enum uiommufd_rights {
	UIOMMUFD_RIGHT_READ = 1,
	UIOMMUFD_RIGHT_WRITE = 2,
};

/* A translation that a device keeps, as in an ATC. */
struct uiommufd_translation {
	uint32_t pasid;
	unsigned int rights; /* enum uiommufd_rights */
	uint64_t iova;	     /* the first byte */
	uint64_t len;	     /* bytes, contiguous on the bus */
	uint64_t bus;	     /* where they are; of no use but for the calls below */
};

/*
 * uiommufd_device_translate() - request a translation
 * @dev: the device, whose model has invalidated()
 * @pasid: as for uiommufd_device_dma_read_pasid()
 * @iova: the first byte
 * @rights: what the device wants to do there
 * @translation: result; it begins at @iova
 *
 * The model may keep it until invalidated() names a byte of it or reset. It holds the device lock
 * from this call until the translation is stored, so that none is missed.
 *
 * Returns: 0, or
 * -ENOENT: nothing is mapped there for @pasid
 * -EPERM: a right is missing, or bus mastering is off, or the program tracks what devices write:
 *	an ordinary request may succeed, or is reported
 * -EOPNOTSUPP: the model has no invalidated()
 *
 * Context: any thread, with the device lock held. Does not wait, nor report.
 * Source: PCIe 6.0 10.2.
 */
static inline int uiommufd_device_translate(struct uiommufd_device *dev, uint32_t pasid,
					    uint64_t iova, unsigned int rights,
					    struct uiommufd_translation *translation);

/*
 * uiommufd_device_translated_read(), uiommufd_device_translated_write() - do DMA without the IOMMU
 * @dev: the device
 * @translation: from uiommufd_device_translate(), not invalidated since
 * @iova: the first byte
 * @buf: destination of a read, source of a write; borrowed
 * @len: bytes, all of them in @translation. Some KiB: programs that access registers wait
 *
 * Returns: 0, or
 * -EAGAIN: the memory cannot be reached this way now: the model lets go of the lock and makes an
 *	ordinary request. Some bytes may have been copied
 * -EINVAL: the bytes are not in @translation, or it lacks the right
 *
 * Context: any thread, with the device lock held. Does not wait, nor report; a sanitizer in the
 * program is not asked.
 * Source: PCIe 6.0 10.1.
 */
static inline int uiommufd_device_translated_read(struct uiommufd_device *dev,
						  const struct uiommufd_translation *translation,
						  uint64_t iova, void *buf, size_t len);
static inline int uiommufd_device_translated_write(struct uiommufd_device *dev,
						   const struct uiommufd_translation *translation,
						   uint64_t iova, const void *buf, size_t len);

/*
 * uiommufd_device_config() - read the device's config space
 * @dev: the device
 * @off: offset of the first byte
 * @size: 1, 2 or 4 bytes
 *
 * Returns: what the hardware has there, which may differ from what VFIO shows to programs; all ones
 * outside of config space.
 *
 * Context: with the device lock held.
 */
static inline uint32_t uiommufd_device_config(struct uiommufd_device *dev, unsigned int off,
					      unsigned int size);

/* Why a device returns to the state after power-on. */
enum uiommufd_reset_kind {
	UIOMMUFD_RESET_POWER,	 /* a program opens or closes it */
	UIOMMUFD_RESET_FUNCTION, /* alone: VFIO_DEVICE_RESET, Function Level Reset, D3hot, sysfs */
	UIOMMUFD_RESET_BUS,	 /* with the other devices of its bus: a hot reset */
	UIOMMUFD_RESET_REMOVED,	 /* it has been pulled out */
};

/*
 * uiommufd_device_reset_kind() - find out why the model is reset
 * @dev: the device
 *
 * Returns: the kind of the reset that is being done, or of the last one.
 *
 * Context: the model's reset, or with the device lock held.
 */
static inline enum uiommufd_reset_kind uiommufd_device_reset_kind(struct uiommufd_device *dev);

/* Which end of a copy was refused. */
enum uiommufd_copy_end {
	UIOMMUFD_COPY_SOURCE,	   /* the address that is read */
	UIOMMUFD_COPY_DESTINATION, /* the address that is written */
};

/*
 * uiommufd_device_dma_copy() - do DMA from one IOVA to another
 * @dev: the device
 * @dst: address of the first byte written
 * @src: address of the first byte read
 * @len: bytes
 * @failed: result of -EFAULT: which end was refused; may be NULL
 *
 * Copies without a buffer in between, as a copy engine does. If the ranges overlap, the result is
 * defined only where both are in one page.
 *
 * Returns: 0, or
 * -EFAULT: as for uiommufd_device_dma_read()
 *
 * Context: any thread, without the device lock; usually a work function.
 */
static inline int uiommufd_device_dma_copy(struct uiommufd_device *dev, uint64_t dst, uint64_t src,
					   size_t len, enum uiommufd_copy_end *failed);

/*
 * uiommufd_device_set_intx() - set the level of the INTA# line
 * @dev: the device
 * @level: true: asserted
 *
 * While MSI or MSI-X is enabled, asserting a line that was not sends vector 0 instead.
 *
 * Context: any thread, with or without the device lock.
 * Source: PCI 3.0 2.2.6.
 */
static inline void uiommufd_device_set_intx(struct uiommufd_device *dev, bool level);

/*
 * uiommufd_device_send_msi() - send a message of MSI or MSI-X
 * @dev: the device
 * @vector: which message, from 0
 *
 * Returns: true if it was sent; false if the program has enabled neither MSI nor MSI-X, or fewer
 * vectors than that, or if bus mastering is off, which the log then has a line about.
 *
 * Context: any thread, with or without the device lock.
 */
static inline bool uiommufd_device_send_msi(struct uiommufd_device *dev, unsigned int vector);

/*
 * uiommufd_device_queue_work() - have a function called on the device's thread
 * @dev: the device
 * @work: what to call, without the device lock; at most 8 different functions for one device
 *
 * Calls @work(@dev) soon, and once however often it was queued before it began. Cannot fail.
 *
 * Context: any thread, with or without the device lock.
 */
static inline void uiommufd_device_queue_work(struct uiommufd_device *dev,
					      void (*work)(struct uiommufd_device *dev));

/*
 * uiommufd_device_queue_work_promptly() - have a short function called, best on this thread
 * @dev: the device
 * @work: what to call, without the device lock
 *
 * Called by write() of the model, this has @work(@dev) run on the thread that writes the register,
 * when write() has returned and before the program continues: that saves waking up the device's
 * thread, which takes longer than a short request. It is uiommufd_device_queue_work() if thread 0
 * has other work, if DMA may have to wait for the program, and everywhere else.
 *
 * On that thread, @work is to take some microseconds at most. What may take longer, @work leaves to
 * another function that it gives to uiommufd_device_queue_work().
 *
 * Context: with or without the device lock.
 */
static inline void uiommufd_device_queue_work_promptly(struct uiommufd_device *dev,
						       void (*work)(struct uiommufd_device *dev));

/*
 * uiommufd_device_queue_work_on() - have a function called on one of the device's threads
 * @dev: the device
 * @thread: which one, below the model's work_threads
 * @work: what to call, without the device lock; at most 8 different functions for one thread
 *
 * uiommufd_device_queue_work() is this for thread 0. Functions of one thread run one at a time, in
 * the order in which they were queued; those of different threads run in parallel, also if they are
 * the same function.
 *
 * Context: any thread, with or without the device lock.
 */
static inline void uiommufd_device_queue_work_on(struct uiommufd_device *dev, unsigned int thread,
						 void (*work)(struct uiommufd_device *dev));

/*
 * uiommufd_device_queue_work_after() - have a function called on one of the device's threads later
 * @dev: the device
 * @thread: which one, below the model's work_threads
 * @work: what to call, without the device lock
 * @ns: in how many nanoseconds at the earliest
 *
 * A timer: @work is queued when it is due, as by uiommufd_device_queue_work_on(). If @work has a
 * timer on this thread already, this is its new time. A reset takes timers back.
 *
 * Context: any thread, with or without the device lock.
 */
static inline void uiommufd_device_queue_work_after(struct uiommufd_device *dev,
						    unsigned int thread,
						    void (*work)(struct uiommufd_device *dev),
						    uint64_t ns);

/*
 * uiommufd_device_cancel_work() - take a function out of a thread's queue, and its timer back
 * @dev: the device
 * @thread: which one, below the model's work_threads
 * @work: the function; it may be running, which this does not wait for
 *
 * Context: any thread, with or without the device lock.
 */
static inline void uiommufd_device_cancel_work(struct uiommufd_device *dev, unsigned int thread,
					       void (*work)(struct uiommufd_device *dev));

/*
 * uiommufd_device_work_thread() - find out which thread this is
 * @dev: the device
 *
 * Returns: the number of the device's thread that runs the calling work function.
 *
 * Context: a work function of @dev.
 */
static inline unsigned int uiommufd_device_work_thread(struct uiommufd_device *dev);

/*
 * uiommufd_device_bar_memory() - get the memory of a part of a BAR
 * @dev: the device
 * @index: of the part in the model's bar_parts
 *
 * Programs read and write it at any time: what they change while the device works is their mistake,
 * and the model must survive it. After a fork it is shared by parent and child, as a device is.
 *
 * Returns: the memory, borrowed, valid as long as the device; NULL if the part is none of memory.
 *
 * Context: any thread, init included.
 */
static inline void *uiommufd_device_bar_memory(struct uiommufd_device *dev, unsigned int index);

/* What a model asks about. */
enum uiommufd_event {
	UIOMMUFD_EVENT_COMPLETION, /* it is about to tell the program that something is done */
	UIOMMUFD_EVENT_TRANSFER,   /* it is about to move data */
	UIOMMUFD_EVENT_RESET,	   /* it is about to do a reset that a register demands */
};

/* What is to become of it. */
enum uiommufd_fate {
	UIOMMUFD_FATE_NORMAL,	  /* what the program wants */
	UIOMMUFD_FATE_LOST,	  /* a completion does not happen; a reset neither */
	UIOMMUFD_FATE_TWICE,	  /* a completion happens twice */
	UIOMMUFD_FATE_AFTER_NEXT, /* a completion happens after the next one, if there is one */
	UIOMMUFD_FATE_SHORT,	  /* a transfer ends early, with an error */
	UIOMMUFD_FATE_WRONG,	  /* a transfer moves other data, and ends with an error */
};

/*
 * uiommufd_device_fate() - find out how a hostile device does what it is about to do
 * @dev: the device
 * @event: what that is
 * @stream: which queue or channel it belongs to, so that the answers to one do not depend on the
 *	others
 *
 * `uiommufd run --hostile` tests drivers with devices that misbehave (docs/hostile.md). Interrupts,
 * registers and DMA are spoilt for each model; a model with completions or errors of its own asks.
 *
 * Returns: UIOMMUFD_FATE_NORMAL, unless the device is hostile.
 *
 * Context: any thread; a work function without the device lock, if @event is no reset: it sleeps
 * where the event is to be late.
 */
static inline enum uiommufd_fate uiommufd_device_fate(struct uiommufd_device *dev,
						      enum uiommufd_event event, uint64_t stream);

/*
 * uiommufd_device_report() - print one line about a mistake of the program
 * @dev: the device, whose name the line starts with
 * @format: as for printf(), without a newline; what the program made the device do that it cannot
 *	have meant. The text is cut at 511 bytes
 *
 * Refused DMA has been reported already.
 *
 * Context: any thread, with or without the device lock.
 */
static inline void uiommufd_device_report(struct uiommufd_device *dev, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * uiommufd_device_lock(), uiommufd_device_unlock() - hold off register accesses
 * @dev: the device
 *
 * For work functions: read, write and reset already run with the device lock held.
 *
 * Context: any thread; the lock is not recursive, and must not be held during DMA.
 */
static inline void uiommufd_device_lock(struct uiommufd_device *dev);
static inline void uiommufd_device_unlock(struct uiommufd_device *dev);

/* ---- how the services are reached ---- */

/*
 * Each device has a table of the library's functions, so that a model needs no symbol of the
 * library: it works from a shared object, in the preload, and in a program that embeds the library.
 * A later version may only append.
 */
struct uiommufd_device_services {
	size_t size; /* bytes of the table that the library has filled in */
	void *(*state)(struct uiommufd_device *dev);
	const char *(*option)(struct uiommufd_device *dev, const char *name);
	int (*dma_read)(struct uiommufd_device *dev, uint64_t iova, void *buf, size_t len);
	int (*dma_write)(struct uiommufd_device *dev, uint64_t iova, const void *buf, size_t len);
	int (*dma_copy)(struct uiommufd_device *dev, uint64_t dst, uint64_t src, size_t len,
			enum uiommufd_copy_end *failed);
	void (*set_intx)(struct uiommufd_device *dev, bool level);
	bool (*send_msi)(struct uiommufd_device *dev, unsigned int vector);
	void (*queue_work)(struct uiommufd_device *dev, void (*work)(struct uiommufd_device *dev));
	void (*report)(struct uiommufd_device *dev, const char *format, va_list args);
	void (*lock)(struct uiommufd_device *dev);
	void (*unlock)(struct uiommufd_device *dev);
	const char *(*name)(struct uiommufd_device *dev);
	int (*refuse)(struct uiommufd_device *dev, int error, const char *format, va_list args);
	bool (*claims)(struct uiommufd_device *dev);
	void (*queue_work_on)(struct uiommufd_device *dev, unsigned int thread,
			      void (*work)(struct uiommufd_device *dev));
	unsigned int (*work_thread)(struct uiommufd_device *dev);
	void (*queue_work_after)(struct uiommufd_device *dev, unsigned int thread,
				 void (*work)(struct uiommufd_device *dev), uint64_t ns);
	void (*cancel_work)(struct uiommufd_device *dev, unsigned int thread,
			    void (*work)(struct uiommufd_device *dev));
	unsigned int (*fate)(struct uiommufd_device *dev, unsigned int event, uint64_t stream);
	void *(*bar_memory)(struct uiommufd_device *dev, unsigned int index);
	int (*dma_read_pasid)(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova, void *buf,
			      size_t len);
	int (*dma_write_pasid)(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova,
			       const void *buf, size_t len);
	uint32_t (*config)(struct uiommufd_device *dev, unsigned int off, unsigned int size);
	unsigned int (*reset_kind)(struct uiommufd_device *dev);
	int (*atomic)(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova, unsigned int op,
		      unsigned int size, uint64_t operand, uint64_t compare, uint64_t *old);
	int (*translate)(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova,
			 unsigned int rights, struct uiommufd_translation *translation);
	int (*translated_read)(struct uiommufd_device *dev,
			       const struct uiommufd_translation *translation, uint64_t iova,
			       void *buf, size_t len);
	int (*translated_write)(struct uiommufd_device *dev,
				const struct uiommufd_translation *translation, uint64_t iova,
				const void *buf, size_t len);
	void (*queue_work_promptly)(struct uiommufd_device *dev,
				    void (*work)(struct uiommufd_device *dev));
};

/* The library's device begins with this. */
struct uiommufd_device {
	const struct uiommufd_device_services *services;
};

static inline void *uiommufd_device_state(struct uiommufd_device *dev)
{
	return dev->services->state(dev);
}

static inline const char *uiommufd_device_option(struct uiommufd_device *dev, const char *name)
{
	return dev->services->option(dev, name);
}

static inline int uiommufd_device_dma_read(struct uiommufd_device *dev, uint64_t iova, void *buf,
					   size_t len)
{
	return dev->services->dma_read(dev, iova, buf, len);
}

static inline int uiommufd_device_dma_write(struct uiommufd_device *dev, uint64_t iova,
					    const void *buf, size_t len)
{
	return dev->services->dma_write(dev, iova, buf, len);
}

static inline int uiommufd_device_dma_copy(struct uiommufd_device *dev, uint64_t dst, uint64_t src,
					   size_t len, enum uiommufd_copy_end *failed)
{
	return dev->services->dma_copy(dev, dst, src, len, failed);
}

static inline void uiommufd_device_set_intx(struct uiommufd_device *dev, bool level)
{
	dev->services->set_intx(dev, level);
}

static inline bool uiommufd_device_send_msi(struct uiommufd_device *dev, unsigned int vector)
{
	return dev->services->send_msi(dev, vector);
}

static inline void uiommufd_device_queue_work(struct uiommufd_device *dev,
					      void (*work)(struct uiommufd_device *dev))
{
	dev->services->queue_work(dev, work);
}

static inline void uiommufd_device_report(struct uiommufd_device *dev, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	dev->services->report(dev, format, args);
	va_end(args);
}

static inline void uiommufd_device_lock(struct uiommufd_device *dev)
{
	dev->services->lock(dev);
}

static inline void uiommufd_device_unlock(struct uiommufd_device *dev)
{
	dev->services->unlock(dev);
}

static inline const char *uiommufd_device_name(struct uiommufd_device *dev)
{
	return dev->services->name(dev);
}

static inline int uiommufd_device_refuse(struct uiommufd_device *dev, int error, const char *format,
					 ...)
{
	va_list args;

	va_start(args, format);
	error = dev->services->refuse(dev, error, format, args);
	va_end(args);
	return error;
}

static inline int uiommufd_save(struct uiommufd_saver *saver, const void *bytes, size_t len)
{
	return saver->append(saver, bytes, len);
}

static inline bool uiommufd_device_claims(struct uiommufd_device *dev)
{
	return dev->services->claims(dev);
}

static inline void uiommufd_device_queue_work_on(struct uiommufd_device *dev, unsigned int thread,
						 void (*work)(struct uiommufd_device *dev))
{
	dev->services->queue_work_on(dev, thread, work);
}

static inline void uiommufd_device_queue_work_promptly(struct uiommufd_device *dev,
						       void (*work)(struct uiommufd_device *dev))
{
	dev->services->queue_work_promptly(dev, work);
}

static inline unsigned int uiommufd_device_work_thread(struct uiommufd_device *dev)
{
	return dev->services->work_thread(dev);
}

static inline void uiommufd_device_queue_work_after(struct uiommufd_device *dev,
						    unsigned int thread,
						    void (*work)(struct uiommufd_device *dev),
						    uint64_t ns)
{
	dev->services->queue_work_after(dev, thread, work, ns);
}

static inline void uiommufd_device_cancel_work(struct uiommufd_device *dev, unsigned int thread,
					       void (*work)(struct uiommufd_device *dev))
{
	dev->services->cancel_work(dev, thread, work);
}

static inline enum uiommufd_fate uiommufd_device_fate(struct uiommufd_device *dev,
						      enum uiommufd_event event, uint64_t stream)
{
	return (enum uiommufd_fate)dev->services->fate(dev, event, stream);
}

static inline void *uiommufd_device_bar_memory(struct uiommufd_device *dev, unsigned int index)
{
	return dev->services->bar_memory(dev, index);
}

static inline int uiommufd_device_dma_read_pasid(struct uiommufd_device *dev, uint32_t pasid,
						 uint64_t iova, void *buf, size_t len)
{
	return dev->services->dma_read_pasid(dev, pasid, iova, buf, len);
}

static inline int uiommufd_device_dma_write_pasid(struct uiommufd_device *dev, uint32_t pasid,
						  uint64_t iova, const void *buf, size_t len)
{
	return dev->services->dma_write_pasid(dev, pasid, iova, buf, len);
}

static inline uint32_t uiommufd_device_config(struct uiommufd_device *dev, unsigned int off,
					      unsigned int size)
{
	return dev->services->config(dev, off, size);
}

static inline enum uiommufd_reset_kind uiommufd_device_reset_kind(struct uiommufd_device *dev)
{
	return (enum uiommufd_reset_kind)dev->services->reset_kind(dev);
}

static inline int uiommufd_device_atomic(struct uiommufd_device *dev, uint32_t pasid, uint64_t iova,
					 enum uiommufd_atomic op, unsigned int size,
					 uint64_t operand, uint64_t compare, uint64_t *old)
{
	return dev->services->atomic(dev, pasid, iova, op, size, operand, compare, old);
}

static inline int uiommufd_device_translate(struct uiommufd_device *dev, uint32_t pasid,
					    uint64_t iova, unsigned int rights,
					    struct uiommufd_translation *translation)
{
	return dev->services->translate(dev, pasid, iova, rights, translation);
}

static inline int uiommufd_device_translated_read(struct uiommufd_device *dev,
						  const struct uiommufd_translation *translation,
						  uint64_t iova, void *buf, size_t len)
{
	return dev->services->translated_read(dev, translation, iova, buf, len);
}

static inline int uiommufd_device_translated_write(struct uiommufd_device *dev,
						   const struct uiommufd_translation *translation,
						   uint64_t iova, const void *buf, size_t len)
{
	return dev->services->translated_write(dev, translation, iova, buf, len);
}

/* ---- a model as a shared object ---- */

enum {
	UIOMMUFD_PLUGIN_VERSION = 1
};

/*
 * What a shared object with a model exports, so that `uiommufd run --device ./model.so` finds it.
 * The sizes say what it was compiled with: later versions of this header may append to these
 * structures, and a library that is older than the model refuses it.
 */
struct uiommufd_plugin {
	uint32_t version;	/* UIOMMUFD_PLUGIN_VERSION */
	uint32_t model_size;	/* bytes of struct uiommufd_model */
	uint32_t services_size; /* bytes of struct uiommufd_device_services */
	const struct uiommufd_model *model;
};

/* Its name in a program that has several models linked in (<uiommufd/devices.h>) is another. */
#ifndef UIOMMUFD_PLUGIN
#define UIOMMUFD_PLUGIN uiommufd_plugin
#endif

extern __attribute__((visibility("default"))) const struct uiommufd_plugin UIOMMUFD_PLUGIN;

/* In one source file of the shared object, with the model's name: UIOMMUFD_MODEL(null_model); */
#define UIOMMUFD_MODEL(name)                                            \
	const struct uiommufd_plugin UIOMMUFD_PLUGIN = {                \
		UIOMMUFD_PLUGIN_VERSION, sizeof(struct uiommufd_model), \
		sizeof(struct uiommufd_device_services), &(name)}

#ifdef __cplusplus
}
#endif
#endif
