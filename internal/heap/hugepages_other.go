//go:build !linux

package heap

// useHugePages does nothing where the system decides.
func useHugePages(int) {}
