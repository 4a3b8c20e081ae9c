package lane

import (
	"strings"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/cmd/tilld/internal/hq"
)

// TestPolicyMovesTheStore: HQ gives a lane that runs another zone and roll. What the journal writes of itself goes
// by them too, as the lane and its pages do.
func TestPolicyMovesTheStore(t *testing.T) {
	office := t.TempDir()
	n := joinedAt(t, office, "127.0.0.1:0")
	o, err := hq.OpenOffice(t.Context(), office, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err = o.EditPolicy(t.Context(), func(text []byte) ([]byte, error) {
		return []byte(strings.NewReplacer("'Asia/Tokyo'", "'Asia/Taipei'", "day_roll = '4h'", "day_roll = '5h'").Replace(string(text))), nil
	}); err != nil {
		t.Fatal(err)
	}
	_, second, err := o.Policy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	src, err := clock.System()
	if err != nil {
		t.Fatal(err)
	}
	defer run(t, n)()
	if got := n.moment(src, checkout.Place{}).Zone; got != "Asia/Tokyo" {
		t.Errorf("at first entries are of %s", got)
	}
	if err := n.lane.Policy(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if p, m := n.lane.Place(), n.moment(src, checkout.Place{}); m.Zone != "Asia/Taipei" || p.Roll != 5*time.Hour {
		t.Errorf("under the new policy entries are of %s, and the date begins %v after midnight", m.Zone, p.Roll)
	}
}
