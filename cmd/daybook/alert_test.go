package main

import "testing"

func TestThresholdsHaveNoExponent(t *testing.T) {
	for n, want := range map[float64]string{1e6: "1000000", 0.1: "0.1", 1.0 / 3: "0.333333", 0: "0", 123456789: "123457000", 1e-7: "0.0000001"} {
		if got := rounded(n); got != want {
			t.Errorf("%g: %s; want %s", n, got, want)
		}
	}
}
