package api

import (
	"bytes"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"daybook/task"
)

// The page signs in with a form that is sent to /sign-in, so that it works without a script and every
// password manager knows it. What the browser keeps is the token itself, in a cookie that no script
// can read and that goes to this server's own pages only. Other sites cannot use it: guard refuses
// their requests, and SameSite keeps the cookie from them.

const (
	sessionTime = 30 * 24 * time.Hour // that a browser stays signed in
	maxForm     = 4 << 10             // bytes of the sign-in form
	signInError = "<!-- error -->"    // where the page shows what is wrong
)

// cookieName differs for each log: cookies of one host are shared by all its ports.
func (a *API) cookieName() string {
	id := a.Log.ID()
	return "daybook_" + strings.ToLower(id[max(len(id)-8, 0):])
}

// setCookie makes the browser keep the token for so long, or forget it.
func (a *API) setCookie(p *reply, r *http.Request, token string, keep time.Duration) {
	cookie := &http.Cookie{Name: a.cookieName(), Value: token, Path: a.address.before(r) + "/", MaxAge: int(keep / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: a.address.encrypted(r)}
	if keep <= 0 {
		cookie.MaxAge = -1
	}
	http.SetCookie(p, cookie)
}

// encrypted reports whether the browser reaches this server by HTTPS.
func (a *address) encrypted(r *http.Request) bool {
	if r.TLS != nil || a.https {
		return true
	}
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(proto), "https")
}

// signInPage answers GET and POST /sign-in with the page, or sends who has signed in to the dashboard.
func (a *API) signInPage(page []byte) methods {
	show := asset(pageTypes[".html"], always, bytes.ReplaceAll(page, []byte(signInError), nil))
	return methods{
		"GET": show,
		"POST": func(a *API, p *reply, r *http.Request) error {
			token, err := formToken(a, p, r)
			if err == nil {
				err = a.signIn(p, r, token)
			}
			if err == nil {
				p.Header()["Location"] = []string{p.reference("/")}
				p.WriteHeader(http.StatusSeeOther)
				return nil
			}
			wrong := a.problemOf(r, err)
			text := `<p class="wrong" id="wrong" role="alert">` + html.EscapeString(strings.TrimSuffix(wrong.Detail, howToSignIn)) + "</p>"
			p.Header()["Cache-Control"] = noStore
			if wrong.RetryAfter > 0 {
				p.Header()["Retry-After"] = []string{strconv.Itoa(wrong.RetryAfter)}
			}
			return p.sendPage(wrong.Status, bytes.ReplaceAll(page, []byte(signInError), []byte(text)))
		},
	}
}

// sendPage answers with an HTML page that was made for this request.
func (p *reply) sendPage(status int, body []byte) error {
	h := p.Header()
	h.Set("Content-Type", pageTypes[".html"])
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	p.WriteHeader(status)
	_, _ = p.Write(body) // a client that is gone needs no answer
	return nil
}

// formToken is the token in the form that the page sends.
func formToken(a *API, p *reply, r *http.Request) (string, error) {
	if err := noQuery(r); err != nil {
		return "", err
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/x-www-form-urlencoded" {
		return "", unsupported("application/x-www-form-urlencoded")
	}
	buffer := borrow()
	defer giveBack(buffer)
	if err := a.readBody(p, r, buffer, maxForm); err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(*buffer))
	if err != nil {
		return "", invalid("", "must be a form with the field token")
	}
	return strings.TrimSpace(form.Get("token")), nil
}

// signIn checks the token and makes the browser keep it.
func (a *API) signIn(p *reply, r *http.Request, text string) error {
	tokens := a.Views.Tokens()
	if !tokens.Any() {
		return nil // nobody needs one; the next request says so if that is not so from there
	}
	token, err := a.checkToken(r, tokens, text)
	if err != nil {
		return err
	}
	if token.Limited() {
		return forbidden("The token " + token.Name + " is for some queues or task types only, and this page shows all tasks. Sign in with another token.")
	}
	keep := sessionTime
	if token.ExpiresAt != 0 {
		keep = min(keep, (token.ExpiresAt - task.MicrosOf(time.Now())).Duration())
	}
	a.setCookie(p, r, text, keep)
	return nil
}

// signOut answers POST /sign-out: the browser forgets the token, which stays valid.
func (a *API) signOut(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	a.setCookie(p, r, "", 0)
	p.Header()["Location"] = []string{p.reference("/sign-in")}
	p.WriteHeader(http.StatusSeeOther)
	return nil
}
