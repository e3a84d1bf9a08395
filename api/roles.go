package api

import "daybook/projection"

// permission says who may call a method of a path.
type permission struct {
	role projection.Role // the weakest that may; "" = everybody, without a token
	// limited: a token that is for some queues or task types only may call it too, because the
	// endpoint shows and changes only tasks of those.
	limited bool
}

// permissions is the one table of who may do what, by path and method. HEAD needs what GET needs.
// What is not in it needs an admin, and fails a test.
var permissions = map[string]map[string]permission{
	"/api/tasks/submit":                   {"POST": {projection.Submitter, true}},
	"/api/tasks/batch":                    {"POST": {projection.Submitter, true}},
	"/api/tasks/bulk":                     {"POST": {projection.Operator, true}},
	"/api/bulks":                          {"GET": {projection.Viewer, true}},
	"/api/bulks/{id}":                     {"GET": {projection.Viewer, true}},
	"/api/bulks/{id}/stop":                {"POST": {projection.Operator, true}},
	"/api/bulks/{id}/undo":                {"POST": {projection.Operator, true}},
	"/api/undo":                           {"POST": {projection.Operator, true}},
	"/api/tasks":                          {"GET": {projection.Viewer, true}},
	"/api/tasks/{id}":                     {"GET": {projection.Viewer, true}, "DELETE": {projection.Operator, true}, "PATCH": {projection.Operator, true}},
	"/api/tasks/{id}/retry":               {"POST": {projection.Operator, true}},
	"/api/tasks/{id}/erase":               {"POST": {projection.Admin, true}},
	"/api/tasks/{id}/events":              {"GET": {projection.Viewer, true}},
	"/api/tasks/{id}/log":                 {"GET": {projection.Viewer, true}},
	"/api/tasks/{id}/steps":               {"GET": {projection.Viewer, true}},
	"/api/tasks/{id}/steps/{step}/forget": {"POST": {projection.Operator, true}},
	"/api/tasks/{id}/approvals/{step}":    {"POST": {projection.Submitter, true}}, // and the role that the approval needs
	"/api/approvals":                      {"GET": {projection.Viewer, true}},
	"/api/events":                         {"POST": {projection.Submitter, false}},
	"/api/leases/{token}/children":        {"POST": {projection.Worker, true}},
	"/api/leases/{token}/suspend":         {"POST": {projection.Worker, true}},
	"/api/leases/{token}/steps":           {"PUT": {projection.Worker, true}},
	"/api/leases/{token}/steps/{step}":    {"PUT": {projection.Worker, true}},
	"/api/leases":                         {"POST": {projection.Worker, true}},
	"/api/leases/{token}/heartbeat":       {"POST": {projection.Worker, true}},
	"/api/leases/{token}/complete":        {"POST": {projection.Worker, true}},
	"/api/leases/{token}/fail":            {"POST": {projection.Worker, true}},
	"/api/leases/{token}/release":         {"POST": {projection.Worker, true}},
	"/api/leases/{token}/log":             {"POST": {projection.Worker, true}},
	"/api/workflows":                      {"GET": {projection.Viewer, true}, "POST": {projection.Submitter, true}},
	"/api/workflows/{id}":                 {"GET": {projection.Viewer, true}},
	"/api/workflows/{id}/cancel":          {"POST": {projection.Operator, true}},
	"/api/workflows/{id}/retry":           {"POST": {projection.Operator, true}},
	"/api/workers":                        {"GET": {projection.Viewer, false}},
	"/api/workers/{name}/beat":            {"POST": {projection.Worker, true}},
	"/api/workers/{name}/quiet":           {"POST": {projection.Operator, false}},
	"/api/workers/{name}/resume":          {"POST": {projection.Operator, false}},
	"/api/queues":                         {"GET": {projection.Viewer, false}},
	"/api/queues/{name}":                  {"GET": {projection.Viewer, false}, "PATCH": {projection.Operator, false}},
	"/api/queues/{name}/pause":            {"POST": {projection.Operator, false}},
	"/api/queues/{name}/resume":           {"POST": {projection.Operator, false}},
	"/api/stream":                         {"GET": {projection.Viewer, false}},
	"/api/stats":                          {"GET": {projection.Viewer, false}},
	"/api/health":                         {"GET": everybody},
	"/api/cluster":                        {"GET": {projection.Viewer, false}},
	"/api/cluster/nodes/{name}":           {"PUT": {projection.Admin, false}, "DELETE": {projection.Admin, false}},
	"/api/task-types":                     {"GET": {projection.Viewer, true}},
	"/api/task-types/{name}":              {"PUT": {projection.Worker, true}},
	"/api/files":                          {"POST": {projection.Submitter, true}},
	"/api/files/{id}":                     {"GET": {projection.Viewer, true}},
	"/api/log":                            {"GET": {projection.Viewer, true}},
	"/api/log/stream":                     {"GET": {projection.Viewer, true}},
	"/api/log/verify":                     {"GET": {projection.Viewer, false}},
	"/api/tokens":                         {"GET": {projection.Admin, false}, "POST": {projection.Admin, false}},
	"/api/tokens/{name}":                  {"DELETE": {projection.Admin, false}},
	"/api/alerts":                         {"GET": {projection.Viewer, false}, "POST": {projection.Operator, false}},
	"/api/alerts/{name}":                  {"DELETE": {projection.Operator, false}},
	"/api/webhooks":                       {"GET": {projection.Admin, false}, "POST": {projection.Admin, false}},
	"/api/webhooks/{name}":                {"DELETE": {projection.Admin, false}},
	"/api/webhooks/{name}/test":           {"POST": {projection.Admin, false}},
	"/api/me":                             {"GET": {projection.Viewer, true}},
	"/mcp":                                {"POST": {projection.Viewer, true}}, // each tool calls the API, which checks its role
	"/healthz":                            {"GET": everybody},
	"/readyz":                             {"GET": everybody},
	"/metrics":                            {"GET": {projection.Viewer, false}},
	"/openapi.json":                       {"GET": everybody},
	"/":                                   {"GET": everybody}, // the page has no data in it
	"/docs":                               {"GET": everybody},
	"/" + folder + "{id:.+}":              {"GET": everybody},
	"/favicon.svg":                        {"GET": everybody},
	"/sign-in":                            {"GET": everybody, "POST": everybody},
	"/sign-out":                           {"POST": everybody},
	"/api/schedules":                      {"GET": {projection.Viewer, false}, "POST": {projection.Operator, false}},
	"/api/schedules/preview":              {"POST": {projection.Viewer, false}},
	"/api/schedules/{name}": {"GET": {projection.Viewer, false}, "PUT": {projection.Operator, false},
		"PATCH": {projection.Operator, false}, "DELETE": {projection.Operator, false}},
	"/api/schedules/{name}/runs":     {"GET": {projection.Viewer, false}},
	"/api/schedules/{name}/run":      {"POST": {projection.Operator, false}},
	"/api/schedules/{name}/backfill": {"POST": {projection.Operator, false}},
	"/api/schedules/{name}/pause":    {"POST": {projection.Operator, false}},
	"/api/schedules/{name}/resume":   {"POST": {projection.Operator, false}},
}

var everybody = permission{"", true}

// permissionOf is who may call the method of the path.
func permissionOf(path, method string) permission {
	if found, ok := permissions[path][method]; ok {
		return found
	}
	return permission{role: projection.Admin}
}
