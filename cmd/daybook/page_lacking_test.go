package main

import (
	"os"
	"syscall"
	"testing"
)

// A place whose modules cannot be loaded because the server is down is there when the server is back.
func TestPageLoadsWhatItLacksWhenTheServerIsBack(t *testing.T) {
	b, process := openPage(t, 1280, 1000)
	addr := process.url[len("http://"):]
	b.mu.Lock()
	b.cut = true
	b.mu.Unlock()
	if _, err := process.stop(syscall.SIGKILL, patience); err != nil {
		t.Fatal(err)
	}
	b.js(`location.hash = "#/schedules"`)
	b.until("it says so", `document.querySelector(".toast.bad")?.textContent.includes("Part of the page could not be loaded")`)
	server, err := startServer(process.cmd.Dir, os.Environ(), "--addr", addr, "--data", "data", "--quiet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.cmd.Process.Kill(); <-server.done })
	if err := server.ready(patience); err != nil {
		t.Fatal(err)
	}
	b.until("the place is there", `document.body.innerText.includes("There is no schedule yet")`)
}
