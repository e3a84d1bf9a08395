//go:build !race

package heap

// mostHugePages is the maximum size for useHugePages, in bytes. One GiB takes 10 ms.
const mostHugePages = 1 << 30
