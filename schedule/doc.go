// Package schedule says when a recurring task is due: by a cron expression in a time
// zone, or at a fixed interval.
//
// It is pure: it reads no clock, and the same Spec and moment always give the same
// answer. An occurrence is identified by its nominal time, which is what the expression
// says on a clock on the wall of the zone ("2026-03-29T02:30:00"). Whoever fires
// occurrences remembers the nominal times that were fired, so that each fires once, also
// after a restart or when the rules of the zone change.
//
// It does not decide whether an occurrence that is late still fires: that is up to the
// scheduler.
package schedule
