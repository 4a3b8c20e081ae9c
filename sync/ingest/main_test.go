package ingest

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain starts HQ instead of the tests where a test wants it as a process of its own. Properties here open
// databases, so that fewer tries than usual must do, unless somebody asks for more.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "20"); err != nil {
			panic(err)
		}
	}
	if path := os.Getenv(childPath); path != "" {
		child(path)
		return
	}
	if dir := os.Getenv(envPowerDir); dir != "" {
		if err := powerChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
