//go:build linux

package clustertest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

const (
	// diskSize is the size of the small disk of a node, in bytes.
	diskSize = 384 << 20
	ballast  = "ballast"
)

// smallDisk gives the folder of a node a disk of its own, in memory. It reports whether this process may do that: in most containers only root
// may. What it writes there when it is full fails with ENOSPC.
func (n *node) smallDisk(t *testing.T) bool {
	t.Helper()
	if err := os.MkdirAll(n.data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("daybook-clustertest", n.data, "tmpfs", 0, "size=384m,mode=700"); err != nil {
		t.Logf("no disk is filled: this process cannot mount one: %v", err)
		return false
	}
	t.Cleanup(func() {
		n.kill()
		if err := syscall.Unmount(n.data, 0); err != nil {
			t.Errorf("unmount the disk of node %s: %v", n.name, err)
		}
	})
	return true
}

// fillDisk leaves no room on the disk of the node.
func (n *node) fillDisk(t *testing.T) {
	t.Helper()
	f, err := os.Create(filepath.Join(n.data, ballast))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for step := int64(64 << 20); step >= 4<<10; {
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Fallocate(int(f.Fd()), 0, info.Size(), step); err != nil {
			step /= 4
		}
	}
}

// freeDisk gives the room back.
func (n *node) freeDisk(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(n.data, ballast)); err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
}
