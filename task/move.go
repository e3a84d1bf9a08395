package task

// What changes the place of a task in the line: its due time and its priority.

func (d *decision) snooze(c Snooze) error {
	if d.task.Status != Pending {
		return d.refuse(ErrNotPending, "only a pending task can be snoozed")
	}
	if err := d.refuseEnding(); err != nil {
		return err
	}
	if d.task.Waits() != nil {
		return d.suspended()
	}
	if c.Until <= 0 || c.Until > maxMoment {
		return &Refusal{Kind: ErrInvalid, Fields: []FieldError{{Pointer: "/until", Detail: "must be between 1970 and 9999"}}}
	}
	d.add(EventSnoozed, Data{RunAt: c.Until, Clock: d.clock()}, nil)
	return nil
}

func (d *decision) reprioritise(c Reprioritise) error {
	t := d.task
	switch {
	case c.Priority < -MaxPriority || c.Priority > MaxPriority:
		return &Refusal{Kind: ErrInvalid, Fields: []FieldError{{Pointer: "/priority", Detail: "must be between -100 and 100"}}}
	case t.Status.Ended():
		return d.refuse(ErrEnded, "its priority matters no more")
	case c.Priority != t.Priority:
		d.add(EventReprioritised, Data{Priority: c.Priority}, nil)
	}
	return nil
}

func (d *decision) move(c Move) error {
	t := d.task
	if t.Status != Pending {
		return d.refuse(ErrNotPending, "only a pending task can be moved")
	}
	if c.Priority != nil && (*c.Priority < -MaxPriority || *c.Priority > MaxPriority) {
		return &Refusal{Kind: ErrInvalid, Fields: []FieldError{{Pointer: "/priority", Detail: "must be between -100 and 100"}}}
	}
	if c.Until != nil && (*c.Until < 0 || *c.Until > maxMoment) {
		return &Refusal{Kind: ErrInvalid, Fields: []FieldError{{Pointer: "/run_at", Detail: "must be between 1970 and 9999"}}}
	}
	if err := d.refuseEnding(); c.Until != nil && err != nil {
		return err
	}
	if c.Until != nil && t.Waits() != nil {
		return d.suspended()
	}
	if c.Until != nil && (*c.Until != t.RunAt || t.Timed && *c.Until < t.DueAt) {
		d.add(EventSnoozed, Data{RunAt: *c.Until, Clock: d.clock()}, nil)
	}
	if c.Priority != nil && *c.Priority != t.Priority {
		d.add(EventReprioritised, Data{Priority: *c.Priority}, nil)
	}
	return nil
}
