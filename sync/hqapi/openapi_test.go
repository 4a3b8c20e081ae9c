package hqapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestOpenAPI holds the document that integrators generate clients from. Look at the difference before
// running with -update: what is taken away or renamed breaks them.
func TestOpenAPI(t *testing.T) {
	b := newBench(t)
	got := b.do(t, "GET", "/openapi.json", "", "")
	if got.StatusCode != 200 || got.Header.Get("Content-Type") != "application/openapi+json" || !bytes.Equal(got.body, b.OpenAPI()) {
		t.Fatalf("%s %s", got.Status, got.Header.Get("Content-Type"))
	}
	const golden = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(golden, got.body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.body, want) {
		t.Error("the document is not the golden one; see the difference with -update and git diff")
	}
}

// TestOpenAPIHolds: everything refers to what is there, every operation but none needs a token, and nothing
// is loaded from elsewhere.
func TestOpenAPIHolds(t *testing.T) {
	b := newBench(t)
	var doc struct {
		Paths      map[string]map[string]struct{ Security []map[string][]string }
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(b.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	operations := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			operations++
			if len(op.Security) == 0 {
				t.Errorf("%s %s takes no token", method, path)
			}
		}
	}
	if operations != 10 {
		t.Errorf("%d operations", operations)
	}
	text := string(b.OpenAPI())
	for _, part := range strings.Split(text, `"$ref": "#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if _, ok := doc.Components.Schemas[name]; !ok {
			t.Errorf("no schema %s", name)
		}
	}
	if strings.Contains(text, `"$schema"`) || strings.Contains(text, "unpkg") {
		t.Error("the document points elsewhere")
	}
}
