package daybook_test

import (
	"testing"

	leaks "go.uber.org/goleak" // house_test.go has the plain name
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }
