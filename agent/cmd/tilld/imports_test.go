package main_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the path in go.mod; what begins with it is ours.
const module = "tilld"

// A rule is one row of the import table: what a package may import of ours, and why no more.
// The table is a start. When the code shows a better cut, change the row with the code and say why.
type rule struct {
	pkg string // directory from the module's root; a last element "*" stands for any one name
	may string // the same, separated by spaces; "" is nothing
	why string
}

// table holds the layers: vocabulary and wire know nobody, drivers know no payments, the rules know
// no disk, network or screen, pages see what they show through interfaces of their own. An exact
// row wins over a row with a star. Packages below agent/cmd and those of testOnly need no row.
var table = []rule{
	{"agent/payment", "", "the vocabulary; everybody speaks it, so it depends on nobody"},
	{"agent/clock", "", "asks what time it is, and does not care who wants to know"},
	{"agent/disk", "", "asks how much is free, for whoever must not begin what can't end; makes names durable"},
	{"agent/paycode", "agent/payment agent/paycode/signed sync/wire", "text in, code out: no disk, no network, no screen"},
	{"agent/paycode/signed", "agent/payment sync/wire", "HQ and the phone use it without the lane"},
	{"agent/policy", "agent/payment agent/paycode sync/wire", "a document; who obeys it imports it"},
	{"agent/checkout", "agent/payment agent/paycode agent/policy", "pure rules: state, event and now come in as values"},
	{"agent/journal", "agent/payment agent/disk sync/wire", "keeps facts and doesn't judge them"},
	{"agent/lane", "agent/payment agent/clock agent/paycode agent/paycode/signed agent/policy agent/checkout agent/journal drivers/port drivers/scanner sync/wire",
		"its work is to bring checkout and journal together, so it knows both; uplink and screens it does not"},
	{"agent/httpapi", "agent/payment", "what the HTTP APIs of a lane and of HQ share; it serves neither"},
	{"agent/posapi", "agent/payment agent/httpapi agent/clock agent/paycode agent/policy agent/checkout drivers/scanner",
		"sees the lane through an interface of its own"},

	{"firmware-configs", "", "data"},
	{"drivers/port", "", "a byte stream knows nothing of what flows"},
	{"drivers/scanner", "drivers/port firmware-configs", "drivers know nothing of payments"},
	{"drivers/printer", "drivers/port firmware-configs", "drivers know nothing of payments"},
	{"drivers/display", "drivers/port firmware-configs", "drivers know nothing of payments"},
	{"drivers/drawer", "drivers/port firmware-configs", "drivers know nothing of payments"},
	{"drivers/emulate", "drivers/port firmware-configs", "plays the device: it must not share the driver's code"},

	{"sync/wire", "agent/payment", "shared by both ends"},
	{"sync/mqtt", "", "a road; what it carries is none of its business"},
	{"sync/outage", "", "breaks any TCP connection"},
	{"sync/uplink", "agent/payment sync/wire", "journal and broker are interfaces of its own"},
	{"sync/outbox", "agent/journal sync/uplink sync/wire", "the one place where journal and uplink meet"},
	{"sync/relay", "agent/payment sync/wire", "carries entries and doesn't judge them"},
	{"sync/settle", "agent/payment sync/wire", "pure: the ledger knows settle, never the other way"},
	{"sync/ledger", "agent/payment agent/policy agent/paycode/signed sync/wire sync/settle sync/authorise sync/operator", "downward only: ingest, ledger, settle; it keeps attempts and does not ask"},
	{"sync/ingest", "agent/payment agent/policy agent/paycode/signed sync/wire sync/ledger sync/settle sync/operator", "downward only: ingest, ledger, settle; an entry names an operator's reference"},
	{"sync/operator", "agent/payment agent/policy agent/paycode/signed sync/wire", "what HQ knows comes in by interface"},
	{"sync/authorise", "agent/payment sync/wire sync/operator", "an attempt's life: pure steps, and a desk that asks; who keeps it comes in by interface"},
	{"sync/operator/*", "agent/payment sync/operator", "one operator each, or all of them played: none knows another"},
	{"sync/house", "agent/payment agent/policy agent/paycode/signed sync/wire sync/house/rule", "an issuer like any other"},
	{"sync/house/oidc", "", "proves who somebody is elsewhere; what that opens is for the issuer"},
	{"sync/house/rule", "agent/payment", "pure: what the issuer may do, without knowing where it is kept"},
	{"sync/hqapi", "agent/payment agent/httpapi agent/policy sync/wire sync/ledger sync/settle", "serves the books as they are: their types are its answers' source"},

	{"ui/web", "agent/payment sync/wire", "what all pages share"},
	{"ui/*", "agent/payment sync/wire ui/web", "a page sees what it shows through an interface of its own"},
	{"ui/hq", "agent/payment agent/policy sync/wire ui/web", "edits the policy"},
	{"ui/phone", "agent/payment agent/paycode/signed sync/wire ui/web", "the demo's phone makes real codes"},
}

// testOnly are the packages (and those named *test) that only tests and each other may import.
// They exist to hold whole systems, so what they import themselves is free. A disk that loses what
// was not synced (simdisk) is a tool to break lanes and HQ with, never a part of them.
var testOnly = []string{"sync/simnet", "sync/sim", "sync/simdisk"}

func isTestOnly(pkg string) bool {
	return strings.HasSuffix(path.Base(pkg), "test") || slices.Contains(testOnly, pkg)
}

// isCmd says that pkg wires the parts together and so may import anything but test packages.
func isCmd(pkg string) bool { return strings.HasPrefix(pkg+"/", "agent/cmd/") }

// TestImports compares every import in the tree with the table. It parses the files itself: a test
// that asks `go list` stays cached when another package changes.
func TestImports(t *testing.T) {
	bad, files, err := checkTree(os.DirFS(moduleRoot(t)), table)
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no Go files found: the walk is broken")
	}
	for _, b := range bad {
		t.Error(b)
	}
}

// TestTable finds mistakes in the table itself.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range table {
		if seen[r.pkg] {
			t.Errorf("%s: two rows", r.pkg)
		}
		seen[r.pkg] = true
		if r.why == "" {
			t.Errorf("%s: no reason", r.pkg)
		}
		if isCmd(r.pkg) || isTestOnly(r.pkg) {
			t.Errorf("%s: needs no row", r.pkg)
		}
		for _, p := range strings.Fields(r.may) {
			if _, ok := ruleFor(table, p); !ok {
				t.Errorf("%s: may import %s, which has no row", r.pkg, p)
			}
		}
	}
}

// moduleRoot is the directory of go.mod, above the test's.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}
