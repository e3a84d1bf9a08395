package jsontext

import "testing"

func TestBidirectionalControlsAreFoundAndRemoved(t *testing.T) {
	for _, c := range []rune{0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069} {
		if text := "pay" + string(c) + "fdp.exe"; !HasBidi(text) || WithoutBidi(text) != "payfdp.exe" {
			t.Errorf("%U stays", c)
		}
	}
	for _, text := range []string{"", "plain", "שלום", "مرحبا", "👩‍👩‍👧", "a\u2028b", "\xff\x80"} {
		if HasBidi(text) || WithoutBidi(text) != text {
			t.Errorf("%q is changed", text)
		}
	}
}
