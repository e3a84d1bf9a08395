package daybook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"daybook/api"
	"daybook/handler"
	"daybook/handler/command"
	"daybook/handler/httprequest"
	"daybook/handler/mail"
	"daybook/handler/webhook"
	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"
)

// MailServer is the SMTP server of the type EMAIL.
type MailServer = mail.Server

// Command is a program that the type COMMAND may run.
type Command = command.Program

// Settings are what can be changed while a queue runs. The zero value works. Names in JSON are those
// of the HTTP API.
type Settings struct {
	// Types has, by task type, an object of what tasks get that are submitted without it: queue, priority,
	// max_attempts, timeout_seconds, backoff. It makes each of these types known.
	Types map[string]json.RawMessage
	// Email is the SMTP server that tasks of the type EMAIL are sent through; nil = there is no such type.
	Email *MailServer
	// HTTPAllow lists what tasks of the type HTTP_REQUEST may reach beside the public internet: host names,
	// IP addresses, either with a port, and CIDR prefixes.
	HTTPAllow []string
	// WebhookAllow lists the same for webhooks.
	WebhookAllow []string
	// Commands are what tasks of the type COMMAND may run, by name; none = there is no such type.
	Commands map[string]Command

	// Declared has the limits of queues and the schedules that are kept as they are written here.
	Declared api.Declared
}

// SettingsError is everything that is wrong with Settings.
type SettingsError struct{ Fields []task.FieldError } // pointers such as /types/resize/priority

func (e *SettingsError) Error() string {
	var lines []string
	for _, f := range e.Fields {
		lines = append(lines, "settings: "+f.Pointer+" "+f.Detail)
	}
	return strings.Join(lines, "\n")
}

// Check says what is wrong with the settings: nil, or a *SettingsError.
func (s Settings) Check() error {
	_, err := s.check()
	return err
}

// Missing lists what this machine lacks for the settings: programs and folders of commands. Tasks that
// need them fail until they are there.
func (s Settings) Missing() []task.FieldError { return below("/command", command.Missing(s.Commands)) }

// TypeNames lists the task types that a queue with the settings has before a program or a worker adds
// one.
func (s Settings) TypeNames() []string {
	names := slices.Collect(maps.Keys(s.Types))
	for _, h := range builtinTypes() {
		names = append(names, h.Spec().Name)
	}
	names = append(names, "HTTP_REQUEST", "EMAIL", "COMMAND") // the last two may be off, which a submit says
	slices.Sort(names)
	return slices.Compact(names)
}

// checkedSettings are settings that have been read.
type checkedSettings struct {
	types    []handler.Handler
	missing  map[string]string // by such a type: what to do to get it
	webhook  *webhook.Type
	defaults map[string]intake.Defaults
	offered  []string // types that are known although nobody may run them
	declared api.Declared
	read     *api.Declaration
}

// What to do to get a type that is not there.
const (
	needsEmail   = "is not available: EMAIL needs a mail server; add [email] to the configuration file of the server and restart it or send it SIGHUP"
	needsCommand = "is not available: COMMAND is off; allow a program with [command.NAME] in the configuration file of the server and restart it or send it SIGHUP"
)

func (s Settings) check() (*checkedSettings, error) {
	c := &checkedSettings{missing: map[string]string{}, defaults: map[string]intake.Defaults{}, declared: s.Declared}
	var bad []task.FieldError
	wrong := func(pointer string, err error) {
		bad = append(bad, task.FieldError{Pointer: pointer, Detail: err.Error()})
	}
	if s.Email == nil {
		c.missing["EMAIL"] = needsEmail
	} else if h, err := mail.NewEmail(*s.Email); err != nil {
		bad = append(bad, mailErrors(err)...)
	} else {
		c.types = append(c.types, h)
	}
	for i, entry := range s.HTTPAllow {
		if _, err := httprequest.New(entry); err != nil {
			wrong(fmt.Sprintf("/http_request/allow/%d", i), err)
		}
	}
	if h, err := httprequest.New(s.HTTPAllow...); err == nil {
		c.types = append(c.types, h)
	}
	for i, entry := range s.WebhookAllow {
		if _, err := webhook.New(entry); err != nil {
			wrong(fmt.Sprintf("/webhook/allow/%d", i), err)
		}
	}
	if h, err := webhook.New(s.WebhookAllow...); err == nil {
		c.webhook, c.types = h, append(c.types, h)
	}
	if len(s.Commands) == 0 {
		c.missing["COMMAND"] = needsCommand
	} else if h, fields := command.New(s.Commands); fields != nil {
		bad = append(bad, below("/command", fields)...)
	} else {
		c.types = append(c.types, h)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		bad = append(bad, c.readDefaults(name, s.Types[name])...)
	}
	bad = append(bad, c.checkDeclared()...)
	if bad != nil {
		return nil, &SettingsError{bad}
	}
	return c, nil
}

// mailErrors are the errors of a mail server, by field.
func mailErrors(err error) (bad []task.FieldError) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []task.FieldError{{Pointer: "/email", Detail: err.Error()}}
	}
	for _, one := range joined.Unwrap() {
		f := task.FieldError{Pointer: "/email", Detail: one.Error()}
		if wrong, ok := errors.AsType[*mail.ServerError](one); ok {
			f = task.FieldError{Pointer: "/email/" + wrong.Field, Detail: wrong.Detail}
		}
		bad = append(bad, f)
	}
	return bad
}

func below(prefix string, fields []task.FieldError) (all []task.FieldError) {
	for _, f := range fields {
		all = append(all, task.FieldError{Pointer: prefix + f.Pointer, Detail: f.Detail})
	}
	return all
}

// readDefaults reads the defaults of a type, and makes it known.
func (c *checkedSettings) readDefaults(name string, text []byte) []task.FieldError {
	pointer := "/types/" + jsontext.EscapePointer(name)
	if !task.NewName(name) {
		return []task.FieldError{{Pointer: pointer, Detail: "has a name that " + task.NameRule}}
	}
	body, err := jsontext.Canonical(nil, text, task.MaxDepth)
	if err != nil {
		return []task.FieldError{{Pointer: pointer, Detail: "must be a table"}}
	}
	defaults, bad := intake.ReadDefaults(body)
	c.defaults[name] = defaults
	c.offer(name)
	return below(pointer, bad)
}

func (c *checkedSettings) offer(name string) {
	if task.NewName(name) && c.missing[name] == "" && !slices.Contains(c.offered, name) {
		c.offered = append(c.offered, name)
	}
}

// checkDeclared reads what is declared, with the types that there will be. A schedule makes the
// types of its tasks known: workers for them may come later.
func (c *checkedSettings) checkDeclared() []task.FieldError {
	for schedule := range c.declared.Schedules {
		for _, name := range c.declared.TypesOf(schedule) {
			c.offer(name)
		}
	}
	registry, err := newRegistry(c.types)
	if err == nil {
		err = registry.Offer(c.offered)
	}
	if err != nil {
		return []task.FieldError{{Pointer: "/types", Detail: err.Error()}}
	}
	in := intake.Checking(registry)
	in.Instead = closedTypes
	in.Configure(c.defaults, c.missing)
	var bad []task.FieldError
	c.read, bad = api.ReadDeclared(in, c.declared)
	return bad
}

// typesNotIn are the names of types that these settings made and others do not.
func (c *checkedSettings) typesNotIn(others *checkedSettings) (names []string) {
	for _, h := range c.types {
		name := h.Spec().Name
		if !slices.ContainsFunc(others.types, func(o handler.Handler) bool { return o.Spec().Name == name }) {
			names = append(names, name)
		}
	}
	return names
}

// Configure changes the settings of a queue that runs. Tasks that are pending or run keep what they have.
// Errors: a *SettingsError, then nothing has changed; those of the commands that make
// queues and schedules as they are declared, then the rest has changed.
func (d *Daybook) Configure(ctx context.Context, s Settings) error {
	c, err := s.check()
	if err != nil {
		return err
	}
	if err := d.ready(); err != nil {
		return err
	}
	d.configuring.Lock()
	defer d.configuring.Unlock()
	c.webhook.Lookup = d.webhookTarget
	if err := d.registry.Replace(d.settings.typesNotIn(c), c.types...); err != nil {
		return err
	}
	d.settings = c
	if err := d.registry.Offer(c.offered); err != nil {
		return err
	}
	d.intake.Configure(c.defaults, c.missing)
	if d.node != nil && !d.node.Leads() { // the node that leads declares, and this one does when it begins to lead
		d.api.Protect(c.read)
		return nil
	}
	return errors.Join(d.lookAgain(ctx), d.api.Declare(ctx, c.read))
}

// lookAgain has the scheduler look for tasks that can start: those of a type that was not there before.
func (d *Daybook) lookAgain(ctx context.Context) error {
	return d.sched().Record(ctx, "config", func() ([]scheduler.Other, error) { return nil, nil })
}

// declareFirst makes queues and schedules as the settings of Open declare them.
func (d *Daybook) declareFirst(ctx context.Context) {
	d.configuring.Lock()
	defer d.configuring.Unlock()
	if err := d.api.Declare(ctx, d.settings.read); err != nil && ctx.Err() == nil {
		d.o.Logger.Error("not all that the configuration declares could be applied; correct it and send SIGHUP", "error", err)
	}
}
