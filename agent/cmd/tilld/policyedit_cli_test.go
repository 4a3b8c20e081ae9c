package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPolicyEdit edits the policy with an editor that is a script: what it writes is signed under the next version,
// what it leaves as it was is not, and what can't be a policy is kept in the file that the error names.
func TestPolicyEdit(t *testing.T) {
	dir, tmp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	data := filepath.Join(dir, "hq")
	s := &stage{TB: t, dir: dir}
	s.cli("hq", "init", "--data", data, "--chain", "kita")
	first := s.cli("hq", "policy", "show", "--data", data)
	edit := func(script string) (code int, out, errs string) {
		t.Helper()
		path := filepath.Join(dir, "editor.sh")
		s.must(os.WriteFile(path, []byte(script+"\n"), 0o700))
		t.Setenv("EDITOR", "sh "+path) // a command with its arguments, as people have it
		return tilld(t, "hq", "policy", "edit", "--data", data)
	}
	left := func() []string {
		t.Helper()
		list, err := filepath.Glob(filepath.Join(tmp, "policy-*.toml"))
		s.must(err)
		return list
	}

	const inForce = "# The policy of chain kita: version 1, signed, in force since 20"
	if !strings.HasPrefix(first, inForce) || strings.Contains(first, "once it is signed") {
		t.Errorf("the policy in force calls itself\n%s", first)
	}
	if code, out, errs := edit(`sed -i 's/^share_count = .*/share_count = 321/' "$1"`); code != 0 || !strings.Contains(out, "policy 2 is signed") {
		t.Fatalf("a good edit: exit %d\n%s%s", code, out, errs)
	}
	second := s.cli("hq", "policy", "show", "--data", data)
	if !strings.Contains(second, "share_count = 321") || !strings.Contains(second, "version = 2") || strings.Contains(first, "share_count = 321") {
		t.Errorf("the policy in force:\n%s", second)
	}
	if code, _, errs := edit("true"); code != exitNegative || !strings.Contains(errs, "nothing was changed") {
		t.Errorf("no edit: exit %d\n%s", code, errs)
	}
	if files := left(); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	if code, _, errs := edit("exit 4"); code != exitFailure || !strings.Contains(errs, "not signed") || !strings.Contains(errs, "exit status 4") {
		t.Errorf("an editor that fails: exit %d\n%s", code, errs)
	}
	for _, name := range left() {
		s.must(os.Remove(name))
	}
	code, _, errs := edit(`sed -i 's/^share_count = .*/share_count = "many"/' "$1"`)
	kept := left()
	if code != exitFailure || len(kept) != 1 || !strings.Contains(errs, "not signed; the text is in "+kept[0]) || !strings.Contains(errs, "share_count") {
		t.Fatalf("an edit that is no policy: exit %d, %v\n%s", code, kept, errs)
	}
	if text, err := os.ReadFile(kept[0]); err != nil || !strings.Contains(string(text), `share_count = "many"`) {
		t.Errorf("the kept text: %v\n%s", err, text)
	}
	if got := s.cli("hq", "policy", "show", "--data", data); got != second {
		t.Errorf("the policy in force after edits that were refused:\n%s", got)
	}
	if code, _, errs := edit(`sed -i -E 's/^# (features = |\[\[|(name|cap|share_[a-z]+) = |terminals = )/\1/' "$1"`); code != 0 || errs != "" {
		t.Errorf("the examples switched on: exit %d\n%s", code, errs)
	}
	if got := s.cli("hq", "policy", "show", "--data", data); !strings.Contains(got, "\nfeatures = ['training']\n") || !strings.Contains(got, "\n[[store.lane]]\n") || !strings.Contains(got, "\nterminals = [\n") {
		t.Errorf("of the examples is in force:\n%s", got)
	}
	if code, _, errs := edit(`sed -i -E '/^features/d; /^retention_days/a features = ["training", "trainning"]' "$1"`); code != 0 ||
		!strings.Contains(errs, `"trainning"`) || strings.Contains(errs, `the feature "training"`) {
		t.Errorf("a switch that is spelt wrong: exit %d\n%s", code, errs)
	}
}
