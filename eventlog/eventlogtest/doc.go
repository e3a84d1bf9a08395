// Package eventlogtest says by tests what a log promises: Run is the suite that every
// engine passes. Memory is the smallest log that passes it, for tests that need a log and
// no disk; Failing is a log that fails on purpose.
package eventlogtest
