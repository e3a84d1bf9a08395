package heap

import (
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"unsafe"
)

// useHugePages asks the kernel to back the first size bytes of the heap with huge pages
// (2 MiB on most machines): one page fault then takes the place of 512. The heap must be
// small when it is called.
//
// It allocates that much at once, gives the addresses to madvise, and frees them
// untouched. The advice stays with the addresses, and the heap grows from the lowest.
func useHugePages(size int) {
	if size < leastHugePages || !mayMap(size) {
		return
	}
	// Not by make: where a part of the room was in use before, which depends on when the first
	// garbage collection ran, make clears all of it, and all of it becomes resident.
	var b strings.Builder
	b.Grow(size)
	b.WriteByte(0) // an empty string need not have an address
	room := unsafe.Slice(unsafe.StringData(b.String()), size)
	_ = syscall.Madvise(room, syscall.MADV_HUGEPAGE) // a kernel without huge pages refuses: nothing changes
	runtime.KeepAlive(&b)
	debug.FreeOSMemory() // or the runtime counts it as used
}

// leastHugePages is the smallest heap for which huge pages are worth it.
const leastHugePages = 32 << 20

// mayMap reports whether the system would map size bytes. Where memory is not overcommitted,
// allocating more than that would end the process.
func mayMap(size int) bool {
	probe, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	return err == nil && syscall.Munmap(probe) == nil
}
