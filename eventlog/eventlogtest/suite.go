package eventlogtest

import (
	"testing"

	"daybook/eventlog"
)

// Open gives a test an empty log, and a function that closes it and opens it again with
// all that it holds; the log of before is not used after that. What it opens it closes in
// t.Cleanup.
type Open func(t *testing.T) (log eventlog.Log, reopen func() eventlog.Log)

// Run runs the suite. Every test gets a log of its own.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"AnEmptyLogHasAHeadBeforeTheFirstEvent", testEmpty},
		{"EventsLieInTheOrderOfTheirEntriesWithoutGaps", testOrder},
		{"FieldsAreFilledInPlace", testInPlace},
		{"ABadEntryIsRefusedWholeAndTheRestGoOn", testInvalid},
		{"TimeNeverGoesDown", testTime},
		{"AGuardedEntryConflictsWhenTheLogHasMovedOn", testConflict},
		{"AConflictIsToldBeforeAllElse", testConflictFirst},
		{"EntriesOfOneCallDoNotConflictWithEachOther", testOwnCall},
		{"WhatNeedsARefusedEntryIsRefusedWithIt", testNeeds},
		{"AnEndedContextWritesNothing", testContext},
		{"ReopenKeepsEverything", testReopen},
		{"AnEpochStaysAndNamesOneLog", testEpoch},
		{"ReadKeepsToLimitAndBounds", testLimits},
		{"ReadFilters", testFilter},
		{"EventsComeInTheOrderAskedFor", testEvents},
		{"PayloadsAreKeptApartAndHashedWithSalt", testPayload},
		{"AnErasedPayloadLeavesTheChainWhole", testErase},
		{"PayloadsAreWhatPayloadIsForEach", testPayloads},
		{"PayloadsEndWithTheErrorOfTheirCallerOrContext", testPayloadsEnd},
		{"ScanChecksTheChainFromAnyPoint", testScan},
		{"ScanEndsWithTheErrorOfItsCallerOrContext", testScanEnds},
		{"LargeEventsAndPayloadsComeBackWhole", testLarge},
		{"ALogIsWhatASliceWouldBe", testAgainstSlice},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}
