package scanner_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tilld/drivers/drivertest"
	"tilld/drivers/port"
	"tilld/drivers/scanner"
	"tilld/firmware-configs"
)

var update = flag.Bool("update", false, "write the .want files of testdata anew")

// TestCaptures plays every capture of every profile through the whole driver, in virtual time, and compares what it
// tells, and when, with the file beside the capture.
func TestCaptures(t *testing.T) {
	for _, name := range firmware.Names() {
		profile, err := firmware.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		captures, err := filepath.Glob(filepath.Join("testdata", name, "*.cap"))
		if err != nil || len(captures) == 0 {
			t.Errorf("profile %s has no captures in testdata/%s (%v)", name, name, err)
		}
		for _, file := range captures {
			t.Run(name+"/"+filepath.Base(file), func(t *testing.T) {
				got, want := replay(t, profile, file), strings.TrimSuffix(file, ".cap")+".want"
				if *update {
					if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				text, err := os.ReadFile(want)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(text) {
					t.Errorf("got\n%s\nwant\n%s", got, text)
				}
			})
		}
	}
}

// replay plays one capture and tells the events, a line each, with their times from the opening of the port.
func replay(t *testing.T, profile firmware.Profile, file string) string {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	steps, err := port.ParseCapture(in)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	synctest.Test(t, func(t *testing.T) {
		played := false
		s, err := scanner.New(scanner.Config{
			Profile: profile, HousePrefixes: []string{drivertest.HousePrefix},
			Open: func() (port.Port, error) {
				if played {
					return nil, port.ErrNotFound
				}
				played = true
				return port.Replay(file, steps, nil), nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_ = s.Run(ctx, func(e scanner.Event) { // ends with ctx
			fmt.Fprintf(&b, "%v %s\n", e.When().Sub(start), drivertest.Describe(e))
		})
	})
	return b.String()
}
