package viewfile

// hashKey is the 64-bit FNV-1a hash of an idempotency key, mixed once more so that keys
// that differ at the end alone lie apart. It is never 0.
func hashKey(key string) int64 {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h ^= h >> 32
	h *= 0x9E3779B97F4A7C15
	return int64(h^h>>29) | 1
}
