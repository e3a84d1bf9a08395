package eventlog_test

import (
	"testing"

	"daybook/eventlog"
)

func TestARaiseWakesAllWhoTookTheChannelBefore(t *testing.T) {
	var s eventlog.Signal
	s.Raise() // nobody waits
	first, second := s.Wait(), s.Wait()
	select {
	case <-first:
		t.Fatal("a raise before the wait was kept")
	default:
	}
	s.Raise()
	for i, woken := range []<-chan struct{}{first, second} {
		select {
		case <-woken:
		default:
			t.Errorf("waiter %d was not woken", i)
		}
	}
	select {
	case <-s.Wait():
		t.Error("one raise woke twice")
	default:
	}
}
