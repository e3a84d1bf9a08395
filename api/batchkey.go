package api

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"

	"daybook/task"
)

// One Idempotency-Key for a whole batch: its tasks have keys that follow from it, and all
// of them the hash of the whole request. So the batch is found again in the log, task by
// task, after a restart too, and another batch under the same key, a shorter one or one of
// a single task, is not the same request.

// keyBatch gives the submits their keys and the hash of all.
func keyBatch(key string, parts [][]byte, submits []task.Submit) error {
	all := sha256.New()
	all.Write([]byte("batch\n"))
	for i, part := range parts {
		if submits[i].IdempotencyKey != "" {
			return invalid("/"+itoa(int64(i))+"/idempotency_key",
				"must not be given together with the header Idempotency-Key, which is for the whole batch; send one of them")
		}
		one := RequestHash(part)
		all.Write(one[:])
	}
	hash := [32]byte(all.Sum(nil))
	for i := range submits {
		submits[i].IdempotencyKey, submits[i].RequestHash = keyInBatch(key, i), hash
	}
	return nil
}

// keyInBatch is the key of task i of a batch: the batch's own for the first, so that no
// other request may use it, and KEY#i~HASH for the others. The hash keeps a key that a
// client made up in that form, such as order#1, from meeting it by accident.
func keyInBatch(key string, i int) string {
	if i == 0 {
		return key
	}
	index := "#" + itoa(int64(i)) + "~"
	sum := sha256.Sum256([]byte(key + index))
	end := index + hex.EncodeToString(sum[:6])
	cut := min(len(key), task.MaxKeyLength-len(end))
	for cut < len(key) && !utf8.RuneStart(key[cut]) {
		cut--
	}
	return key[:cut] + end
}
