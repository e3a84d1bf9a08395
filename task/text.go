package task

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"daybook/internal/jsontext"
)

// textPayload is {"key":"text"}, or nil for an empty text. Text is made valid UTF-8
// and cut to 16 KiB.
func textPayload(key, text string) []byte {
	if text == "" {
		return nil
	}
	text = CutText(text, maxErrorTextBytes)
	quoted, _ := json.Marshal(text) // a string always marshals
	payload := make([]byte, 0, len(key)+len(quoted)+5)
	payload = append(payload, `{"`...)
	payload = append(payload, key...)
	payload = append(payload, `":`...)
	payload = append(payload, quoted...)
	return append(payload, '}')
}

// withSaved adds the value saved to the payload of a task.progressed.
func withSaved(payload, value []byte) []byte {
	if payload == nil {
		payload = []byte("{")
	} else {
		payload[len(payload)-1] = ','
	}
	payload = append(append(payload, `"saved":`...), value...)
	return append(payload, '}')
}

// CutText makes text valid UTF-8 without bidirectional controls, and cuts it to most bytes.
func CutText(text string, most int) string {
	if len(text) > 4*most { // what is cut off anyway need not be looked at
		text = text[:4*most]
	}
	text = jsontext.WithoutBidi(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// cut makes text valid UTF-8 without bidirectional controls, and cuts it to at most that many bytes.
func cut(text string, most int) string {
	text = jsontext.WithoutBidi(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}
