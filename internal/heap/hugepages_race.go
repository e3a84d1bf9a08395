//go:build race

package heap

// mostHugePages is smaller with the race detector, whose shadow memory for one GiB takes
// 3 s and 512 MiB.
const mostHugePages = 64 << 20
