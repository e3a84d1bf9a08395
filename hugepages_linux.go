package daybook

import (
	"runtime"
	"runtime/debug"
	"syscall"
)

// heapInHugePages lets the kernel back the first so many bytes of the heap with huge pages
// (2 MiB on most machines), if it has any: memory is then taken in one fault where it took
// 512. The heap has to be small still. It takes no memory by itself: a room of that size is
// made, the kernel is told of its addresses, and it is given back untouched. The kernel
// remembers what it was told of addresses, and the heap grows from the lowest.
func heapInHugePages(size int) {
	if size < leastInHugePages || !mayMap(size) {
		return
	}
	room := make([]byte, size)
	_ = syscall.Madvise(room, syscall.MADV_HUGEPAGE) // a kernel without huge pages refuses: as before, then
	runtime.KeepAlive(room)
	debug.FreeOSMemory() // the runtime would count it as used until it is given back
}

// leastInHugePages is the smallest heap for which huge pages are worth it.
const leastInHugePages = 32 << 20

// mayMap tells whether the system gives so many bytes: where it promises no more memory than
// there is, to ask the heap for too many would end the process.
func mayMap(size int) bool {
	probe, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	return err == nil && syscall.Munmap(probe) == nil
}
