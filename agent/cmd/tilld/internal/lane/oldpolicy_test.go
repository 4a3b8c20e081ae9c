package lane

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/journal"
	"tilld/agent/payment"
)

// TestDeletedPolicy: somebody at the till takes HQ's newer policy out of the journal's file, in which a phone was
// revoked. The lane does not go back to the policy that it joined with, nor does it take that one when it is played
// to it again; it sells when HQ has spoken.
func TestDeletedPolicy(t *testing.T) {
	office := t.TempDir()
	n := joinedAt(t, office, "127.0.0.1:0")
	o, err := hq.OpenOffice(t.Context(), office, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	_, first, err := o.Policy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := o.EditPolicy(t.Context(), func(text []byte) ([]byte, error) {
		return []byte(strings.Replace(string(text), "retention_days = ", "retention_days = 1", 1)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := o.Policy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, n)
	if err := n.lane.Policy(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	date := payment.DateOf(time.Now())
	draft := journal.Draft{Fact: &payment.DayOpened{}, Policy: doc.Version, Moment: journal.Moment{Date: date, Wall: time.Now(), Zone: "Asia/Tokyo"}}
	if _, err := n.journal.Append(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	stop()

	db, err := sql.Open("sqlite", filepath.Join(n.cfg.Data, journal.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("DELETE FROM document"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	again, err := Open(t.Context(), n.cfg, "test", n.log)
	if err != nil {
		t.Fatal(err)
	}
	defer run(t, again)()
	if v := again.lane.View(); v.Policy != 0 || v.Blocked != payment.NoPolicy {
		t.Errorf("policy %d is in force (%v)", v.Policy, v.Blocked)
	}
	if err := again.lane.Policy(t.Context(), first); err == nil {
		t.Error("it takes the old policy again")
	}
	if err := again.lane.Policy(t.Context(), second); err != nil {
		t.Errorf("what HQ sends: %v", err)
	}
	if v := again.lane.View(); v.Policy != doc.Version {
		t.Errorf("policy %d after HQ has spoken", v.Policy)
	}
}
