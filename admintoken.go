package daybook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"daybook/api"
	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// actorOffline is the actor of what is appended to a data folder that no server has open.
const actorOffline = "offline"

// CreateAdminToken appends an admin token without limits to the log of a data folder that no server has
// open, and returns the token itself, which is not kept. It is the way back when the last admin token is
// lost: whoever may write the folder may do everything anyway. Errors: sqlitelog.ErrLocked, scheduler.ErrTokenExists, and those of Open.
func CreateAdminToken(ctx context.Context, data, name string, logger *slog.Logger) (token string, err error) {
	if !task.NewName(name) {
		return "", fmt.Errorf("the name of a token %s", task.NameRule)
	}
	if !slices.ContainsFunc(dataFiles(data), func(name string) bool { return strings.HasPrefix(name, "log-") }) {
		return "", fmt.Errorf("there is no log in %s: name the data folder of the server", data) // Open would make one
	}
	log, err := sqlitelog.Open(ctx, sqlitelog.Options{Dir: data, Logger: logger, LookFirst: true})
	if errors.Is(err, sqlitelog.ErrLocked) {
		return "", fmt.Errorf("%w, or create the token through that server, with an admin token in DAYBOOK_TOKEN and without --data", err)
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	version, exists, err := tokenStream(ctx, log, "token:"+name)
	if err != nil {
		return "", err
	}
	if exists {
		return "", fmt.Errorf("%w; use another name", scheduler.ErrTokenExists)
	}
	if err := log.StartWriting(); err != nil {
		return "", err
	}
	token = api.NewToken()
	hash := sha256.Sum256([]byte(token))
	text, err := json.Marshal(projection.TokenCreatedData{Role: projection.Admin, Hash: hex.EncodeToString(hash[:])})
	if err != nil {
		return "", err // not for strings
	}
	head := log.Head()
	created := &eventlog.Event{At: max(time.Now().UnixMicro(), head.At), Stream: "token:" + name, Version: version + 1,
		Type: projection.TokenCreated, V: 1, Actor: actorOffline, Data: text}
	results := log.Append(ctx, []eventlog.Entry{{Events: []*eventlog.Event{created}, Expect: eventlog.NothingAfter(head.Seq)}})
	if err := results[0].Err; err != nil {
		return "", err
	}
	return token, nil
}

// tokenStream reads the stream of a token: how many events it has, and whether the token exists.
func tokenStream(ctx context.Context, log eventlog.Log, stream string) (version int64, exists bool, err error) {
	const page = 1000
	for after := int64(0); ; {
		read, err := log.Read(ctx, after, eventlog.Filter{Streams: []string{stream}}, page)
		if err != nil {
			return 0, false, err
		}
		for _, e := range read.Events {
			version = e.Version
			switch e.Type {
			case projection.TokenCreated:
				exists = true
			case projection.TokenRevoked:
				exists = false
			}
		}
		if after = read.Scanned; after >= read.Head {
			return version, exists, nil
		}
	}
}
