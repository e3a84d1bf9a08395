package daybook

import "daybook/internal/heap"

// TuneMemory sets the memory of this process as `daybook serve` does. A program that does
// little else than run a Daybook calls it first in main.
//
// It sets a soft memory limit of three quarters of what the control group or the machine
// allows, unless GOMEMLIMIT or the program has set one. It lets a small heap grow by 64 MiB
// between two garbage collections, unless GOGC or the program has set how much, and on Linux lets the kernel back
// the first GiB of the heap, or a quarter of the limit if that is less, with huge pages.
func TuneMemory() { heap.Tune() }
