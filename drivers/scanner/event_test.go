package scanner_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tilld/drivers/scanner"
)

// TestCodesAreNotShown: a customer's code is money for some minutes, so no way of printing an event may show it.
func TestCodesAreNotShown(t *testing.T) {
	const secret = "281234567890123456"
	s := scanner.Symbol{Text: secret, AIM: "]Q1", At: time.Now()}
	for _, e := range []scanner.Event{s, scanner.Blanked{Symbol: s}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
			fmt.Fprintf(&out, verb, e)
		}
		out.WriteString(fmt.Sprint(e, []scanner.Event{e}, &e))
		slog.New(slog.NewTextHandler(&out, nil)).Info("scan", "event", e)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("scan", "event", e)
		if err := json.NewEncoder(&out).Encode(e); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), secret) || strings.Contains(out.String(), fmt.Sprintf("%x", secret)) {
			t.Errorf("%T shows the code: %s", e, out.String())
		}
		if !strings.Contains(out.String(), "18 bytes") {
			t.Errorf("%T shows nothing at all: %s", e, out.String())
		}
	}
}

func TestReasonsHaveNames(t *testing.T) {
	all := scanner.Reasons()
	if len(all) == 0 || all[0] != scanner.ReasonNoTerminator || all[len(all)-1] != scanner.ReasonTwoCodes {
		t.Fatalf("reasons are %v", all)
	}
	seen := make(map[string]bool)
	for _, r := range all {
		if seen[r.String()] || strings.HasPrefix(r.String(), "reason-") {
			t.Errorf("%d is called %q", int(r), r)
		}
		seen[r.String()] = true
	}
	if got := scanner.Reason(99).String(); got != "reason-99" {
		t.Errorf("an unknown reason is called %q", got)
	}
}
