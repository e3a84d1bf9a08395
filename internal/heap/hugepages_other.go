//go:build !linux

package heap

// useHugePages does nothing where the system decides by itself.
func useHugePages(int) {}
