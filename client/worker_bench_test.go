package client_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"

	"daybook/client"
)

// BenchmarkWorker runs tasks that do nothing in workers with one slot, one call a task. The server answers from
// memory: what is measured is the worker, and the sockets.
func BenchmarkWorker(b *testing.B) {
	for _, workers := range []int{1, 64} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer listener.Close()
			go serveLeases(listener)
			c, err := client.New("http://"+listener.Addr().String(), nil)
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(b.Context())
			defer stop()
			left := make(chan struct{}, b.N)
			for range b.N {
				left <- struct{}{}
			}
			b.ReportAllocs()
			var running sync.WaitGroup
			for i := range workers {
				worker := client.NewWorker(c, client.WorkerOptions{Name: fmt.Sprint("bench-", i), Slots: 1, Grace: -1, Logger: slog.New(slog.DiscardHandler)})
				client.Handle(worker, "NOOP", func(context.Context, client.Lease[json.RawMessage]) (any, error) {
					select {
					case <-left:
					default:
						stop()
					}
					return nil, nil
				})
				running.Go(func() {
					if err := worker.Run(ctx); err != nil {
						b.Error(err)
					}
				})
			}
			running.Wait()
		})
	}
}

// serveLeases answers each call that leases with one lease.
func serveLeases(listener net.Listener) {
	answer := func(leases string) []byte {
		body := `{"leases":[` + leases + `],"results":[{"status":200}],"quiet":false,"beat_seconds":10}`
		return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\nDate: Mon, 30 Nov 2026 12:00:00 GMT\r\n\r\n%s", len(body), body)
	}
	one, none := answer(`{"token":"dbl_AaIsVWQXlfKY95fxkj5xM8sGur648z1n-PKPURM8p0o","until":"2026-11-30T12:02:33.435174Z","attempt":1,"traceparent":null,"task":`+leasedTask+`}`), answer("")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			in, body := bufio.NewReader(conn), []byte(nil)
			for {
				var err error
				if body, err = nextBody(in, body); err != nil {
					return
				}
				answer := one
				if bytes.Contains(body, []byte(`"max":0,`)) {
					answer = none
				}
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		}()
	}
}

// nextBody reads a request and returns its body, in the room of the one before.
func nextBody(in *bufio.Reader, room []byte) ([]byte, error) {
	for length := 0; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			body := slices.Grow(room[:0], length)[:length]
			_, err := io.ReadFull(in, body)
			return body, err
		}
	}
}

// leasedTask is a task as the server writes it.
const leasedTask = `{"id":"01M8P5AS0QJQS9HXWQY693WW9K","task_type":"NOOP","status":"RUNNING","created_at":"2026-11-30T12:02:03.415120Z",` +
	`"started_at":"2026-11-30T12:02:03.434499Z","completed_at":null,"ready_at":"2026-11-30T12:02:03.415120Z","progress":0,"progress_message":null,` +
	`"parameters":{"order":"order 12","email":"user@example.com","subject":"Your shipment is on its way","reference":"5f1c0aa7be02ce8d1d0d9f6d8f0e0c5b77aa40e1",` +
	`"amount_cents":100,"country":"CH","retries":0},"result_data":null,"error_message":null,"queue":"default","priority":0,"run_at":null,"waiting_for":null,` +
	`"subject":null,"outcome":null,"partial":false,"attempt":1,"max_attempts":3,"attempts_before_retry":0,"timeout_seconds":1800,"tags":[],` +
	`"idempotency_key":null,"concurrency_key":null,"unique":null,"retry_of":null,"retried_as":null,"replaced_by":null,"parent_id":null,"child_name":null,"workflow_id":null,"traceparent":null,` +
	`"worker":"bench-1","version":2,"progress_reports":0,"last_seq":3}`
