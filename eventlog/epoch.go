package eventlog

import "crypto/sha256"

// EpochSize is the length of an epoch as text.
const EpochSize = 6

// epochDigits are those of Crockford's base 32.
const epochDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// FirstEpoch is the epoch of a log that never lost an acknowledged event. It follows from the
// identity of the log: EpochOf the first bytes of SHA-256("daybook epoch 1" ‖ logID).
func FirstEpoch(logID string) string {
	sum := sha256.Sum256(append([]byte("daybook epoch 1"), logID...))
	return EpochOf([EpochSize]byte(sum[:EpochSize]))
}

// EpochOf is the epoch that these bytes make: the last five bits of each are a digit.
func EpochOf(random [EpochSize]byte) string {
	for i, b := range random {
		random[i] = epochDigits[b%32]
	}
	return string(random[:])
}

// IsEpoch reports whether text has the form of an epoch.
func IsEpoch(text string) bool {
	if len(text) != EpochSize {
		return false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') || c == 'I' || c == 'L' || c == 'O' || c == 'U' {
			return false
		}
	}
	return true
}
