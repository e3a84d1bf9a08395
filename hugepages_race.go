//go:build race

package daybook

// mostInHugePages is less where the race detector keeps memory of its own for all of it,
// which takes 3 s and half a GiB for a GiB.
const mostInHugePages = 64 << 20
