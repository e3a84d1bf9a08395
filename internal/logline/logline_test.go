package logline

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func record(do func(*slog.Logger)) (list []Line) {
	do(slog.New(NewHandler(func(l Line) { list = append(list, l) })))
	return list
}

func TestARecordBecomesATextAndAttributes(t *testing.T) {
	type point struct{ X int }
	got := record(func(l *slog.Logger) {
		l.Debug("plain")
		l.Info("with", "n", 1, "p", point{2}, "err", fmt.Errorf("bad"), "level", "mine", "msg", "too")
		l.With("a", 1).WithGroup("g").Warn("grouped", "b", 2)
		l.Error("twice", "k", 1, "k", 2)
		l.Log(t.Context(), slog.LevelError+4, "above")
		l.Info("", "only", true)
	})
	want := []struct{ level, text, attributes string }{
		{"debug", "plain", ""},
		{"info", "with", `{"n":1,"p":{"X":2},"err":"bad","level":"mine","msg":"too"}`},
		{"warn", "grouped", `{"a":1,"g":{"b":2}}`},
		{"error", "twice", `{"k":2}`},
		{"error", "above", ""},
		{"info", "", `{"only":true}`},
	}
	for i, w := range want {
		if g := got[i]; LevelName(g.Level) != w.level || g.Text != w.text || string(g.Attributes) != w.attributes {
			t.Errorf("line %d is %s %q %s, want %+v", i, LevelName(g.Level), g.Text, g.Attributes, w)
		}
		if time.Since(got[i].At) > time.Minute {
			t.Error(got[i].At)
		}
	}
}

func TestEveryLineFits(t *testing.T) {
	deep := strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40)
	long := strings.Repeat("ä", MaxBytes)
	got := record(func(l *slog.Logger) {
		l.Info(long)
		l.Info(long, "n", 1)
		l.Info("x", "long", long)
		l.Info("x", "deep", json.RawMessage(deep))
		l.Info("bad \xff utf-8\u202e", "k", "\xff")
	})
	for i, g := range got {
		if g.Size() > MaxBytes || !json.Valid([]byte(`"`+g.Text+`"`)) || g.Attributes != nil && !json.Valid(g.Attributes) {
			t.Errorf("line %d has %d bytes: %.60q %.60s", i, g.Size(), g.Text, g.Attributes)
		}
	}
	if !strings.HasSuffix(got[0].Text, "ä…") || got[0].Size() < MaxBytes-4 {
		t.Errorf("%d bytes, ends with %q", got[0].Size(), got[0].Text[len(got[0].Text)-8:])
	}
	for i, want := range map[int]string{2: `bytes of attributes: a line has at most`, 3: `nested too deep`} {
		if !strings.Contains(string(got[i].Attributes), want) {
			t.Errorf("attributes of line %d: %.200s", i, got[i].Attributes)
		}
	}
	if got[4].Text != "bad \ufffd utf-8" {
		t.Errorf("%q", got[4].Text)
	}
}

func TestEachLevelHasOneName(t *testing.T) {
	for _, level := range Levels {
		if back, ok := ParseLevel(LevelName(level)); !ok || back != level {
			t.Error(level, "is", LevelName(level), "is", back, ok)
		}
	}
	if _, ok := ParseLevel("WARN"); ok {
		t.Error("names are lower case")
	}
}
