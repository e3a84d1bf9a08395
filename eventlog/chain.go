package eventlog

// FirstHash is the hash before the first event: SHA-256("daybook log 1" ‖ logID).
func FirstHash(logID string) Hash { panic("todo") }

// Chain is the hash of e after prev: SHA-256 over prev, seq, at, stream, version, type,
// v, actor, data and payload hash, each length-prefixed.
func Chain(prev Hash, e *Event) Hash { panic("todo") }

// PayloadHash is SHA-256(salt ‖ body).
func PayloadHash(salt, body []byte) Hash { panic("todo") }
