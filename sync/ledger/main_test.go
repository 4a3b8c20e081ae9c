package ledger_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lowers the number of tries of a property. -rapid.checks asks for more.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", tries); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
