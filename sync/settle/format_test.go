package settle

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestFormatRecipe runs the shell line that FORMAT.md gives to integrators.
func TestFormatRecipe(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, recipe, ok := strings.Cut(string(doc), "    sed -n 2p batch.csv")
	if !ok {
		t.Fatal("FORMAT.md has no recipe")
	}
	recipe, _, _ = strings.Cut(recipe, "#")
	cmd := exec.Command("sh", "-c", "sed -n 2p full.csv"+recipe)
	cmd.Dir = "testdata"
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	b := mustBuild(t, goldenCut())
	if got, want := string(bytes.Fields(out)[0]), b.leaves[1].String(); got != want {
		t.Errorf("the recipe gives %s, leaf 1 is %s", got, want)
	}
}
