package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBackupAndRestore takes the steps of OPERATIONS.md: a backup while HQ runs, its machine lost, another one
// made of the backup and of the keys that were kept apart. Lanes send again what came after the backup, and
// every payment is settled once.
func TestBackupAndRestore(t *testing.T) {
	s := newStage(t, 1, roomy)
	l, data, backup := s.lanes[0], filepath.Join(s.dir, "hq"), filepath.Join(s.dir, "backup")
	s.online(l)
	sum, count := int64(0), uint64(0)
	sell := func(amount int64) {
		t.Helper()
		s.sell(l, s.phone(), amount)
		sum, count = sum+amount, count+1
	}
	settled := func() {
		t.Helper()
		s.drained()
		s.until("all is settled once", func() bool {
			n, minor := s.cutAll()
			if n > count || minor > sum {
				t.Fatalf("settled %d payments of %d, more than %d of %d", n, minor, count, sum)
			}
			return n == count && minor == sum
		})
	}
	sell(1000)
	settled()
	out := s.cli("hq", "backup", "--data", data, backup)
	if !strings.Contains(out, "of the archive; keys/ is not in it") {
		t.Errorf("it says %q", out)
	}
	if code, _, errs := tilld(t, "hq", "backup", "--data", data, backup); code != exitFailure || !strings.Contains(errs, "is there already") {
		t.Errorf("a second backup to the same place: exit %d, %s", code, errs)
	}
	sell(200)
	settled()
	sell(30)
	s.drained()

	s.hq.kill()
	lost := filepath.Join(s.dir, "lost")
	s.must(os.Rename(data, lost))
	s.must(os.Rename(backup, data))
	if _, err := os.Stat(filepath.Join(data, "keys")); !os.IsNotExist(err) {
		t.Errorf("keys are in the backup: %v", err)
	}
	s.must(os.Rename(filepath.Join(lost, "keys"), filepath.Join(data, "keys")))
	s.cli("hq", "restored", "--data", data)
	s.hq.begin()
	s.healthy(s.hqURL)
	s.online(l)
	settled()
	sell(4)
	settled()
	l.end()
	s.hq.end()
	if out := s.cli("hq", "check", "--data", data); !strings.Contains(out, "All is well") {
		t.Errorf("after all that:\n%s", out)
	}
}

// TestRestoreBesideANewerArchive: where only the books were lost, the batches that were cut since the backup come
// back from the archive with the very bytes that finance has.
func TestRestoreBesideANewerArchive(t *testing.T) {
	s := newStage(t, 1, roomy)
	l, data, backup := s.lanes[0], filepath.Join(s.dir, "hq"), filepath.Join(s.dir, "backup")
	s.online(l)
	s.cli("hq", "backup", "--data", data, backup)
	s.sell(l, s.phone(), 700)
	s.drained()
	s.until("it is settled", func() bool { n, _ := s.cutAll(); return n == 1 })
	var before settlements
	s.ask("GET", "/v1/settlements", &before)
	s.hq.end()
	for _, name := range []string{"ledger.db", "ledger.db-wal", "ledger.db-shm"} {
		if err := os.Remove(filepath.Join(data, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	s.must(os.Rename(filepath.Join(backup, "ledger.db"), filepath.Join(data, "ledger.db")))
	code, _, errs := tilld(t, "hq", "-c", filepath.Join(s.dir, "hq.toml"))
	if code != exitFailure || !strings.Contains(errs, "hq restored --data "+data) {
		t.Errorf("without saying so: exit %d, %s", code, errs)
	}
	s.cli("hq", "restored", "--data", data)
	s.hq.begin()
	s.healthy(s.hqURL)
	s.online(l)
	s.until("the batch is back, and its payment", func() bool {
		var after settlements
		s.ask("GET", "/v1/settlements", &after)
		var sum int64
		for _, b := range after.Items {
			sum += b.Sum
		}
		return sum == 700 && len(after.Items) >= len(before.Items) && strings.Contains(s.checkNow(data), "All is well")
	})
}

// checkNow is what hq check says of running books.
func (s *stage) checkNow(data string) string {
	s.Helper()
	_, out, _ := tilld(s.TB, "hq", "check", "--data", data)
	return out
}
