// Package natslog is a log that several machines hold together, in NATS JetStream.
//
// The stream of rounds is the log. One message is what one Append appends: a round. It is published with the
// sequence that must be the last one of the stream, so that of two writers one is refused, whatever each of
// them knows. Each node writes the rounds into an SQLite log of its own, the replica, with the same seqs,
// salts and hashes. All reading is done there.
//
// The bodies of payloads lie in a second stream, so that one can be erased. A round names their places; they are
// acknowledged before the round is published.
//
// Files: streams makes and checks the two streams, message is the format of a round, payloads that of bodies,
// append and publish write, follow reads, locate finds where a replica stands, erase erases payloads, sweep deletes
// those that no round names.
package natslog
