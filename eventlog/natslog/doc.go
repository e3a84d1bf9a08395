// Package natslog is a log that several machines hold together, in NATS JetStream.
//
// A stream is the log. One message is what one Append appends: a round. It is published with the
// sequence that must be the last one of the stream, so that of two writers one is refused, whatever each of
// them knows. Each node writes the rounds into an SQLite log of its own, the replica, with the same seqs,
// salts and hashes. All reading is done there.
//
// A round has the bodies of its payloads. To erase one, a copy of the round without it is published, and the messages of the round
// are deleted.
//
// Files: streams makes and checks the stream, message is its format, append and publish write, follow reads, gap reads what takes the
// place of what was erased, locate finds where a replica stands and where a round is, erase erases payloads, erasures keeps account
// of what was erased, import brings the log of a single node in, older that of an earlier version.
package natslog
