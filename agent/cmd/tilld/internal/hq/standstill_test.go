package hq

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	pages "tilld/ui/hq"
)

func TestStanding(t *testing.T) {
	noon, broken := ingesttest.Noon, errors.New("the archive can't be read")
	for name, tt := range map[string]struct {
		err   error
		lasts time.Duration
		told  bool
	}{
		"posting":        {nil, time.Hour, false},
		"one failure":    {broken, standsFor - time.Millisecond, false},
		"standing still": {broken, standsFor, true},
		"a full disk":    {fmt.Errorf("posting: %w", ledger.ErrFull), time.Hour, false},
	} {
		since, why := standing(noon, tt.err, noon.Add(tt.lasts))
		if since.IsZero() == tt.told || (why != "") != tt.told || tt.told && (!since.Equal(noon) || why != broken.Error()) {
			t.Errorf("%s: since %v, %q", name, since, why)
		}
	}
}

// TestDecideSettled: nobody decides about money while the books lack what was settled: they don't know of it that it was.
func TestDecideSettled(t *testing.T) {
	d := newDesk(t)
	l := d.Lane("s1", "1")
	l.AddUnknown()
	d.SendAll(l, 0)
	d.JudgeAll()
	list, err := d.office().Exceptions(d.Ctx, pages.ExceptionQuery{State: "open", Limit: 5})
	d.Must(err)
	if len(list.Rows) != 1 {
		t.Fatalf("%d exceptions", len(list.Rows))
	}
	behind := errors.New("batch 7 is not there")
	s := decider{d.books, func(context.Context) error { return behind }}
	ids := []payment.ID{list.Rows[0].ID}
	err = s.Resolve(d.Ctx, ids, ledger.Noted, "Aoki", "seen")
	d.wantCode("behind", err, payment.Retry)
	if !errors.Is(err, behind) {
		t.Errorf("it does not say why: %v", err)
	}
	behind = nil
	d.Must(s.Resolve(d.Ctx, ids, ledger.Noted, "Aoki", "seen"))
}
