package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tourBlocks are the parts of the README that people paste.
var tourBlocks = regexp.MustCompile("(?s)<!-- tour -->\n```\n(.*?)```")

// TestTheTourOfTheReadmeWorksAsItIsPasted runs each line of the tour in a shell that reads
// its lines as a person's: by the interactive rules, in which zsh knows no comments.
func TestTheTourOfTheReadmeWorksAsItIsPasted(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var tour strings.Builder
	for _, block := range tourBlocks.FindAllSubmatch(readme, -1) {
		tour.Write(block[1])
	}
	if strings.Count(tour.String(), "\n") < 10 {
		t.Fatalf("the README has no tour: %q", tour.String())
	}
	shells := []string{"bash"}
	if _, err := exec.LookPath("zsh"); err == nil || os.Getenv("CI") != "" {
		shells = append(shells, "zsh")
	}
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			dir := t.TempDir()
			server, err := startServer(dir, append(os.Environ(), "DAYBOOK_ADDR=127.0.0.1:0", "DAYBOOK_DATA="+filepath.Join(dir, "data")))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = server.cmd.Process.Kill()
				<-server.done
			}()
			if err := server.ready(patience); err != nil {
				t.Fatal(err)
			}
			pasted := strings.ReplaceAll(tour.String(), "localhost:8000", strings.TrimPrefix(server.url, "http://"))
			cmd := exec.Command(shell, map[string][]string{"bash": {"--norc", "-s"}, "zsh": {"-f", "+o", "interactive_comments", "-s"}}[shell]...)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "DAYBOOK_SERVER="+server.url, "GOBIN=", "GOPATH="+filepath.Join(dir, "go"), "GOMODCACHE="+moduleCache(t))
			cmd.Stdin = strings.NewReader("set -e\n" + pasted)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v:\n%s", err, out)
			}
			for _, want := range []string{`"status":"SUCCESS"`, `"total_rows":168`, `"processed_images":1`, "task.succeeded", "SUCCESS\t100\tSLEEP"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("the tour does not print %s:\n%s", want, out)
				}
			}
		})
	}
}

func moduleCache(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
