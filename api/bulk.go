package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

const (
	bulkSample = 10               // tasks that a dry run shows
	bulkWait   = 30               // seconds that a bulk is waited for by default
	bulkCount  = 30 * time.Second // how long counting may take
)

// bulkRequest is the body of POST /api/tasks/bulk.
type bulkRequest struct {
	projection.BulkStarted
	selection projection.Selection
	text      string // q of the filter
	filtered  bool   // there is a filter
	dry       bool
	expected  int64 // −1 = any
	reason    string
	runAt     bool // run_at was given
}

// bulk answers POST /api/tasks/bulk: it does one thing with all tasks that match a filter, or says what it would do.
func (a *API) bulk(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	b, bad := readBulk(text)
	if bad != nil {
		return invalids(bad)
	}
	if token := p.caller.token; b.Action == projection.BulkErase && !p.caller.admin() {
		return forbidden("The action erase needs the role admin, and the token " + token.Name + " has the role " + string(token.Role) +
			". Use a token that has it, or ask an admin for one.")
	}
	if err := p.caller.narrow(&b.selection.Types, &b.selection.Queues); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), bulkCount)
	defer cancel()
	if err := a.countBulk(ctx, b); err != nil {
		return err
	}
	if b.expected >= 0 && b.expected != b.Matched {
		return otherCount(b)
	}
	if b.dry {
		return a.sendPreview(ctx, p, b)
	}
	var started *projection.Bulk
	if b.Matched > 0 {
		if started, err = a.sched().StartBulk(r.Context(), p.caller.actor(), scheduler.BulkOrder{BulkStarted: b.BulkStarted, Filter: b.selection.Encode(), ByID: b.selection.IDs != nil, Reason: b.reason}); err != nil {
			return err
		}
	}
	return a.sendStarted(p, r, started)
}

func otherCount(b *bulkRequest) *problem {
	return &problem{Status: http.StatusConflict, Kind: kindOtherCount, Matched: &b.Matched,
		Detail: "The filter matches " + itoa(b.Matched) + " tasks now, and expected_count is " + itoa(b.expected) +
			". Nothing was changed. Send the request with dry_run to see what it would do, then with the count that it says."}
}

// readBulk reads the body.
func readBulk(text []byte) (*bulkRequest, []task.FieldError) {
	b := &bulkRequest{expected: -1}
	var bad []task.FieldError
	object{"", &bad}.each(text, func(o object, key string, value []byte) bool {
		if jsontext.IsNull(value) && key != "action" && key != "filter" {
			return slices.Contains([]string{"dry_run", "expected_count", "reason", "priority", "run_at"}, key)
		}
		switch key {
		case "action":
			b.Action = projection.BulkAction(o.text(value, 1, 20))
			if !slices.Contains(bulkActions, b.Action) && b.Action != "" {
				o.wrong("must be " + bulkActionNames)
			}
		case "filter":
			b.filtered = true
			b.readFilter(o, value)
		case "dry_run":
			b.dry = o.yes(value)
		case "expected_count":
			b.expected = int64(o.integer(value, 0, 1<<40))
		case "reason":
			b.reason = o.plainText(value, 0, maxReason)
		case "priority":
			n := o.integer(value, -task.MaxPriority, task.MaxPriority)
			b.Priority = &n
		case "run_at":
			b.RunAt, b.runAt = o.moment(value), true
		default:
			return false
		}
		return true
	})
	if bad == nil {
		bad = b.check()
	}
	return b, bad
}

var bulkActions = []projection.BulkAction{projection.BulkCancel, projection.BulkRetry, projection.BulkReprioritise, projection.BulkRunNow, projection.BulkMove, projection.BulkErase}

const bulkActionNames = "cancel, retry, reprioritise, run_now, move or erase"

// check lists what is missing and what does not go together.
func (b *bulkRequest) check() (bad []task.FieldError) {
	wrong := func(pointer, detail string) { bad = append(bad, task.FieldError{Pointer: pointer, Detail: detail}) }
	if b.Action == "" {
		wrong("/action", "must be given: "+bulkActionNames)
	}
	if !b.filtered {
		wrong("/filter", "must be given: an object with the filters of GET /api/tasks/, such as {\"status\":\"FAILED\"}; {} means all tasks")
	}
	switch reprioritise := b.Action == projection.BulkReprioritise; {
	case reprioritise && b.Priority == nil:
		wrong("/priority", "must be given with the action reprioritise")
	case !reprioritise && b.Priority != nil:
		wrong("/priority", "goes only with the action reprioritise")
	}
	switch move := b.Action == projection.BulkMove; {
	case move && !b.runAt:
		wrong("/run_at", "must be given with the action move; run_now needs none")
	case !move && b.runAt:
		wrong("/run_at", "goes only with the action move")
	}
	if b.Action == projection.BulkErase && b.reason == "" && !b.dry {
		wrong("/reason", "must be given with the action erase: why the tasks are erased. It stays in the log; do not put into it what is to be erased")
	}
	return bad
}

// countBulk finds out how many tasks match, and how many of them the action is not for. Tasks that are submitted later do not match.
func (a *API) countBulk(ctx context.Context, b *bulkRequest) error {
	now := task.MicrosOf(time.Now())
	b.From.Seq = a.Views.Seq() + 1
	if err := a.resolveText(ctx, b); err != nil {
		return err
	}
	if b.selection.Text != "" {
		done, err := a.searchTurn(ctx)
		if err != nil {
			return err
		}
		defer done()
	}
	for _, part := range bulkParts(b.Action) {
		narrowed, some := b.selection.Narrow(part.statuses)
		if !some {
			continue
		}
		n, err := a.Views.CountSelected(ctx, &narrowed, now, a.Log)
		if err != nil {
			return err
		}
		b.Matched += n
		if n > 0 && part.skip != "" {
			b.Skipped = projection.AddSkipped(b.Skipped, map[string]int64{part.skip: n})
		}
	}
	return nil
}

// bulkPart is the tasks of some statuses; skip is why the action is not for them.
type bulkPart struct {
	statuses []task.Status
	skip     string
}

func bulkParts(action projection.BulkAction) []bulkPart {
	statuses, others := scheduler.BulkFor(action)
	list := []bulkPart{{statuses, ""}}
	for why, statuses := range others {
		list = append(list, bulkPart{statuses, why})
	}
	return list
}

// resolveText decides what q is, as the list does: the beginning of an id if there is such a task, else a text.
func (a *API) resolveText(ctx context.Context, b *bulkRequest) error {
	if prefix, ok := idPrefix(b.text); ok {
		byID := b.selection.Query
		byID.IDPrefix, byID.Limit, byID.BySubmission = prefix, 1, true
		page, err := a.Views.List(ctx, byID)
		if err != nil {
			return err
		}
		if page.Total > 0 {
			b.selection.IDPrefix = prefix
			return nil
		}
	}
	b.selection.Text = b.text
	return nil
}

// sendPreview answers a dry run.
func (a *API) sendPreview(ctx context.Context, p *reply, b *bulkRequest) error {
	statuses, _ := scheduler.BulkFor(b.Action)
	var sample []task.Task
	if narrowed, some := b.selection.Narrow(statuses); some {
		var err error
		if sample, _, err = a.Views.Selected(ctx, &narrowed, 0, bulkSample, task.MicrosOf(time.Now()), a.Log); err != nil {
			return err
		}
	}
	p.shows(b.From.Seq - 1)
	would := b.Matched
	for _, n := range b.Skipped {
		would -= n
	}
	found, err := a.previewBulk(ctx, p, b)
	if err != nil {
		return err
	}
	for why, n := range found.Skipped {
		b.Skipped, would = projection.AddSkipped(b.Skipped, map[string]int64{why: n}), would-n
	}
	buffer := borrow()
	defer giveBack(buffer)
	w := (*jsontext.Writer)(buffer)
	w.Object()
	w.Key("id").Null()
	w.Key("dry_run").Bool(true)
	w.Key("matched").Int(b.Matched)
	w.Key("would_change").Int(would)
	w.Key("would_change_relation").String(map[bool]string{true: "eq", false: "lte"}[found.Whole])
	w.Key("changed").Int(0)
	writeSkipped(w.Key("skipped"), b.Skipped)
	w.Key("sample").Array()
	for one, err := range a.rows(ctx, sample, summary) {
		if err != nil {
			return err
		}
		w.Item()
		*w = appendRow(*w, one, summary)
	}
	w.EndArray()
	w.Key("bulk").Null()
	w.EndObject()
	return p.send(typeJSON, *w)
}

// previewBulk finds out which of the tasks that the action is for would be skipped all the same.
func (a *API) previewBulk(ctx context.Context, p *reply, b *bulkRequest) (scheduler.BulkPreview, error) {
	if b.selection.Text != "" {
		done, err := a.searchTurn(ctx)
		if err != nil {
			return scheduler.BulkPreview{}, err
		}
		defer done()
	}
	return a.sched().PreviewBulk(ctx, p.caller.actor(), &b.BulkStarted, &b.selection)
}

// sendStarted answers with a bulk that was started, when it has ended or the wait is over; nil = it had nothing to do.
func (a *API) sendStarted(p *reply, r *http.Request, b *projection.Bulk) error {
	var none projection.Bulk
	status := http.StatusOK
	if b != nil {
		wait := bulkWait
		if r.Header["Prefer"] != nil {
			wait = preferredWait(r)
		}
		if b = a.awaitBulk(p, r, b, wait); b.Running() {
			status = http.StatusAccepted
			p.Header()["Location"] = []string{p.reference("/api/bulks/" + b.ID)}
		}
		none = *b
	}
	var w jsontext.Writer
	w.Object()
	w.Key("id").OptionalString(none.ID)
	w.Key("dry_run").Bool(false)
	w.Key("matched").Int(none.Matched)
	w.Key("would_change").Null()
	w.Key("would_change_relation").Null()
	w.Key("changed").Int(none.Changed)
	writeSkipped(w.Key("skipped"), none.Skipped)
	w.Key("sample").Array()
	w.EndArray()
	if w.Key("bulk"); b == nil {
		w.Null()
	} else if err := a.writeBulk(r.Context(), &w, b); err != nil {
		return err
	}
	w.EndObject()
	if status == http.StatusOK {
		return p.send(typeJSON, w)
	}
	return p.sendAs(status, typeJSON, w)
}

// writeSkipped writes counts by reason, in order of the reasons.
func writeSkipped(w *jsontext.Writer, skipped map[string]int64) {
	var reasons []string
	for why := range skipped {
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	w.Object()
	for _, why := range reasons {
		w.Key(why).Int(skipped[why])
	}
	w.EndObject()
}
