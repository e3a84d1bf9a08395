package load

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// parrot answers each request of a known length with the same bytes, and does no more.
func parrot(b *testing.B, length int) (url string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Log-Seq: 1000\r\nContent-Length: 500\r\n\r\n%s", strings.Repeat("x", 500))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				request := make([]byte, length)
				for {
					if _, err := io.ReadFull(c, request); err != nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// BenchmarkRequest is what a request costs the generator, beside what it would with
// net/http. The processor time is that of both sides; the other side's is the same.
func BenchmarkRequest(b *testing.B) {
	o := Options{Type: "SLEEP", Parameters: []byte("{}")}
	b.Run("client=conn", func(b *testing.B) {
		request := target{host: "127.0.0.1:40000"}.submit(o, 1)
		t, err := newTarget(parrot(b, len(request)), nil)
		if err != nil {
			b.Fatal(err)
		}
		c := newConn(t)
		b.Cleanup(c.close)
		measure(b, func() error {
			_, err := c.do(b.Context(), request, false)
			return err
		})
	})
	b.Run("client=net-http", func(b *testing.B) {
		body := []byte(`{"task_type":"SLEEP","parameters":{}}`)
		const head = "POST /api/tasks/submit HTTP/1.1\r\nHost: 127.0.0.1:40000\r\nUser-Agent: Go-http-client/1.1\r\n" +
			"Content-Length: 37\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
		url := parrot(b, len(head)+len(body))
		web := &http.Client{Transport: &http.Transport{}}
		b.Cleanup(web.CloseIdleConnections)
		measure(b, func() error {
			req, err := http.NewRequest(http.MethodPost, url+"/api/tasks/submit", bytes.NewReader(body))
			if err != nil {
				return err
			}
			req.Host = "127.0.0.1:40000"
			req.Header.Set("Content-Type", "application/json")
			resp, err := web.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		})
	})
}

// measure runs do and reports the processor time of each run.
func measure(b *testing.B, do func() error) {
	b.ReportAllocs()
	before := processorTime()
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processorTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkIDs finds the ids in the answer to a batch of 100.
func BenchmarkIDs(b *testing.B) {
	one := `{"id":"01M3ABCDEFGHJKMNPQRSTVWXYZ","task_type":"SLEEP","parameters":{"result":"` + strings.Repeat("x", 200) + `"},"tags":[]}`
	body := []byte("[" + one + strings.Repeat(","+one, 99) + "]")
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		n := 0
		for range ids(body) {
			n++
		}
		if n != 100 {
			b.Fatal(n)
		}
	}
}
