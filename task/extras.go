package task

// Extras are what few submits ask for. They never change.
type Extras struct {
	Tags           []string
	IdempotencyKey string    // "" = none
	RequestHash    *[32]byte // SHA-256 of the request with the idempotency key; nil = none
	Backoff        *Backoff  // how long it waits after a failure; nil = DefaultBackoff
}

// extrasOf is what a task.submitted says of them.
func extrasOf(d *Data) Extras {
	x := Extras{Tags: d.Tags, IdempotencyKey: d.IdempotencyKey}
	if d.RequestHash != ([32]byte{}) {
		hash := d.RequestHash
		x.RequestHash = &hash
	}
	if d.Backoff != DefaultBackoff {
		backoff := d.Backoff
		x.Backoff = &backoff
	}
	return x
}

// SetExtras gives the task its extras.
func (t *Task) SetExtras(x Extras) {
	if t.Extras = nil; len(x.Tags) > 0 || x.IdempotencyKey != "" || x.RequestHash != nil || x.Backoff != nil {
		t.Extras = &x
	}
}

func (t *Task) extras() Extras {
	if t.Extras == nil {
		return Extras{}
	}
	return *t.Extras
}

// Tags are those that the task was submitted with. They are not to be changed.
func (t *Task) Tags() []string { return t.extras().Tags }

// IdempotencyKey is the one that the task was submitted with; "" = none.
func (t *Task) IdempotencyKey() string { return t.extras().IdempotencyKey }

// RequestHash is the SHA-256 of the request with the idempotency key; zero = none.
func (t *Task) RequestHash() [32]byte {
	if hash := t.extras().RequestHash; hash != nil {
		return *hash
	}
	return [32]byte{}
}

// Backoff is how long the task waits after a failed attempt.
func (t *Task) Backoff() Backoff {
	if backoff := t.extras().Backoff; backoff != nil {
		return *backoff
	}
	return DefaultBackoff
}
