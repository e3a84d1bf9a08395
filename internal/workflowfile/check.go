package workflowfile

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// fields are the keys of an object with the kind of their values.
type fields map[string]kind

var (
	workflowFields = fields{"name": text, "concurrency_key": text, "tasks": object, "on_end": object}
	taskFields     = fields{
		"task_type": text, "parameters": object, "queue": text, "priority": number, "run_at": text, "delay_seconds": number,
		"max_attempts": number, "backoff": object, "timeout_seconds": number, "tags": list, "concurrency_key": text, "subject": text,
		"file_names": object, "traceparent": text, "depends_on": list, "on_dependency_failure": text,
	}
	dependencyFields = fields{"task": text, "when": text}
)

// endName is the name that the task at the end has; no other one may have it.
const endName = "on_end"

var nameRule = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// checker collects the mistakes of a workflow.
type checker struct {
	tasks map[string]*member
	names []string // of the tasks, in the order of the file
	bad   Mistakes
}

// check finds what is wrong with a workflow.
func check(root *value) Mistakes {
	c := checker{tasks: map[string]*member{}}
	if !c.object(root, "", "a workflow", workflowFields, "name", "tasks") {
		return c.bad
	}
	all := root.member("tasks")
	if all == nil || all.value.kind != object {
		return c.bad
	}
	if n := len(all.value.members); n == 0 || n > 10_000 {
		c.wrong(all, "/tasks must have 1 to 10000 tasks")
	}
	for i := range all.value.members {
		one := &all.value.members[i]
		if !nameRule.MatchString(one.name) || strings.Trim(one.name, ".") == "" || one.name == endName {
			c.bad = append(c.bad, Mistake{Line: one.line, Column: one.column, Text: quoted(one.name) + " must have another name: 1 to 64 of A-Z a-z 0-9 . _ -, not only dots, nor on_end"})
		}
		c.tasks[one.name] = one
		c.names = append(c.names, one.name)
	}
	for _, name := range c.names {
		c.task(c.tasks[name], "/tasks/"+name)
	}
	if end := root.member("on_end"); end != nil && end.value.kind == object {
		c.task(end, "/on_end")
		if after := end.value.member("depends_on"); after != nil && after.value.kind != null {
			c.wrong(after, "/on_end/depends_on must be left out: it comes after all other tasks")
		}
	}
	c.circles()
	return c.bad
}

func (c *checker) wrong(at *member, text string) {
	line, column := at.place()
	c.bad = append(c.bad, Mistake{Line: line, Column: column, Text: text})
}

func (c *checker) wrongItem(at *value, text string) {
	c.bad = append(c.bad, Mistake{Line: at.line, Column: at.column, Text: text})
}

// object checks the keys of an object and the kinds of their values. It reports whether it is an object.
func (c *checker) object(v *value, pointer, what string, known fields, required ...string) bool {
	if v.kind != object {
		c.wrongItem(v, strings.TrimSpace(pointer+" must be an object, not "+string(v.kind)))
		return false
	}
	for i := range v.members {
		one := &v.members[i]
		want, isKnown := known[one.name]
		switch {
		case !isKnown:
			c.bad = append(c.bad, Mistake{Line: one.line, Column: one.column, Text: pointer + "/" + one.name + " is not a field of " + what + known.hint(one.name)})
		case one.value.kind != want && (one.value.kind != null || slices.Contains(required, one.name)):
			c.wrong(one, pointer+"/"+one.name+" must be "+string(want)+", not "+string(one.value.kind))
		}
	}
	for _, name := range required {
		if v.member(name) == nil {
			c.wrongItem(v, pointer+"/"+name+" is required")
		}
	}
	return true
}

// hint says which key was meant, or which there are.
func (f fields) hint(name string) string {
	all := slices.Sorted(maps.Keys(f))
	if near := suggestion(name, all); near != "" {
		return near
	}
	return "; it has " + strings.Join(all, ", ")
}

// task checks one task.
func (c *checker) task(at *member, pointer string) {
	if at.value.kind != object {
		c.wrong(at, pointer+" must be an object, not "+string(at.value.kind))
		return
	}
	c.object(at.value, pointer, "a task", taskFields, "task_type")
	after := at.value.member("depends_on")
	if after == nil || after.value.kind != list || pointer == "/on_end" {
		return
	}
	for i, item := range after.value.items {
		where := pointer + "/depends_on/" + itoa(i)
		if item.kind != text {
			if item.kind != object {
				c.wrongItem(item, where+" must be the name of a task, or an object with task and when")
				continue
			}
			c.object(item, where, "a dependency", dependencyFields, "task")
		}
		name := onOf(item)
		switch {
		case name == nil:
		case name.text == at.name:
			c.wrongItem(name, where+" must name another task, not "+name.text+" itself")
		case c.tasks[name.text] == nil:
			c.wrongItem(name, where+" must be the name of another task of the workflow; there is none called "+quoted(name.text)+suggestion(name.text, c.names))
		}
	}
}

// onOf is the name in an item of depends_on, nil if it has none.
func onOf(item *value) *value {
	if item.kind == text {
		return item
	}
	if one := item.member("task"); one != nil && one.value.kind == text {
		return one.value
	}
	return nil
}

// suggestion names what differs from the name in case or in one place only.
func suggestion(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) || len(name) > 2 && oneEdit(k, name) {
			return "; did you mean " + k + "?"
		}
	}
	return ""
}

// oneEdit reports whether one inserted, removed or changed byte, or two swapped ones, make a into b.
func oneEdit(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	switch {
	case len(a) == len(b)+1:
		return a[i+1:] == b[i:]
	case len(a) != len(b) || i == len(a):
		return false
	}
	swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	return swapped || a[i+1:] == b[i+1:]
}

// circles finds tasks that depend on each other in a circle, and names the first circle.
func (c *checker) circles() {
	const onPath, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(name string) bool
	visit = func(name string) bool {
		state[name] = onPath
		path = append(path, name)
		if after := c.tasks[name].value.member("depends_on"); after != nil {
			for _, item := range after.value.items {
				on := onOf(item)
				if on == nil || on.text == name || c.tasks[on.text] == nil { // which is named already
					continue
				}
				if state[on.text] == onPath {
					circle := append(slices.Clone(path[slices.Index(path, on.text):]), on.text)
					c.wrongItem(on, "/tasks/"+name+"/depends_on must not lead back to the task itself: "+shortened(circle))
					return true
				}
				if state[on.text] == 0 && visit(on.text) {
					return true
				}
			}
		}
		path = path[:len(path)-1]
		state[name] = done
		return false
	}
	for _, name := range c.names {
		if state[name] == 0 && visit(name) {
			return
		}
	}
}

// shortened lists the names of a circle, the first and last of a long one.
func shortened(names []string) string {
	if len(names) > 12 {
		names = append(append(slices.Clone(names[:6]), "…"), names[len(names)-5:]...)
	}
	return strings.Join(names, " → ")
}
