package natsserver

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// codeNotMember is the code of JetStream for a server that is not one of the cluster.
const codeNotMember = 10044

// Forget takes a server that does not run out of those of which more than half must run. That it is none of them is no error.
func (s *Server) Forget(ctx context.Context, name string) error {
	c, err := nats.Connect("", nats.InProcessServer(s.nats), nats.UserInfo(systemUser, s.password))
	if err != nil {
		return fmt.Errorf("forget server %s: %w", name, err)
	}
	defer c.Close()
	// The name of a server that has not been heard of since the others started is not known, its ID is.
	question, err := json.Marshal(server.JSApiMetaServerRemoveRequest{Server: name, Peer: idOf(name)})
	if err != nil {
		return err // not for names
	}
	answer, err := c.RequestWithContext(ctx, server.JSApiRemoveServer, question)
	if err != nil {
		return fmt.Errorf("forget server %s: %w", name, err)
	}
	var said struct {
		Error *server.ApiError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &said); err != nil {
		return fmt.Errorf("forget server %s: %w", name, err)
	}
	if said.Error != nil && said.Error.ErrCode != codeNotMember {
		return fmt.Errorf("forget server %s: %w", name, said.Error)
	}
	return nil
}

// idOf is the ID under which the servers know a server in what they agree on.
func idOf(name string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := sha256.Sum256([]byte(name))
	id := make([]byte, 8)
	for i := range id {
		id[i] = digits[int(sum[i])%len(digits)]
	}
	return string(id)
}
