package client_test

import (
	"context"
	"fmt"
	"log"
	"sync"

	"daybook/client"
)

// Many goroutines share one Submitter. Each waits for its own task only; what they
// submit at the same time travels and is synced together.
func ExampleSubmitter() {
	server, err := client.New("http://127.0.0.1:8000", nil)
	if err != nil {
		log.Fatal(err)
	}
	submitter := server.NewSubmitter()
	var orders sync.WaitGroup
	for order := range 100 {
		orders.Go(func() {
			submitted, err := submitter.Submit(context.Background(), client.Submit{
				TaskType:       "EMAIL_SIMULATION",
				Parameters:     map[string]any{"recipient_count": 1},
				IdempotencyKey: fmt.Sprintf("order-%d", order),
			})
			if err != nil {
				log.Printf("order %d: %v", order, err)
				return
			}
			fmt.Println(submitted.ID, submitted.Status)
		})
	}
	orders.Wait()
}
