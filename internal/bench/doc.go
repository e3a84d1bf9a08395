// Package bench has the benchmarks of Daybook as a whole: its parts in this process, and the
// binary over HTTP. Run them with make bench; it contains nothing but tests.
package bench
