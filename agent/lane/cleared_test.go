package lane

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"testing"

	"tilld/agent/checkout"
	"tilld/agent/journal"
)

// TestClearedStaysClearedOverARestart: PAID is one customer's. Once the cashier has cleared it, a lane that is started
// anew must not show it to the next one, while the POS still has to be told that its sale is paid.
func TestClearedStaysClearedOverARestart(t *testing.T) {
	r := newRig(t, nil)
	pay := func() journal.Sale {
		t.Helper()
		sale, _, err := r.lane.OpenSale(t.Context(), NewSale{Sale: newSale(700), FromPOS: true})
		r.ok(err)
		if v := r.scan(r.phone(1).code()); v.Phase != checkout.Paid || v.Cleared {
			t.Fatalf("%v, %v, cleared %v", v.Phase, v.Answer.Reason, v.Cleared)
		}
		return sale
	}
	last := func() uint64 {
		t.Helper()
		at, err := r.journal.State(t.Context())
		r.ok(err)
		return at.Current.Last
	}
	sale := pay()
	before := last()
	r.ok(r.lane.Next(t.Context()))
	for range 2 { // the second time Next is pressed on a free screen
		r.restart()
		if v := r.lane.View(); !v.Cleared || !v.FromPOS {
			t.Errorf("cleared, and back on the screen after a restart: %v, cleared %v", v.Phase, v.Cleared)
		}
		if found, _, err := r.lane.Sale(t.Context(), sale.ID); err != nil || found.State != journal.SalePaid || r.uncompleted() != 1 {
			t.Errorf("the POS is told %v, %v; %d sales wait for it", found.State, err, r.uncompleted())
		}
		r.ok(r.lane.Next(t.Context()))
	}
	if got := last(); got != before {
		t.Errorf("clearing wrote %d entries", got-before)
	}
	done, err := r.lane.CompleteSale(t.Context(), sale.ID)
	if err != nil || done.State != journal.SaleCompleted {
		t.Errorf("%v, %v", done.State, err)
	}
	pay() // one that nobody has cleared
	r.restart()
	if v := r.lane.View(); v.Phase != checkout.Paid || v.Cleared {
		t.Errorf("not cleared, and after a restart %v, cleared %v", v.Phase, v.Cleared)
	}
}

// failing lets a journal's commits fail while it is armed.
type failing struct {
	driver.Connector
	armed *atomic.Bool
}

func (f failing) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := f.Connector.Connect(ctx)
	return failingConn{c, f.armed}, err
}

// failingConn has few of driver.Conn's optional interfaces: for the others database/sql prepares.
type failingConn struct {
	driver.Conn
	armed *atomic.Bool
}

func (c failingConn) Prepare(query string) (driver.Stmt, error) {
	st, err := c.Conn.Prepare(query)
	if err != nil || query != "COMMIT" {
		return st, err
	}
	return failingCommit{st, c.armed}, nil
}

func (c failingConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

type failingCommit struct {
	driver.Stmt
	armed *atomic.Bool
}

func (s failingCommit) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if s.armed.Load() {
		return nil, errors.New("the disk does not answer")
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

// TestNextDoesNotWaitForTheJournal: what can't be kept over a restart is no reason to leave PAID on the screen; and once
// the journal works again it is kept after all.
func TestNextDoesNotWaitForTheJournal(t *testing.T) {
	var armed atomic.Bool
	r := bare(t)
	r.wrap = func(c driver.Connector) driver.Connector { return failing{c, &armed} }
	r.begin(nil)
	_, _, err := r.lane.OpenSale(t.Context(), NewSale{Sale: newSale(700), FromPOS: true})
	r.ok(err)
	r.scan(r.phone(1).code())
	armed.Store(true)
	if err := r.lane.Next(t.Context()); err != nil || !r.lane.View().Cleared || r.lane.View().Stopped == nil {
		t.Errorf("with a bad disk: %v, cleared %v, the journal's %v", err, r.lane.View().Cleared, r.lane.View().Stopped)
	}
	armed.Store(false)
	r.ok(r.lane.do(t.Context(), func(ctx context.Context) error {
		_, err := r.journal.Reopen(ctx)
		return errors.Join(err, r.lane.load(ctx))
	}))
	r.restart()
	if v := r.lane.View(); v.Phase != checkout.Paid || !v.Cleared {
		t.Errorf("after a restart %v, cleared %v", v.Phase, v.Cleared)
	}
}
