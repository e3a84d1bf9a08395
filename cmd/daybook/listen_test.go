package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook"
)

func TestAServerThatCannotListenMakesNoFolder(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	logger := slog.New(slog.DiscardHandler)
	empty := t.TempDir()
	absent := filepath.Join(empty, "new", "data")
	for _, data := range []string{absent, empty} {
		_, err := openServer(t.Context(), serverOptions{Addr: other.Addr().String(), Logger: logger, Daybook: daybook.Options{Data: data, Logger: logger}})
		if err == nil || !strings.Contains(err.Error(), "another program listens on") {
			t.Errorf("%s: %v", data, err)
		}
	}
	if _, err := os.Stat(absent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) > 0 {
		t.Errorf("%v were made, %v", entries, err)
	}
}
