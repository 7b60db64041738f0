// SPDX-License-Identifier: MIT

// What edu-copy does, in Go without cgo: no C library, system calls of its own, and threads that the
// runtime starts and preempts by signals. Registers by pwrite and by a mapping, DMA, interrupts.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	page      = 4096
	iova      = 0x100000
	eduMemory = 0x40000
	routines  = 100
	rounds    = 20
	readWrite = syscall.PROT_READ | syscall.PROT_WRITE

	cmdAlloc, cmdMap, cmdUnmap          = 0x3b81, 0x3b85, 0x3b86
	cmdBind, cmdAttach, cmdRegion, cmdIrq = 0x3b76, 0x3b77, 0x3b6c, 0x3b6e
)

type allocation struct{ size, flags, id uint32 }
type binding struct {
	argsz, flags uint32
	iommufd      int32
	devid        uint32
}
type attachment struct{ argsz, flags, pt uint32 }
type region struct {
	argsz, flags, index, capability uint32
	size, offset                    uint64
}
type mapping struct {
	size, flags, ioas, reserved uint32
	va, length, iova            uint64
}
type unmapping struct {
	size, ioas   uint32
	iova, length uint64
}
type irqSet struct {
	argsz, flags, index, start, count uint32
	fd                                int32
}

type rig struct {
	device            *os.File
	iommu, dev, event int
	ioas              uint32
	registers         int64
}

func check(err error, what string) {
	if err != nil && err != syscall.Errno(0) {
		fmt.Printf("%s: %v\n", what, err)
		os.Exit(1)
	}
}

func ioctl(fd int, command uintptr, argument unsafe.Pointer, what string) {
	_, _, err := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), command, uintptr(argument))
	check(err, what)
}

func open(path string) *os.File {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	check(err, path)
	return file
}

func setUp() *rig {
	r := &rig{device: open("/dev/vfio/devices/vfio0")}
	r.iommu, r.dev = int(open("/dev/iommu").Fd()), int(r.device.Fd())
	ioctl(r.dev, cmdBind, unsafe.Pointer(&binding{16, 0, int32(r.iommu), 0}), "bind")
	alloc := allocation{size: 12}
	ioctl(r.iommu, cmdAlloc, unsafe.Pointer(&alloc), "IOAS")
	r.ioas = alloc.id
	ioctl(r.dev, cmdAttach, unsafe.Pointer(&attachment{12, 0, r.ioas}), "attach")
	info := region{argsz: 32, index: 7}
	ioctl(r.dev, cmdRegion, unsafe.Pointer(&info), "config space")
	_, err := r.device.WriteAt([]byte{6, 0}, int64(info.offset)+4)
	check(err, "command register")
	info.index = 0
	ioctl(r.dev, cmdRegion, unsafe.Pointer(&info), "BAR")
	r.registers = int64(info.offset)
	event, _, err := syscall.Syscall(syscall.SYS_EVENTFD2, 0, 0, 0)
	check(err, "eventfd")
	r.event = int(event)
	ioctl(r.dev, cmdIrq, unsafe.Pointer(&irqSet{24, 4 | 32, 1, 0, 1, int32(event)}), "interrupt")
	return r
}

func (r *rig) memoryMap(memory []byte, at uint64) {
	va := uint64(uintptr(unsafe.Pointer(&memory[0])))
	ioctl(r.iommu, cmdMap, unsafe.Pointer(&mapping{40, 7, r.ioas, 0, va, uint64(len(memory)), at}), "map")
}

// transfer has the device copy, and waits for its interrupt.
func (r *rig) transfer(set func(offset int64, value uint64), from, to, length, command uint64) {
	set(0x80, from)
	set(0x88, to)
	set(0x90, length)
	set(0x98, command|4)
	var count [8]byte
	_, err := syscall.Read(r.event, count[:])
	check(err, "interrupt")
	set(0x64, 0x100)
}

func (r *rig) byWrite(offset int64, value uint64) {
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], value)
	_, err := r.device.WriteAt(bytes[:], r.registers+offset)
	check(err, "register")
}

func copyThrough(r *rig, set func(offset int64, value uint64), text string) {
	memory, err := syscall.Mmap(-1, 0, 2*page, readWrite, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	check(err, "mmap")
	copy(memory, text)
	r.memoryMap(memory, iova)
	r.transfer(set, iova, eduMemory, 64, 1)
	r.transfer(set, eduMemory, iova+page, 64, 3)
	if got := string(memory[page : page+len(text)]); got != text {
		fmt.Printf("%q instead of %q\n", got, text)
		os.Exit(1)
	}
	ioctl(r.iommu, cmdUnmap, unsafe.Pointer(&unmapping{24, r.ioas, iova, 2 * page}), "unmap")
	check(syscall.Munmap(memory), "munmap")
}

func mapFromRoutines(r *rig) {
	var all sync.WaitGroup
	for i := 0; i < routines; i++ {
		all.Add(1)
		go func(at uint64) {
			defer all.Done()
			memory, err := syscall.Mmap(-1, 0, page, readWrite, syscall.MAP_PRIVATE|syscall.MAP_ANON)
			check(err, "mmap")
			for k := 0; k < rounds; k++ {
				r.memoryMap(memory, at)
				ioctl(r.iommu, cmdUnmap, unsafe.Pointer(&unmapping{24, r.ioas, at, page}), "unmap")
				runtime.Gosched()
			}
		}(uint64(0x200000 + i*page))
	}
	all.Wait()
}

func main() {
	vendor, err := os.ReadFile("/sys/bus/pci/devices/0000:c1:00.0/vendor")
	check(err, "vendor")
	if string(vendor) != "0x1234\n" {
		fmt.Println("vendor:", string(vendor))
		os.Exit(1)
	}
	r := setUp()
	copyThrough(r, r.byWrite, "registers by pwrite")
	bar, err := syscall.Mmap(r.dev, r.registers, page, readWrite, syscall.MAP_SHARED)
	check(err, "mmap of the BAR")
	copyThrough(r, func(offset int64, value uint64) {
		atomic.StoreUint64((*uint64)(unsafe.Pointer(&bar[offset])), value)
	}, "registers by a mapping")
	mapFromRoutines(r)
	fmt.Println("copied")
}
