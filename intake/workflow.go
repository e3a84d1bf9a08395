package intake

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// OnEnd is the name of the task of a workflow that starts when all others have ended, however they did.
const OnEnd = task.NameOnEnd

// ReadWorkflow reads a workflow out of its canonical JSON, which may be changed afterwards: {"name","concurrency_key","tasks":{name: submit},"on_end": submit}. The
// depends_on of its tasks names others of them. key is the Idempotency-Key of the request, "" = none. It returns what is wrong, with pointers from the body.
func (in *Intake) ReadWorkflow(body []byte, key string, now task.Micros) (*task.Workflow, []task.FieldError) {
	r := request{in: in, into: new(task.Submit), now: now}
	if !jsontext.IsObject(body) {
		return nil, []task.FieldError{{Detail: "must be a JSON object"}}
	}
	f := flowReader{in: in, now: now, at: make(map[string]int)}
	var tasks, onEnd []byte
	for key, value := range jsontext.Members(body) {
		switch name := string(key); {
		case name == "tasks" && jsontext.IsObject(value):
			tasks = value
		case name == "tasks":
			r.wrong("/tasks", "must be an object: the tasks by their names")
		case name != "name" && name != "concurrency_key" && name != "on_end":
			r.wrong("/"+jsontext.EscapePointer(name), "is not a field of a workflow; it has name, concurrency_key, tasks and on_end")
		case jsontext.IsNull(value):
		case name == "name":
			if r.into.Subject = r.text("/name", value); r.into.Subject == "" && !r.has("/name") {
				r.wrong("/name", "must be one line of 1 to 200 characters")
			}
		case name == "concurrency_key":
			r.into.ConcurrencyKey = r.concurrencyKey(value)
		default:
			onEnd = value
		}
	}
	if r.into.Subject == "" && !r.has("/name") {
		r.wrong("/name", "is required: one line that says which workflow it is")
	}
	w := &task.Workflow{Whole: *r.into}
	bad := r.bad
	w.Whole.Type, w.Whole.Queue, w.Whole.MaxAttempts, w.Whole.Timeout, w.Whole.Parameters = task.TypeWorkflow, task.QueueWorkflow, 1, task.NoTimeout, none
	if w.Whole.IdempotencyKey = key; key != "" {
		w.Whole.RequestHash = sha256.Sum256(jsontext.AppendRFC8785(nil, body))
	}
	if tasks == nil && !r.has("/tasks") {
		bad = append(bad, task.FieldError{Pointer: "/tasks", Detail: "is required: the tasks by their names"})
	}
	if tasks != nil {
		w.Tasks = f.read(tasks, onEnd)
	}
	return w, append(bad, f.bad...)
}

// ReadScheduledWorkflow is ReadWorkflow for the workflow of a schedule that is due.
func (in *Intake) ReadScheduledWorkflow(body []byte, now task.Micros) (*task.Workflow, []task.FieldError) {
	return in.ReadWorkflow(body, "", now)
}

// flowReader reads the tasks of a workflow.
type flowReader struct {
	in    *Intake
	now   task.Micros
	at    map[string]int // places of the tasks, by name
	edges int
	bad   []task.FieldError
}

func (f *flowReader) wrong(pointer, detail string) {
	f.bad = append(f.bad, task.FieldError{Pointer: pointer, Detail: detail})
}

// read reads all tasks and puts each after those that it depends on.
func (f *flowReader) read(tasks, onEnd []byte) []task.WorkflowTask {
	var list []task.WorkflowTask
	for key := range jsontext.Members(tasks) {
		name := string(key)
		if !task.NewName(name) || name == OnEnd {
			f.wrong("/tasks/"+jsontext.EscapePointer(name), "must have another name: it "+task.NameRule+", nor on_end")
		}
		f.at[name] = len(f.at)
		list = append(list, task.WorkflowTask{Name: name})
	}
	if n := len(list); n == 0 || n > task.MaxWorkflowTasks {
		f.wrong("/tasks", "must have 1 to 10000 tasks")
		return nil
	}
	for key, value := range jsontext.Members(tasks) {
		name := string(key)
		f.task(&list[f.at[name]], "/tasks/"+jsontext.EscapePointer(name), value)
		if len(f.bad) > mostFlowErrors {
			return nil
		}
	}
	if f.edges > task.MaxWorkflowEdges {
		f.wrong("/tasks", "must have at most 100000 dependencies in all, not "+strconv.Itoa(f.edges))
	}
	if len(f.bad) > 0 {
		f.findCircle(list)
		return nil
	}
	if list = f.inOrder(list); list == nil {
		return nil
	}
	if onEnd != nil {
		f.end(&list, onEnd)
	}
	return list
}

// mostFlowErrors is how many errors one answer lists, about.
const mostFlowErrors = 50

// task reads one task.
func (f *flowReader) task(into *task.WorkflowTask, at string, body []byte) {
	r := request{in: f.in, into: &into.Submit, now: f.now, siblings: f.at, self: into.Name}
	r.read(body, "")
	s := &into.Submit
	if s.Unique != nil {
		r.wrong("/unique", "is not for tasks of a workflow; give the workflow a concurrency_key")
	}
	if s.IdempotencyKey != "" {
		r.wrong("/idempotency_key", "is not for tasks of a workflow; the workflow can have one, in the header Idempotency-Key")
	}
	if s.OnKeyConflict != task.KeyConflictWait {
		r.wrong("/on_conflict", "must be wait for tasks of a workflow")
	}
	r.fill()
	for i := range s.DependsOn {
		d := &s.DependsOn[i]
		into.After = append(into.After, task.After{Task: placeIn(d.Task), When: d.When, Name: d.Name})
	}
	f.edges += len(s.DependsOn)
	s.DependsOn = nil
	for _, one := range r.bad {
		f.bad = append(f.bad, task.FieldError{Pointer: at + one.Pointer, Detail: one.Detail, Err: one.Err})
	}
}

// end adds the task at the end, which comes after all others.
func (f *flowReader) end(list *[]task.WorkflowTask, body []byte) {
	last := task.WorkflowTask{Name: OnEnd}
	at := make(map[string]int, len(*list))
	for i := range *list {
		at[(*list)[i].Name] = i
	}
	f.at = at
	f.task(&last, "/on_end", body)
	if len(last.After) > 0 {
		f.wrong("/on_end/depends_on", "must be left out: it comes after all other tasks")
	}
	last.After = nil
	for i := range *list {
		last.After = append(last.After, task.After{Task: i, When: task.WhenEnded, Name: (*list)[i].Name})
	}
	*list = append(*list, last)
}

// inOrder puts each task after those that it depends on; nil if some depend on each other in a circle.
func (f *flowReader) inOrder(list []task.WorkflowTask) []task.WorkflowTask {
	ordered := make([]task.WorkflowTask, 0, len(list))
	place := make([]int, len(list)) // in ordered, plus 1; 0 = not seen, -1 = on the path
	type visit struct{ task, next int }
	for first := range list {
		if place[first] != 0 {
			continue
		}
		place[first] = -1
		for path := []visit{{first, 0}}; len(path) > 0; {
			top := &path[len(path)-1]
			after := list[top.task].After
			if top.next == len(after) {
				one := list[top.task]
				for i := range one.After {
					one.After[i].Task = place[one.After[i].Task] - 1
				}
				ordered = append(ordered, one)
				place[top.task] = len(ordered)
				path = path[:len(path)-1]
				continue
			}
			on := after[top.next].Task
			top.next++
			switch place[on] {
			case 0:
				place[on] = -1
				path = append(path, visit{on, 0})
			case -1:
				var names []string
				for _, v := range path {
					if len(names) > 0 || v.task == on {
						names = append(names, list[v.task].Name)
					}
				}
				f.circle(append(names, list[on].Name))
				return nil
			}
		}
	}
	return ordered
}

// findCircle looks for tasks that depend on each other in a circle in a workflow that has other mistakes too.
func (f *flowReader) findCircle(list []task.WorkflowTask) {
	for i := range list {
		list[i].After = slices.DeleteFunc(list[i].After, func(a task.After) bool { return a.Task < 0 }) // a name that is wrong
	}
	f.inOrder(list)
}

// circle refuses tasks that wait for each other: each name depends on the next one.
func (f *flowReader) circle(names []string) {
	shown := names
	if len(shown) > 12 {
		shown = append(append(append([]string{}, names[:6]...), "…"), names[len(names)-5:]...)
	}
	f.wrong("/tasks/"+jsontext.EscapePointer(names[0])+"/depends_on", "must not lead back to the task itself: "+strings.Join(shown, " → "))
}

// idOfPlace stands for a task of a workflow that has no id yet.
func idOfPlace(place int) (id ulid.ULID) {
	binary.BigEndian.PutUint64(id[8:], uint64(place)+1)
	return id
}

func placeIn(id ulid.ULID) int { return int(binary.BigEndian.Uint64(id[8:])) - 1 }
