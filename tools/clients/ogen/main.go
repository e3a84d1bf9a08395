// Command ogen submits a task by a client that ogen made, and waits for its result.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"daybook/tools/clients/ogen/gen"

	"github.com/go-faster/jx"
	"github.com/ogen-go/ogen/ogenerrors"
)

// noToken is for a server without tokens.
type noToken struct{}

func (noToken) Cookie(context.Context, gen.OperationName) (gen.Cookie, error) {
	return gen.Cookie{}, ogenerrors.ErrSkipClientSecurity
}

func (noToken) Token(context.Context, gen.OperationName) (gen.Token, error) {
	return gen.Token{}, ogenerrors.ErrSkipClientSecurity
}

func main() {
	client, err := gen.NewClient(os.Args[1], noToken{})
	if err != nil {
		log.Fatal(err)
	}
	request := &gen.Submit{TaskType: "SLEEP", Parameters: gen.NewOptNilSubmitParameters(gen.SubmitParameters{
		"seconds": jx.Raw("0"), "result": jx.Raw(`"from ogen"`),
	})}
	answer, err := client.Submit(context.Background(), request, gen.SubmitParams{Prefer: gen.NewOptString("wait=20")})
	if err != nil {
		log.Fatal(err)
	}
	done, ok := answer.(*gen.SubmitOKHeaders)
	if !ok {
		log.Fatalf("got %T: %+v", answer, answer)
	}
	if done.Response.Status != "SUCCESS" || string(done.Response.ResultData) != `"from ogen"` {
		log.Fatalf("got %s with %s", done.Response.Status, done.Response.ResultData)
	}
	fmt.Println("ogen:", done.Response.ID, done.Response.Status)
}
