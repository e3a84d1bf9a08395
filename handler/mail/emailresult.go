package mail

import (
	"fmt"

	"daybook/handler"
)

type emailResult struct {
	TotalEmails  int                    `json:"total_emails"`
	SentEmails   int                    `json:"sent_emails"`
	FailedEmails int                    `json:"failed_emails"`
	Recipients   []emailRecipientResult `json:"recipients"`
}

type emailRecipientResult struct {
	Email     string  `json:"email"`
	Status    string  `json:"status"` // "sent" or "failed"
	Timestamp string  `json:"timestamp"`
	Attempt   int     `json:"attempt"`
	Answer    *string `json:"answer"`
	Error     *string `json:"error"`
}

// Outcome says how many were sent, and how many could not be.
func (r emailResult) Outcome() (string, bool) {
	return handler.Outcome(handler.Number(int64(r.SentEmails))+" sent", int64(r.FailedEmails), "failed")
}

// result is what became of all messages. It is an error if some were put off and another attempt
// follows, or if none was sent.
func (m *messages) result() (any, error) {
	r := emailResult{TotalEmails: len(m.outcomes), Recipients: make([]emailRecipientResult, 0, len(m.outcomes))}
	putOff, first := 0, ""
	for i, o := range m.outcomes {
		one := emailRecipientResult{Email: m.recipients[i].Email, Status: "sent", Timestamp: o.At, Attempt: o.Attempt}
		if o.Error == "" {
			r.SentEmails++
			one.Answer = &o.Answer
		} else {
			r.FailedEmails++
			one.Status, one.Error = "failed", &o.Error
			if first == "" || o.putOff && putOff == 0 {
				first = one.Email + ": " + o.Error
			}
		}
		if o.putOff {
			putOff++
		}
		r.Recipients = append(r.Recipients, one)
	}
	switch {
	case putOff > 0 && (!m.call.LastAttempt || r.SentEmails == 0):
		return nil, fmt.Errorf("%d of %d messages were put off by the mail server; %s", putOff, len(m.outcomes), first)
	case r.SentEmails == 0:
		return nil, handler.Permanent(fmt.Errorf("no message was sent; %s", first))
	}
	return r, nil
}
