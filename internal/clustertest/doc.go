// Package clustertest tests a cluster of real processes under faults. The nodes run on loopback, and what they tell each
// other passes proxies of the test, which cut, hold and delay it by direction. Nodes are killed, stopped for a while, restarted, cut off, and
// lose the room on their disks, while clients write. What the clients saw is compared with the log in the end, by code that shares
// nothing with the program: HTTP, JSON and the rules of docs/events.md.
//
// The quick tier runs with all tests. `make cluster-chaos` runs the long one.
package clustertest
