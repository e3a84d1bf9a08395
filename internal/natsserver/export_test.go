package natsserver

// IsReady reports whether JetStream has a leader that this server knows, or is alone.
func (s *Server) IsReady() bool {
	return s.nats.JetStreamEnabled() && (!s.nats.JetStreamIsClustered() || s.nats.JetStreamIsCurrent())
}

// IDs are the ID of the server as it says, and as Forget makes it of its name.
func (s *Server) IDs() (own, made string) { return s.nats.NodeName(), idOf(s.nats.Name()) }
