package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/files"
	"daybook/task"
)

// elsewhere has the files of other nodes, which cannot be reached, or have none.
type elsewhere struct {
	files.Shared
	err error
}

func (e elsewhere) Get(context.Context, string) (io.ReadCloser, files.Info, error) {
	return nil, files.Info{}, e.err
}

// oneFile is a type whose tasks name a file.
type oneFile struct{ Types }

func (oneFile) Knows(string) bool { return true }

func (oneFile) Prepare(_ string, parameters []byte) ([]byte, []string, []task.FieldError, error) {
	return parameters, []string{strings.Repeat("ab", 32)}, nil, nil
}

// While the nodes that may have a file cannot be reached, a submit that names it is no wrong one.
func TestAFileThatCannotBeLookedForMakesNoRequestWrong(t *testing.T) {
	for name, c := range map[string]struct {
		get  error
		want error
	}{
		"there is no such file":           {files.ErrNotFound, task.ErrInvalid},
		"the others cannot be reached":    {fmt.Errorf("%w: no majority", eventlog.ErrUnavailable), eventlog.ErrUnavailable},
		"the others say nothing for long": {context.DeadlineExceeded, context.DeadlineExceeded},
	} {
		store, err := files.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		store.Share(elsewhere{err: c.get})
		in := &Intake{Options: Options{Types: oneFile{}, Files: store, Logger: slog.New(slog.DiscardHandler)}}
		err = in.Complete(&task.Submit{Type: "T"})
		if refusal, ok := errors.AsType[*task.Refusal](err); !errors.Is(err, c.want) || ok != errors.Is(c.want, task.ErrInvalid) {
			t.Errorf("%s: %v, %+v", name, err, refusal)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}
