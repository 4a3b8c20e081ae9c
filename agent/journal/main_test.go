package journal

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// envRole makes the test binary play a lane's process, of which crash_test.go has the parts.
const envRole = "TILLD_JOURNAL_TEST_ROLE"

// roles are what the binary can play.
var roles = map[string]func() error{}

// modelChecks is how many histories TestModel tries unless -rapid.checks says otherwise: the race detector
// makes SQLite many times slower.
const modelChecks = "20"

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		if err := roles[role](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", modelChecks); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
