package api

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"daybook/files"
)

func TestAnUploadToABlockedPlaceSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	store, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := open(t, nil, func(o *Options) { o.Files = store })
	sum := sha256.Sum256([]byte("a,b\n1,2\n"))
	id := hex.EncodeToString(sum[:])
	if err := syscall.Mkfifo(filepath.Join(dir, id[:2]), 0o600); err != nil {
		t.Fatal(err)
	}
	a := h.do("POST", "/api/files?name=a.csv", "a,b\n1,2\n")
	if a.status != 503 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "/docs#files-blocked") || strings.Contains(a.body, id[:2]+"/") || strings.Contains(a.body, dir) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := h.do("GET", "/api/files/"+id, ""); a.status != 404 {
		t.Errorf("download: %d %s", a.status, a.body)
	}
	if a := h.want("GET", "/api/log/verify", "").object(t); a["ok"] != false || !strings.Contains(a["detail"].(string), "in the place of") {
		t.Errorf("verify: %v", a)
	}
	if err := os.Remove(filepath.Join(dir, id[:2])); err != nil {
		t.Fatal(err)
	}
	h.want("POST", "/api/files?name=a.csv", "a,b\n1,2\n")
	if a := h.want("GET", "/api/log/verify", "").object(t); a["ok"] != true {
		t.Errorf("verify: %v", a)
	}
}
