package eventlog

import "testing"

// The first epoch of a log is in the ids that clients hold: this test is never edited.
func TestTheFirstEpochIsWhatItWas(t *testing.T) {
	if got := FirstEpoch("01JDZX6T000000000000000000"); got != "7ZCM4H" {
		t.Errorf("epoch %s", got)
	}
}

func TestAnEpochIsSixDigitsOfCrockfordsBase32(t *testing.T) {
	for first := range 256 {
		if e := EpochOf([EpochSize]byte{byte(first), 1, 2, 3, 4, byte(255 - first)}); !IsEpoch(e) || e[1:5] != "1234" {
			t.Errorf("%d makes %q", first, e)
		}
	}
	for _, bad := range []string{"", "3FZK2", "3FZK2Q0", "3fzk2q", "3FZKIQ", "3FZKLQ", "3FZKOQ", "3FZKUQ", "3FZK @", "3FZKé"} {
		if IsEpoch(bad) {
			t.Errorf("%q is taken for an epoch", bad)
		}
	}
}
