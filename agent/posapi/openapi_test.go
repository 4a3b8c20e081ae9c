package posapi

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
	got := b.do(t, "GET", "/openapi.json", "")
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

// TestOpenAPIHolds: everything refers to what is there, every operation says its errors, and nothing is
// loaded from elsewhere.
func TestOpenAPIHolds(t *testing.T) {
	text := string(newBench(t).OpenAPI())
	var doc struct {
		Paths      map[string]map[string]struct{ Responses map[string]any }
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/v1/sales": "get post", "/v1/sales/{id}": "get", "/v1/sales/uncompleted": "get", "/v1/sales/{id}/cancel": "post",
		"/v1/sales/{id}/complete": "post", "/v1/sales/{id}/park": "post", "/v1/sales/{id}/offer": "post", "/v1/sales/{id}/take-back": "post", "/v1/lane": "get", "/v1/events": "get", "/v1/payments/{id}/refunds": "get post",
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if !strings.Contains(want[path], method) {
				t.Errorf("%s %s is new here", method, path)
			}
			if len(op.Responses) < 2 {
				t.Errorf("%s %s: %d responses", method, path, len(op.Responses))
			}
		}
	}
	if len(doc.Paths) != len(want) {
		t.Errorf("%d paths, want %d", len(doc.Paths), len(want))
	}
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
