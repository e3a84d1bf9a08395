package client_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daybook/client"
)

// link is a server that accepts all after a time: the first post after the first of takes,
// and so on; the last stands for all that follow.
type link struct {
	mu    sync.Mutex
	takes []time.Duration
	began time.Time
	left  []string // each post: when it left, and how many submits it had
}

func (l *link) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	n := strings.Count(string(body), `"task_type"`)
	l.mu.Lock()
	takes := l.takes[0]
	if len(l.takes) > 1 {
		l.takes = l.takes[1:]
	}
	l.left = append(l.left, fmt.Sprintf("%v: %d", time.Since(l.began), n))
	l.mu.Unlock()
	time.Sleep(takes)
	answer := strings.TrimSuffix(strings.Repeat("{},", n), ",")
	if strings.HasPrefix(string(body), "[") {
		answer = "[" + answer + "]"
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

// leaves has a submit at each of the times, through a Submitter of which one post took
// before and those that follow take takes, and returns when posts left.
func leaves(t *testing.T, before time.Duration, takes, at []time.Duration) []string {
	t.Helper()
	l := &link{takes: []time.Duration{before}}
	c, err := client.New("", &http.Client{Transport: l})
	if err != nil {
		t.Fatal(err)
	}
	s := c.NewSubmitter()
	if _, err := s.Submit(t.Context(), long()); err != nil {
		t.Fatal(err)
	}
	l.takes, l.began, l.left = takes, time.Now(), nil
	var wg sync.WaitGroup
	for _, after := range at {
		wg.Go(func() {
			time.Sleep(after)
			if _, err := s.Submit(t.Context(), long()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return l.left
}

func TestOnePostAtATimeGoesToANearServerAndTwoToAFarOne(t *testing.T) {
	const ms, near = time.Millisecond, 10 * time.Millisecond
	type times = []time.Duration
	for _, c := range []struct {
		name      string
		before    time.Duration
		takes, at times
		want      []string
	}{
		{"near", near - 1, times{4 * ms}, times{0, 1 * ms, 2 * ms, 5 * ms}, []string{"0s: 1", "4ms: 2", "8ms: 1"}},
		{"far", near + 1, times{40 * ms}, times{0, 1 * ms, 2 * ms, 3 * ms}, []string{"0s: 1", "1ms: 1", "40ms: 2"}},
		{"late", near - 1, times{40 * ms}, times{0, 1 * ms, near - 1, near + 1}, []string{"0s: 1", "10ms: 2", "40ms: 1"}},
		{"near again", near + 1, times{4 * ms}, times{0, 1 * ms, 2 * ms, 3 * ms, 6 * ms, 7 * ms},
			[]string{"0s: 1", "1ms: 1", "5ms: 2", "9ms: 2"}},
		{"one is late", near - 1, times{time.Hour, 4 * ms}, times{0, 1 * ms, 12 * ms, 13 * ms, 15 * ms, 30 * ms},
			[]string{"0s: 1", "10ms: 1", "14ms: 2", "18ms: 1", "30ms: 1"}},
		{"one will be late", near + 1, times{time.Hour, 4 * ms}, times{0, 1 * ms, 2 * ms, 11 * ms},
			[]string{"0s: 1", "1ms: 1", "10ms: 1", "14ms: 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if left := leaves(t, c.before, c.takes, c.at); !slices.Equal(left, c.want) {
					t.Errorf("posts left at %q, want %q", left, c.want)
				}
			})
		})
	}
}

func TestCallersThatSubmitAgainAtOnceTravelTogetherAgain(t *testing.T) {
	const callers, times = 64, 50
	synctest.Test(t, func(t *testing.T) {
		l := &link{takes: []time.Duration{time.Millisecond}}
		c, err := client.New("", &http.Client{Transport: l})
		if err != nil {
			t.Fatal(err)
		}
		s := c.NewSubmitter()
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range times {
					if _, err := s.Submit(t.Context(), long()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		// It takes times posts, and some more because a caller that has its task may yet be
		// on its way to submit again.
		if n := len(l.left); n > times*6/5 {
			t.Errorf("%d posts for %d submits of each caller", n, times)
		}
	})
}
