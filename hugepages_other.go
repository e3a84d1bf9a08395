//go:build !linux

package daybook

// heapInHugePages does nothing where the system decides by itself.
func heapInHugePages(int) {}
