package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"

	"github.com/oklog/ulid/v2"
	"golang.org/x/time/rate"
)

// caller is who sent a request. While there is no token, it is anonymous and may do everything.
type caller struct {
	token  *projection.LiveToken // nil: anonymous
	person bool                  // signed in with the token in a browser
}

// admin reports whether the caller may do everything.
func (c caller) admin() bool { return c.token == nil || c.token.Role == projection.Admin }

// anonymous is the actor of a caller without a token.
const anonymous = "anonymous"

// actor is what the events that the caller causes name.
func (c caller) actor() string {
	if c.token == nil {
		return anonymous
	}
	return "token:" + c.token.Name
}

// worker is the actor of the reports of a worker.
func (c caller) worker(name string) string {
	if c.token == nil {
		return "worker:" + name
	}
	return c.actor()
}

// visit returns the request with what is written down of a person's writes: see scheduler.Visit.
func (c caller) visit(r *http.Request) *http.Request {
	if !c.person || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r
	}
	address := r.RemoteAddr
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	return r.WithContext(scheduler.WithVisit(r.Context(), scheduler.Visit{Token: c.token.Name, Address: address,
		Forwarded: strings.Join(r.Header["X-Forwarded-For"], ", "), UserAgent: r.UserAgent()}))
}

// limited reports whether the caller may see and change only some of the tasks.
func (c caller) limited() bool { return c.token != nil && c.token.Limited() }

// during returns a context that ends with ctx, or when the caller's token is revoked or expires.
func (c caller) during(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.token == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.token.Revoked(), cancel)
	if c.token.ExpiresAt == 0 {
		return ctx, func() { stop(); cancel() }
	}
	timer := time.AfterFunc((c.token.ExpiresAt - task.MicrosOf(time.Now())).Duration(), cancel)
	return ctx, func() { timer.Stop(); stop(); cancel() }
}

// admit finds out who sent the request, and refuses what the caller may not do.
func (a *API) admit(p *reply, r *http.Request, at *route) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if at.other[method] == nil {
		return nil // it is answered with what the path takes
	}
	need := at.needs[method]
	if need.role == "" || ofNode(r) {
		return nil
	}
	tokens := a.Views.Tokens()
	if !tokens.Any() {
		if a.LocalOnly && !fromHere(r) {
			return errNoTokenYet
		}
		return nil
	}
	token, err := a.authenticate(p, r, tokens)
	if err != nil {
		return err
	}
	p.caller = caller{token: token, person: r.Header["Authorization"] == nil} // the token was in the cookie
	if err := p.caller.mayCall("This", need.role); err != nil {
		return err
	}
	if token.Limited() && !need.limited {
		return forbidden("This call is about all tasks, and the token " + token.Name + " is for some queues or task types only. " +
			"Use a token without such limits.")
	}
	return nil
}

// mayCall refuses what needs a role that the caller's token does not include.
func (c caller) mayCall(what string, needs projection.Role) error {
	if c.token == nil || c.token.Role.Includes(needs) {
		return nil
	}
	return forbidden(what + " needs the role " + string(needs) + ", and the token " + c.token.Name + " has the role " + string(c.token.Role) +
		". Use a token that has it, or ask an admin for one.")
}

func forbidden(detail string) *problem {
	return &problem{Status: http.StatusForbidden, Kind: kindForbidden, Detail: detail}
}

const (
	kindUnauthorized = "unauthorized"
	kindForbidden    = "forbidden"
	kindSignIns      = "too-many-sign-ins"
)

var errNoTokenYet = forbidden("This server has no token yet, so it answers only requests from its own machine. " +
	"Run there: daybook token create NAME --role admin. Then send the token with your requests.")

const howToSignIn = `Send a token in the header "Authorization: Bearer dbk_…"; an admin creates one with "daybook token create". ` +
	"In a browser, sign in at /sign-in. For the command line, set DAYBOOK_TOKEN."

var errTokenEnded = &problem{Status: http.StatusUnauthorized, Kind: kindUnauthorized,
	Detail: "The token was revoked or has expired while the request waited. " + howToSignIn}

// authenticate returns the token of the request.
func (a *API) authenticate(p *reply, r *http.Request, tokens *projection.Tokens) (*projection.LiveToken, error) {
	text, found := a.credentials(r)
	if !found {
		p.Header()["Www-Authenticate"] = []string{`Bearer realm="Daybook"`}
		return nil, &problem{Status: http.StatusUnauthorized, Kind: kindUnauthorized, Detail: "This server needs a token. " + howToSignIn}
	}
	token, err := a.checkToken(r, tokens, text)
	if err != nil {
		p.Header()["Www-Authenticate"] = []string{`Bearer realm="Daybook", error="invalid_token"`}
	}
	return token, err
}

// credentials returns what the request brings as a token, by header or else by cookie.
func (a *API) credentials(r *http.Request) (text string, found bool) {
	if lines := r.Header["Authorization"]; len(lines) > 0 {
		scheme, token, _ := strings.Cut(lines[0], " ")
		if len(lines) > 1 || !strings.EqualFold(scheme, "Bearer") {
			return "", true
		}
		return strings.TrimSpace(token), true
	}
	if r.Header["Cookie"] == nil {
		return "", false
	}
	cookie, err := r.Cookie(a.cookieName())
	if err != nil {
		return "", false
	}
	return cookie.Value, true
}

// checkToken returns the token that has the text. A token that is right is never refused for the failed
// sign-ins of others at the same address.
func (a *API) checkToken(r *http.Request, tokens *projection.Tokens, text string) (*projection.LiveToken, error) {
	now := task.MicrosOf(time.Now())
	detail := "This is not a token of this server: it may have been revoked. "
	if wellFormedToken(text) {
		token := tokens.Find(sha256.Sum256([]byte(text)))
		if token != nil && !token.Expired(now) {
			token.Use(now)
			return token, nil
		}
		if token != nil {
			detail = "The token " + token.Name + " has expired. "
		}
	} else {
		detail = "This is not a whole token: it has a typing error, or a part is missing. "
	}
	if wait := a.failures.note(addressOf(r)); wait > 0 {
		return nil, &problem{Status: http.StatusTooManyRequests, Kind: kindSignIns, RetryAfter: wait,
			Detail: "Too many tokens from this address were wrong. Wait, check the token and try again."}
	}
	return nil, &problem{Status: http.StatusUnauthorized, Kind: kindUnauthorized, Detail: detail + howToSignIn}
}

// fromHere reports whether the request comes from this machine. A connection without an IP address
// is local.
func fromHere(r *http.Request) bool {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return err != nil || at.Addr().Unmap().IsLoopback()
}

// addressOf is the address that failed sign-ins count for: of IPv6 the network.
func addressOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is6() {
		const network = 64
		if prefix, err := addr.Prefix(network); err == nil {
			return prefix.Addr()
		}
	}
	return addr
}

// Limits of failed sign-ins.
const (
	signInBurst   = 10              // that an address may make at once
	signInEvery   = 6 * time.Second // then one in this time
	mostAddresses = 4096            // that are remembered
)

// failures counts failed sign-ins by address.
type failures struct {
	mu sync.Mutex
	by map[netip.Addr]*rate.Limiter // guarded by mu
}

// note counts one. It returns how many seconds the address has to wait if it has made too many, else 0.
func (f *failures) note(addr netip.Addr) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = make(map[netip.Addr]*rate.Limiter)
	}
	limiter := f.by[addr]
	if limiter == nil {
		f.makeRoom()
		limiter = rate.NewLimiter(rate.Every(signInEvery), signInBurst)
		f.by[addr] = limiter
	}
	if limiter.Allow() {
		return 0
	}
	missing := 1 - limiter.Tokens()
	return max(int(missing*signInEvery.Seconds()+0.999), 1)
}

// makeRoom forgets addresses that may begin anew and, if all are busy, any one.
func (f *failures) makeRoom() {
	if len(f.by) < mostAddresses {
		return
	}
	for addr, limiter := range f.by {
		if limiter.Tokens() >= signInBurst {
			delete(f.by, addr)
		}
	}
	for addr := range f.by {
		if len(f.by) < mostAddresses {
			return
		}
		delete(f.by, addr)
	}
}

// maySubmit refuses tasks that the caller's token is not for.
func (c caller) maySubmit(submits []task.Submit) error {
	if !c.limited() {
		return nil
	}
	for i := range submits {
		if s := &submits[i]; !c.token.Allows(s.Type, cmp.Or(s.Queue, task.DefaultQueue)) {
			return c.notFor(s.Type, cmp.Or(s.Queue, task.DefaultQueue))
		}
	}
	return nil
}

// mayHave refuses an answer with a task that the caller's token is not for: one that holds the key of a
// submit.
func (c caller) mayHave(done []scheduler.Submitted) error {
	for i := range done {
		if c.limited() && !c.token.Allows(done[i].Task.Type, done[i].Task.Queue) {
			return c.outside()
		}
	}
	return nil
}

// notFor refuses a submit that the caller's token is not for, and says what the token lacks.
func (c caller) notFor(taskType, queue string) *problem {
	found := c.outside()
	lacks := "task type " + taskType
	if c.token.TaskTypes == nil || slices.Contains(c.token.TaskTypes, taskType) {
		lacks = "queue " + queue
	} else if c.token.Queues != nil && !slices.Contains(c.token.Queues, queue) {
		lacks += " and the queue " + queue
	}
	if taskType == task.TypeWorkflow {
		lacks += ", which every workflow needs beside those of its tasks"
	}
	found.Detail += " It lacks the " + lacks + "."
	return found
}

// outside says what the caller's token is for.
func (c caller) outside() *problem {
	var of []string
	if c.token.Queues != nil {
		of = append(of, "the queues "+strings.Join(c.token.Queues, ", "))
	}
	if c.token.TaskTypes != nil {
		of = append(of, "the task types "+strings.Join(c.token.TaskTypes, ", "))
	}
	return forbidden("The token " + c.token.Name + " is for " + strings.Join(of, " and ") + " only. Name no others, or use another token.")
}

// narrow limits lists of types and queues to what the caller's token is for; nil means all.
func (c caller) narrow(types, queues *[]string) error {
	if !c.limited() {
		return nil
	}
	for _, one := range []struct {
		asked   *[]string
		allowed []string
	}{{types, c.token.TaskTypes}, {queues, c.token.Queues}} {
		if one.allowed == nil {
			continue
		}
		if len(*one.asked) == 0 {
			*one.asked = slices.Clone(one.allowed)
		}
		for _, name := range *one.asked {
			if !slices.Contains(one.allowed, name) {
				return c.outside()
			}
		}
	}
	return nil
}

// sees answers 404 for a task that the caller's token is not for.
func (a *API) sees(p *reply, r *http.Request, id ulid.ULID) error {
	if !p.caller.limited() {
		return nil
	}
	t, _, err := a.Views.Get(r.Context(), id)
	if err != nil {
		return err
	}
	if !p.caller.token.Allows(t.Type, t.Queue) {
		return errNoTask
	}
	return nil
}

// seesStreams refuses a limited token events of anything but tasks that it is for.
func (a *API) seesStreams(p *reply, r *http.Request, streams []string) error {
	if !p.caller.limited() {
		return nil
	}
	if len(streams) == 0 {
		return forbidden("The token " + p.caller.token.Name + " is for some queues or task types only, and this is the log of all. " +
			"Name the tasks with stream=task:ID, or use a token without such limits.")
	}
	for _, stream := range streams {
		id, ok := task.ParseStream(stream)
		if !ok {
			return p.caller.outside()
		}
		if err := a.sees(p, r, id); err != nil {
			return err
		}
	}
	return nil
}
