package api

import (
	"net/http"
	"slices"
	"strings"
)

// endpoint answers a request, or returns the error that the request is refused with.
type endpoint func(a *API, p *reply, r *http.Request) error

// methods is what one path can do. GET answers HEAD too.
type methods map[string]endpoint

// route is one path of the API.
type route struct {
	path  string
	named bool     // it has the name of something in it
	allow []string // for 405 and OPTIONS
	other methods
	needs map[string]permission // by method
	times *timing               // how long its answers took
}

// ServeHTTP implements http.Handler for the router; API.ServeHTTP calls answer directly.
func (*route) ServeHTTP(http.ResponseWriter, *http.Request) {}

// routes registers every path. The busy ones come first: the router tries them in order.
func (a *API) routes() error {
	a.handle("/api/tasks/submit", methods{"POST": (*API).submit})
	a.handle("/api/tasks/batch", methods{"POST": (*API).submitBatch})
	a.handle("/api/tasks/bulk", methods{"POST": (*API).bulk})
	a.handle("/api/tasks", methods{"GET": (*API).list})
	a.handle("/api/tasks/{id}", methods{"GET": (*API).get, "DELETE": (*API).cancel, "PATCH": (*API).move})
	a.handle("/api/tasks/{id}/retry", methods{"POST": (*API).retry})
	a.handle("/api/tasks/{id}/erase", methods{"POST": (*API).erase})
	a.handle("/api/tasks/{id}/events", methods{"GET": (*API).history})
	a.handle("/api/tasks/{id}/steps", methods{"GET": (*API).steps})
	a.handle("/api/tasks/{id}/steps/{step}/forget", methods{"POST": (*API).forgetStep})
	a.handle("/api/tasks/{id}/approvals/{step}", methods{"POST": (*API).answerApproval})
	a.handle("/api/tasks/{id}/log", methods{"GET": (*API).taskLog})
	a.handle("/api/leases", methods{"POST": (*API).lease})
	a.handle("/api/leases/{token}/heartbeat", methods{"POST": (*API).leaseHeartbeat})
	a.handle("/api/leases/{token}/complete", methods{"POST": (*API).leaseComplete})
	a.handle("/api/leases/{token}/fail", methods{"POST": (*API).leaseFail})
	a.handle("/api/leases/{token}/release", methods{"POST": (*API).leaseRelease})
	a.handle("/api/leases/{token}/steps/{step}", methods{"PUT": (*API).recordStep})
	a.handle("/api/leases/{token}/steps", methods{"PUT": (*API).recordSteps})
	a.handle("/api/leases/{token}/children", methods{"POST": (*API).children})
	a.handle("/api/leases/{token}/suspend", methods{"POST": (*API).suspend})
	a.handle("/api/leases/{token}/log", methods{"POST": (*API).leaseLog})
	a.handle("/api/bulks", methods{"GET": (*API).bulks})
	a.handle("/api/bulks/{id}", methods{"GET": (*API).oneBulk})
	a.handle("/api/bulks/{id}/stop", methods{"POST": (*API).stopBulk})
	a.handle("/api/bulks/{id}/undo", methods{"POST": (*API).undoBulk})
	a.handle("/api/undo", methods{"POST": (*API).undo})
	a.handle("/api/events", methods{"POST": (*API).sendEvent})
	a.handle("/api/approvals", methods{"GET": (*API).approvals})
	a.handle("/api/workflows", methods{"GET": (*API).workflows, "POST": (*API).submitWorkflow})
	a.handle("/api/workflows/{id}", methods{"GET": (*API).workflow})
	a.handle("/api/workflows/{id}/cancel", methods{"POST": (*API).cancelWorkflow})
	a.handle("/api/workflows/{id}/retry", methods{"POST": (*API).retryWorkflow})
	a.handle("/api/workers", methods{"GET": (*API).workers})
	a.handle("/api/workers/{name}/beat", methods{"POST": (*API).workerBeat})
	a.handle("/api/workers/{name}/quiet", methods{"POST": (*API).workerQuiet})
	a.handle("/api/workers/{name}/resume", methods{"POST": (*API).workerResume})
	a.handle("/api/queues", methods{"GET": (*API).queues})
	a.handle("/api/queues/{name}", methods{"GET": (*API).queue, "PATCH": (*API).limitQueue})
	a.handle("/api/queues/{name}/pause", methods{"POST": (*API).pauseQueue})
	a.handle("/api/queues/{name}/resume", methods{"POST": (*API).resumeQueue})
	a.handle("/api/schedules", methods{"GET": (*API).schedules, "POST": (*API).createSchedule})
	a.handle("/api/schedules/preview", methods{"POST": (*API).previewSchedule})
	a.handle("/api/schedules/{name}", methods{"GET": (*API).schedule, "PUT": (*API).putSchedule, "PATCH": (*API).patchSchedule, "DELETE": (*API).deleteSchedule})
	a.handle("/api/schedules/{name}/runs", methods{"GET": (*API).scheduleRuns})
	a.handle("/api/schedules/{name}/run", methods{"POST": (*API).runSchedule})
	a.handle("/api/schedules/{name}/backfill", methods{"POST": (*API).backfillSchedule})
	a.handle("/api/schedules/{name}/pause", methods{"POST": (*API).pauseSchedule})
	a.handle("/api/schedules/{name}/resume", methods{"POST": (*API).resumeSchedule})
	a.handle("/api/stream", methods{"GET": (*API).screenStream})
	a.handle("/api/stats", methods{"GET": (*API).stats})
	a.handle("/api/cluster", methods{"GET": (*API).cluster})
	a.handle("/api/cluster/nodes/{name}", methods{"PUT": (*API).addNode, "DELETE": (*API).removeNode})
	a.handle("/api/health", methods{"GET": (*API).health})
	a.handle("/api/task-types", methods{"GET": (*API).taskTypes})
	a.handle("/api/task-types/{name}", methods{"PUT": (*API).declareType})
	a.handle("/api/files", methods{"POST": (*API).upload})
	a.handle("/api/files/{id}", methods{"GET": (*API).download})
	a.handle("/api/log", methods{"GET": (*API).readLog})
	a.handle("/api/log/stream", methods{"GET": (*API).logStream})
	a.handle("/api/log/verify", methods{"GET": (*API).verify})
	a.handle("/api/tokens", methods{"GET": (*API).listTokens, "POST": (*API).createToken})
	a.handle("/api/tokens/{name}", methods{"DELETE": (*API).revokeToken})
	a.handle("/api/alerts", methods{"GET": (*API).alerts, "POST": (*API).createAlert})
	a.handle("/api/alerts/{name}", methods{"DELETE": (*API).deleteAlert})
	a.handle("/api/webhooks", methods{"GET": (*API).webhooks, "POST": (*API).createWebhook})
	a.handle("/api/webhooks/{name}", methods{"DELETE": (*API).deleteWebhook})
	a.handle("/api/webhooks/{name}/test", methods{"POST": (*API).testWebhook})
	a.handle("/api/me", methods{"GET": (*API).me})
	a.handle("/mcp", methods{"POST": (*API).forAgents})
	a.handle("/sign-out", methods{"POST": (*API).signOut})
	a.handle("/healthz", methods{"GET": (*API).alive})
	a.handle("/readyz", methods{"GET": (*API).ready})
	a.handle("/metrics", methods{"GET": (*API).scrape})
	a.handle("/openapi.json", methods{"GET": describe(openAPI)})
	return a.page()
}

func (a *API) handle(path string, m methods) {
	at := &route{path: path, named: strings.Contains(path, "{"), other: m, needs: make(map[string]permission), times: a.metrics.timing(path)}
	for method := range m {
		at.needs[method] = permissionOf(path, method)
		at.allow = append(at.allow, method)
		if method == http.MethodGet {
			at.allow = append(at.allow, http.MethodHead)
		}
	}
	at.allow = append(at.allow, http.MethodOptions)
	slices.Sort(at.allow)
	a.byPath[path] = at
	a.router.Handle(path, at)
}

// answer picks the endpoint of the method.
func (at *route) answer(a *API, p *reply, r *http.Request) error {
	if at.path == "" {
		return notFound("There is nothing here. GET /docs shows what this server answers to.")
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if do, ok := at.other[method]; ok {
		return do(a, p, r)
	}
	if method == http.MethodOptions {
		p.Header().Set("Allow", strings.Join(at.allow, ", "))
		p.WriteHeader(http.StatusNoContent)
		return nil
	}
	return &problem{Status: http.StatusMethodNotAllowed, Kind: "method-not-allowed", Allow: []string{strings.Join(at.allow, ", ")},
		Detail: "This path takes " + strings.Join(at.allow, ", ") + "."}
}
