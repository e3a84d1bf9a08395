// Command oapi submits a task by a client that oapi-codegen made, and waits for its result.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"daybook/tools/clients/oapi/gen"
)

func main() {
	client, err := gen.NewClientWithResponses(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	wait := "wait=20"
	parameters := map[string]any{"seconds": 0, "result": "from oapi-codegen"}
	answer, err := client.SubmitWithResponse(context.Background(), &gen.SubmitParams{Prefer: &wait},
		gen.Submit{TaskType: "SLEEP", Parameters: &parameters})
	if err != nil || answer.StatusCode() != http.StatusOK || answer.JSON200 == nil {
		log.Fatalf("%v: %s", err, answer.Body)
	}
	done := answer.JSON200
	if done.Status != "SUCCESS" || fmt.Sprint(done.ResultData) != "from oapi-codegen" {
		log.Fatalf("got %s: %s", done.Status, answer.Body)
	}
	list, err := client.ListTasksWithResponse(context.Background(), &gen.ListTasksParams{})
	if err != nil || list.JSON200 == nil || len(*list.JSON200) == 0 {
		log.Fatalf("list: %v", err)
	}
	fmt.Println("oapi-codegen:", done.Id, done.Status)
}
