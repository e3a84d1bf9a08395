package servers

import (
	"os"
	"testing"
)

func TestTheMemoryOfAProcessIsItsProportionalSet(t *testing.T) {
	got, err := pss("55d0 ---p 00000000 00:00 0 [rollup]\nRss:   9000 kB\nPss:    4321 kB\nPss_Anon: 1 kB\n")
	if err != nil || got != 4321 {
		t.Errorf("%v, %v; want 4321", got, err)
	}
	if _, err := pss("Rss: 1 kB\n"); err == nil {
		t.Error("no error without the line")
	}
}

func TestThisProcessHasMemory(t *testing.T) {
	one, err := Memory([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	if one < 1 || one > 10_000 {
		t.Errorf("%v MB", one)
	}
}
