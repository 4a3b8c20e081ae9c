package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keep copies the files that say who a lane is, as OPERATIONS.md has it done when the lane has joined.
func (s *stage) keep(from, to string, more ...string) {
	s.Helper()
	s.must(os.MkdirAll(to, 0o700))
	for _, name := range append([]string{"terminal.id", "terminal.key", "terminal.join"}, more...) {
		b, err := os.ReadFile(filepath.Join(from, name))
		s.must(err)
		s.must(os.WriteFile(filepath.Join(to, name), b, 0o600))
	}
}

// TestRecoverFromTheSecondMedium: a lane's disk dies in an outage, with payments on it that HQ has not got. From
// the second medium, and the files that were kept, all of them come to HQ, each once. Who starts the lane at once
// is told what to do, whether the new disk is empty or an old image of the dead one.
func TestRecoverFromTheSecondMedium(t *testing.T) {
	for _, tt := range []struct {
		name  string
		image bool
		told  string // by the lane's start
	}{
		{"an empty disk", false, "holds no journal, and the second medium does: tilld lane recover --data "},
		{"an old image", true, "the second medium knows more than the journal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t, 1, roomy)
			l, kept, second := s.lanes[0], filepath.Join(s.dir, "kept"), filepath.Join(s.dir, "second")
			s.must(os.Mkdir(second, 0o700))
			s.keep(l.dir, kept)
			s.withSecond(l, second)
			s.online(l)
			s.sell(l, s.phone(), 1000)
			s.drained()
			l.end()
			if tt.image {
				s.keep(l.dir, kept, "journal.db")
			}
			l.begin()
			s.ready(l)
			s.online(l)
			s.line.Cut()
			s.sell(l, s.phone(), 200)
			s.sell(l, s.phone(), 30)
			l.kill()
			s.must(os.RemoveAll(l.dir))

			s.must(os.Rename(kept, l.dir))
			recovery := []string{"lane", "recover", "--data", l.dir, "--second", second}
			code, _, errs := tilld(t, "lane", "-c", filepath.Join(s.dir, "L1.toml"))
			if code != exitFailure || !strings.Contains(errs, tt.told) || !strings.Contains(errs, "tilld "+strings.Join(recovery, " ")) {
				t.Errorf("a lane at the second medium: exit %d, %s", code, errs)
			}
			if tt.image {
				if code, _, errs := tilld(t, recovery...); code != exitFailure || !strings.Contains(errs, "holds a journal already") {
					t.Errorf("beside an old journal: exit %d, %s", code, errs)
				}
				list, err := filepath.Glob(filepath.Join(l.dir, "journal.db*"))
				s.must(err)
				for _, name := range list {
					s.must(os.Remove(name))
				}
			}
			if out := s.cli(recovery...); !strings.Contains(out, "the journal is there again") {
				t.Errorf("it says %q", out)
			}
			s.line.Restore()
			l.begin()
			s.ready(l)
			s.online(l)
			s.sell(l, s.phone(), 4)
			s.drained()
			s.until("HQ has all four payments", func() bool { n, minor := s.cutAll(); return n == 4 && minor == 1234 })
			l.end()
			s.hq.end()
			if out := s.cli("hq", "check", "--data", filepath.Join(s.dir, "hq")); !strings.Contains(out, "All is well") {
				t.Errorf("after all that:\n%s", out)
			}
		})
	}
}

// withSecond starts a lane again, with a second medium.
func (s *stage) withSecond(l *laneProcess, second string) {
	s.Helper()
	l.end()
	conf := filepath.Join(s.dir, l.name+".toml")
	text, err := os.ReadFile(conf)
	s.must(err)
	s.must(os.WriteFile(conf, append([]byte("second = \""+second+"\"\n"), text...), 0o600))
	l.begin()
	s.ready(l)
}

func TestRecoverNeedsWhoTheLaneIs(t *testing.T) {
	code, _, errs := tilld(t, "lane", "recover", "--data", t.TempDir(), "--second", t.TempDir())
	if code != exitFailure || !strings.Contains(errs, "holds no terminal") {
		t.Errorf("exit %d, %s", code, errs)
	}
}
