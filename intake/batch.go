package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"daybook/task"
)

// mostErrors is how many errors of a batch are looked for.
const mostErrors = 100

// ReadBatch reads the submits of a batch as Read does. key is that of the whole batch, "" =
// none. It returns what is wrong, with pointers from the batch.
//
// One key for a whole batch: its tasks have keys that follow from it, and all of them the hash
// of the whole request. So the batch is found again in the log, task by task, after a restart
// too, and another batch under the same key, a shorter one or one of a single task, is not the
// same request.
func (in *Intake) ReadBatch(bodies [][]byte, key string, now task.Micros) ([]task.Submit, []task.FieldError) {
	submits := make([]task.Submit, len(bodies))
	var hashes [][32]byte
	var bad []task.FieldError
	for i, body := range bodies {
		r := request{in: in, into: &submits[i], now: now}
		r.read(body, "")
		if key != "" {
			if submits[i].IdempotencyKey != "" {
				r.wrong("/idempotency_key",
					"must not be given together with the header Idempotency-Key, which is for the whole batch; send one of them")
			}
			submits[i].IdempotencyKey = keyInBatch(key, i)
		}
		for _, f := range r.bad {
			bad = append(bad, task.FieldError{Pointer: "/" + strconv.Itoa(i) + f.Pointer, Detail: f.Detail, Err: f.Err})
		}
		switch {
		case len(bad) >= mostErrors:
			return nil, bad
		case bad != nil:
		case key != "":
			hashes = append(hashes, r.hash())
		case submits[i].IdempotencyKey != "":
			submits[i].RequestHash, submits[i].OlderHashes = r.hash(), olderOfBody(body)
		}
		r.fill()
	}
	if bad != nil {
		return nil, bad
	}
	if key != "" {
		hash, older := hashOfBatch(hashes), olderOfBatch(bodies)
		for i := range submits {
			submits[i].RequestHash, submits[i].OlderHashes = hash, older
		}
	}
	return submits, nil
}

// hashOfBatch is the hash of a batch whose requests have these.
func hashOfBatch(hashes [][32]byte) [32]byte {
	all := sha256.New()
	all.Write([]byte("batch\n"))
	for i := range hashes {
		all.Write(hashes[i][:])
	}
	return [32]byte(all.Sum(nil))
}

// keyInBatch is the key of task i of a batch: that of the batch for the first, so that no
// other request can use it, and KEY#i~HASH for the others. The hash keeps a key that a
// client made up in that form, such as order#1, from meeting it by accident.
func keyInBatch(key string, i int) string {
	if i == 0 {
		return key
	}
	index := "#" + strconv.Itoa(i) + "~"
	sum := sha256.Sum256([]byte(key + index))
	end := index + hex.EncodeToString(sum[:6])
	cut := min(len(key), task.MaxKeyLength-len(end))
	for cut < len(key) && !utf8.RuneStart(key[cut]) {
		cut--
	}
	return key[:cut] + end
}
