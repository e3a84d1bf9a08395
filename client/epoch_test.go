package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"daybook/client"
)

// Two servers take turns under one address. The seq that was reached is in both logs.
func TestAStreamThatComesBackToAnotherLogIsAReset(t *testing.T) {
	var behind atomic.Pointer[httputil.ReverseProxy]
	to := func(server *httptest.Server) {
		at, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(at)
		proxy.FlushInterval = -1
		behind.Store(proxy)
	}
	first, second := serve(t), serve(t)
	for _, server := range []*httptest.Server{first, second} {
		direct, err := client.New(server.URL, server.Client())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			if _, err := direct.SubmitAndWait(t.Context(), sleep(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { _ = recover() }() // a proxied stream that is cut
		behind.Load().ServeHTTP(w, r)
	}))
	defer front.Close()
	to(first)
	c, err := client.New(front.URL, front.Client())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last error
	n := 0
	for _, err := range c.Follow(ctx, client.FollowQuery{}) {
		if last = err; err != nil {
			break
		}
		if n++; n == 3 {
			to(second)
			front.CloseClientConnections()
		}
	}
	if !errors.Is(last, client.ErrReset) {
		t.Errorf("after %d events: %v", n, last)
	}
}
