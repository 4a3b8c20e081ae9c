package house_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/sync/house"
	"tilld/sync/house/housetest"
)

// TestAuditFinds damages a copy of the books in ways that the schema can't see, and wants each found.
func TestAuditFinds(t *testing.T) {
	base := housetest.New(t, nil)
	c := base.Funded("hanako", 9_000)
	base.Must(c.Certify())
	paid := c.Pay("s1", "1", 700)
	_, err := base.Issuer.Refund(base.Ctx, "F1", paid.Ref, housetest.Yen(100))
	base.Must(err)
	_, err = base.Present(1, c.Code("", ""), "s1", "1", 50)
	base.Must(err)
	if _, err := base.Issuer.Audit(base.Ctx); err != nil {
		t.Fatal(err)
	}
	base.Must(base.Issuer.Close())
	drop := "DROP TRIGGER movement_stays; DROP TRIGGER movement_is_kept; DROP TRIGGER movement_adds_up; DROP TRIGGER certificate_stays; DROP TRIGGER topup_ends_once; "
	for name, damage := range map[string]string{
		"a movement's amount":    "UPDATE movement SET amount = amount - 1 WHERE cause = 'charge'",
		"a balance":              "UPDATE movement SET balance = balance + 1 WHERE no = (SELECT max(no) FROM movement)",
		"a movement gone":        "DELETE FROM movement WHERE no = (SELECT max(no) FROM movement)",
		"money from nowhere":     "INSERT INTO movement (account, cause, ref, amount, balance, at) SELECT account, 'topup', 'X', 5, balance + 5, 0 FROM movement ORDER BY no DESC LIMIT 1",
		"a top-up's amount":      "UPDATE topup SET amount = amount + 1",
		"a top-up never ended":   "UPDATE topup SET state = 'asked', ended_at = NULL",
		"a charge's state":       "UPDATE charge SET state = 'declined', why = 1",
		"a refund gone":          "DELETE FROM refund",
		"an earmark":             "UPDATE certificate SET left = left + 1",
		"an earmark of too much": "UPDATE certificate SET cap = 9000, left = 8950",
		"an offline payment":     "UPDATE offline SET amount = amount + 1, earmark = earmark + 1",
	} {
		t.Run(name, func(t *testing.T) {
			b := base.Copy(t, nil)
			if _, err := raw(t, b.Path).Exec(drop + damage); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Issuer.Audit(b.Ctx); !errors.Is(err, house.ErrAudit) {
				t.Errorf("%v, want %v", err, house.ErrAudit)
			}
		})
	}
}

// TestForget drops what is over and keeps what still counts.
func TestForget(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, c.Login))
	_, err := c.TopUp(100)
	b.Must(err)
	rows := func() (n int) {
		t.Helper()
		b.Must(raw(t, b.Path).QueryRow("SELECT (SELECT count(*) FROM tally) + (SELECT count(*) FROM ticket) + (SELECT count(*) FROM session)").Scan(&n))
		return n
	}
	before := rows()
	b.Must(b.Issuer.Forget(b.Ctx))
	if rows() != before || before < 4 {
		t.Errorf("%d of %d rows are left", rows(), before)
	}
	ticket := b.Mail.Last(house.ResetTicket, "").Ticket
	b.Must(b.Issuer.Reset(b.Ctx, c.From, ticket, "quite another long phrase"))
	b.Clock.Pass(30 * 24 * time.Hour)
	b.Must(b.Issuer.Forget(b.Ctx))
	if rows() != 0 {
		t.Errorf("%d rows are left for ever", rows())
	}
}

func TestOpen(t *testing.T) {
	for name, change := range map[string]func(*house.Config){
		"no key": func(c *house.Config) { c.Signer = nil }, "a lane's kind of key": func(c *house.Config) { c.Signer = hqKey(t, 1) },
		"no clock": func(c *house.Config) { c.Now = nil }, "no randomness": func(c *house.Config) { c.Random = nil },
		"no messenger": func(c *house.Config) { c.Messenger = nil }, "no funder": func(c *house.Config) { c.Funder = nil },
		"no log": func(c *house.Config) { c.Log = nil }, "no cooling-off": func(c *house.Config) { c.Limits.Cooling = 0 },
		"argon2id of no passes": func(c *house.Config) { c.Hashing = house.Argon{Memory: 64, Lanes: 1} },
	} {
		c := housetest.New(t, nil).Config
		change(&c)
		if i, err := house.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), c); err == nil {
			_ = i.Close()
			t.Errorf("%s: opened", name)
		}
	}
	b := housetest.New(t, nil)
	b.Must(b.Issuer.Close())
	if _, err := b.Issuer.Standing(b.Ctx); err == nil {
		t.Error("a closed issuer answers")
	}
	if _, err := house.Open(b.Ctx, filepath.Join(t.TempDir(), "no", "such", "folder.db"), b.Config); err == nil || !strings.Contains(err.Error(), "folder.db") {
		t.Errorf("in no folder: %v", err)
	}
}

// TestSecretsDoNotPrint prints and logs them in every way.
func TestSecretsDoNotPrint(t *testing.T) {
	var log strings.Builder
	l := textLog(&log)
	in := house.SignIn{Login: "hanako", Password: "canary-1", Proof: house.Proof{Challenge: "canary-2"}}
	l.Info("x", "v", in, "p", in.Password, "m", house.Message{Ticket: "canary-3"}, "s", house.Session{Token: "canary-4"})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		l.Info(sprint(verb, in, &in, in.Password, house.Message{Ticket: "canary-3"}, []house.Secret{"canary-5"}))
	}
	if strings.Contains(log.String(), "canary") || strings.Contains(log.String(), "63616e617279") {
		t.Error("a secret prints")
	}
}
