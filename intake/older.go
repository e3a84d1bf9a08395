package intake

import (
	"crypto/sha256"
	"encoding/json"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// What earlier versions wrote as the hash of a request: over HTTP that of the body as it was
// spelled, with its keys in order; then that of the body in the form of RFC 8785; both before
// defaults. They are accepted for keys that the log has, so that a request that is repeated
// after an update of the server is still the same request. No new request gets such a hash.

// olderOfBody are the hashes of a submit over HTTP.
func olderOfBody(body []byte) [][32]byte {
	body = withoutKey(body)
	return [][32]byte{
		sha256.Sum256(jsontext.AppendRFC8785(nil, body)),
		sha256.Sum256(jsontext.AppendSorted(nil, body)),
	}
}

// withoutKey is a submit without its idempotency key.
func withoutKey(body []byte) []byte {
	var out jsontext.Writer
	out.Object()
	for key, value := range jsontext.Members(body) {
		if string(key) != "idempotency_key" {
			out.StringKey(string(key)).Raw(value)
		}
	}
	out.EndObject()
	return out
}

// olderOfBatch is the hash of a batch under one key.
func olderOfBatch(bodies [][]byte) [][32]byte {
	hashes := make([][32]byte, len(bodies))
	for i, body := range bodies {
		hashes[i] = olderOfBody(body)[0]
	}
	return [][32]byte{hashOfBatch(hashes)}
}

// olderOfRetry is the hash of a retry with other parameters.
func olderOfRetry(id ulid.ULID, parameters []byte) [][32]byte {
	hash := sha256.Sum256(jsontext.AppendRFC8785(nil, parameters))
	return [][32]byte{sha256.Sum256(append(append([]byte("retry\n"), id[:]...), hash[:]...))}
}

// olderOfProgram are the hashes of a submit of a program: none at all at first, then that of its
// Go fields. parameters are canonical, s is as the program made it.
func olderOfProgram(s *task.Submit, parameters []byte) [][32]byte {
	if s.Subject != "" {
		return nil // earlier versions had none
	}
	text, err := json.Marshal(struct {
		Type        string          `json:"task_type"`
		Parameters  json.RawMessage `json:"parameters"`
		Queue       string
		Priority    int
		MaxAttempts int
		Backoff     *task.Backoff
		Timeout     task.Micros
		Tags        []string
		Unique      *task.UniqueSubmit
		RetryOf     ulid.ULID
	}{s.Type, parameters, s.Queue, s.Priority, s.MaxAttempts, s.Backoff, s.Timeout, s.Tags, s.Unique, s.RetryOf})
	if err != nil {
		return [][32]byte{{}}
	}
	return [][32]byte{{}, sha256.Sum256(jsontext.AppendRFC8785(nil, text))}
}
