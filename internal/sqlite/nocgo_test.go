package sqlite

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestABuildWithoutCgoSaysWhatIsMissing(t *testing.T) {
	build := exec.Command("go", "build", ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if lines := strings.Count(string(out), "\n"); err == nil || !strings.Contains(string(out), "install_a_C_compiler") || lines > 2 {
		t.Errorf("%v: %s", err, out)
	}
}
