//go:build !race

package daybook

// mostInHugePages bounds what heapInHugePages is asked for: it takes 10 ms a GiB.
const mostInHugePages = 1 << 30
