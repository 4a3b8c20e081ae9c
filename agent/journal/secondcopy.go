package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// SecondCopy is a second medium opened for reading, when the journal's own disk is dead.
type SecondCopy struct {
	f        *os.File
	size     int64
	terminal payment.ID
}

var _ Source = (*SecondCopy)(nil)

// OpenSecondCopy opens a second medium's file for reading.
func OpenSecondCopy(path string) (*SecondCopy, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a second medium to read: %w", err)
	}
	s := &SecondCopy{f: f}
	info, err := f.Stat()
	if err == nil {
		s.size = info.Size()
		s.terminal, err = readHeader(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a second medium to read: %s: %w", path, err), f.Close())
	}
	return s, nil
}

// Close ends reading.
func (s *SecondCopy) Close() error { return s.f.Close() }

// Terminal is whose entries the file says it holds.
func (s *SecondCopy) Terminal() payment.ID { return s.terminal }

// Rows reads entries in the order of writing. Their columns are what the envelopes say. The error after the
// last whole record of a file that ends in a torn one is a *Damage.
func (s *SecondCopy) Rows(_ context.Context, f Filter) iter.Seq2[Row, error] {
	all := secondRows(s.f, s.size)
	if f.Last <= 0 {
		return chosen(all, &f)
	}
	return lastOf(chosen(all, &f), f.Last)
}

// secondRows walks the records of a file. Positions count what was pruned before a row too, as they do in the
// journal.
func secondRows(r io.ReaderAt, size int64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var last Row
		for offset := int64(secondHeader); ; {
			rec, err := readRecord(r, offset, size)
			if errors.Is(err, io.EOF) {
				return
			}
			var row Row
			if err == nil {
				row, err = rec.row()
			}
			if row.Pos = last.Pos + int64(row.Seq); row.Epoch == last.Epoch {
				row.Pos -= int64(last.Seq)
			}
			if !yield(row, err) || err != nil {
				return
			}
			offset, last = rec.end, row
		}
	}
}

// chosen passes the rows of a filter on, and every error.
func chosen(all iter.Seq2[Row, error], f *Filter) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for row, err := range all {
			if (err != nil || f.match(&row)) && !yield(row, err) {
				return
			}
		}
	}
}

func (f *Filter) match(r *Row) bool {
	return (f.Epoch == 0 || r.Epoch == f.Epoch) && r.Seq >= f.From && (f.To == 0 || r.Seq <= f.To) &&
		(f.Kind == 0 || r.Kind == f.Kind) && (f.Sale.IsZero() || r.Sale == f.Sale) &&
		(f.Payment.IsZero() || r.Payment == f.Payment) && (f.Date == 0 || r.BusinessDate == f.Date) && r.Pos > f.after
}

// lastOf keeps the last n rows, and the error behind them.
func lastOf(all iter.Seq2[Row, error], n int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var kept []Row
		var end error
		for row, err := range all {
			if err != nil {
				end = err
				break
			}
			if kept = append(kept, row); len(kept) > n {
				kept = kept[1:]
			}
		}
		for _, row := range kept {
			if !yield(row, nil) {
				return
			}
		}
		if end != nil {
			yield(Row{}, end)
		}
	}
}

// Verify checks every entry and body. What was pruned before the first entry of an epoch is not missed, and
// a torn end is no fault: it is returned as a *Damage with a full report of what is whole.
func (s *SecondCopy) Verify(ctx context.Context, keys ...wire.PublicKey) (Report, error) {
	return VerifyAll(s.Rows(ctx, Filter{}), Trust{Terminal: s.terminal, Keys: keys, Loose: true})
}

// Keys lists the keys that the entries themselves name, oldest first. Where the beginning was pruned, the
// first of them may be missing.
func (s *SecondCopy) Keys(ctx context.Context) ([]wire.PublicKey, error) {
	var keys []wire.PublicKey
	seen := map[string]bool{}
	for row, err := range s.Rows(ctx, Filter{}) {
		if _, torn := errors.AsType[*Damage](err); torn {
			break
		}
		if err != nil {
			return keys, err
		}
		k, ok, err := keyNamedBy(&row)
		if err != nil {
			return keys, err
		}
		if ok && !seen[string(k.Bytes())] {
			seen[string(k.Bytes())] = true
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// keyNamedBy is the key that an entry brings in.
func keyNamedBy(row *Row) (wire.PublicKey, bool, error) {
	if row.Kind != payment.KindEpochOpened && row.Kind != payment.KindKeyChanged {
		return wire.PublicKey{}, false, nil
	}
	rec, err := row.record()
	if err != nil {
		return wire.PublicKey{}, false, err
	}
	var raw []byte
	switch f := rec.Entry.Fact.(type) {
	case *payment.EpochOpened:
		raw = f.PublicKey
	case *payment.KeyChanged:
		raw = f.NewKey
	default:
		return wire.PublicKey{}, false, nil
	}
	k, err := wire.ParsePublicKey(raw)
	if err != nil {
		return k, false, fmt.Errorf("entry %d: %w", row.Seq, err)
	}
	return k, true, nil
}
