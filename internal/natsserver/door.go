package natsserver

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// door lets nodes in that know the secret and have no other log. Two clusters of one name and one secret, of which a node
// is given an address of the other one, would otherwise become one, and each would lose its streams to the other.
type door struct {
	secret string
	logger *slog.Logger

	mu       sync.Mutex
	log      string   // guarded by mu; ID of the log of this node, "" = none yet
	stranger Stranger // guarded by mu; the last one
}

// Stranger is a node that was refused because it has another log.
type Stranger struct {
	From string    // IP address of its machine
	Log  string    // ID of its log
	At   time.Time // when it came last; zero = there was none
}

func newDoor(o *Options, logger *slog.Logger) *door {
	return &door{secret: o.Secret, log: o.Log, logger: logger}
}

// userOf is the name that a node with a log gives to others.
func userOf(log string) string {
	if log == "" {
		return user
	}
	return user + "/" + log
}

// sayStranger is after how long a node that is refused is named in the log again.
const sayStranger = time.Minute

// Check implements server.Authentication, for the side of a connection between two nodes that was called.
func (d *door) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	name, log, _ := strings.Cut(o.Username, "/")
	if name != user || subtle.ConstantTimeCompare([]byte(o.Password), []byte(d.secret)) != 1 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if log == "" || d.log == "" || log == d.log {
		return true
	}
	now := time.Now()
	if log != d.stranger.Log || now.Sub(d.stranger.At) > sayStranger {
		d.logger.Error("a node of another log is refused: it is of another cluster of this name, or its folder is; correct its addresses, or move its folder away",
			"from", c.RemoteAddress(), "its_log", log, "log", d.log)
	}
	from, _, err := net.SplitHostPort(c.RemoteAddress().String())
	if err != nil {
		from = c.RemoteAddress().String()
	}
	d.stranger = Stranger{From: from, Log: log, At: now}
	return false
}

// SetLog says which log this node has got. Nodes that have another one are refused from now on, and connections to others are made
// again, so that they know it too.
func (s *Server) SetLog(id string) error {
	s.door.mu.Lock()
	known := s.door.log == id
	s.door.log = id
	s.door.mu.Unlock()
	if known || len(s.settings.Routes) == 0 {
		return nil
	}
	settings := s.settings.Clone()
	settings.Cluster.Username = userOf(id)
	for i, route := range settings.Routes {
		named := *route
		named.User = url.UserPassword(userOf(id), settings.Cluster.Password)
		settings.Routes[i] = &named
	}
	if err := s.nats.ReloadOptions(settings); err != nil {
		return fmt.Errorf("tell the other nodes which log this one has: %w", err)
	}
	return nil
}

// Stranger is the node with another log that has come last.
func (s *Server) Stranger() Stranger {
	s.door.mu.Lock()
	defer s.door.mu.Unlock()
	return s.door.stranger
}
