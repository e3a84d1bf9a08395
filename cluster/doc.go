// Package cluster lets several machines be one queue. Each node has the log of package natslog and folds it into
// views of its own. One of them leads: its scheduler decides what is appended. Who leads is written in the log
// itself (server.led): an older leader's next append is refused, whatever it believes.
//
// Files: node starts the servers and joins the log, lead decides when to try to lead, follow folds what others
// append, beat is what nodes tell each other, pass carries HTTP requests to the leader, front answers the outside.
package cluster
