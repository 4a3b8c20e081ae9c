package settle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"tilld/agent/payment"
)

// ErrBatch reports bytes that are not the one form of a batch.
var ErrBatch = errors.New("not a settlement batch")

// columns are those of the CSV file. Their order and names are part of Format.
const columns = "batch,settlement_date,wallet,currency,kind,payment,decision,entity,store,lane," +
	"terminal,epoch,seq,business_date,amount_minor,amount,entry"

// crlf ends a CSV record (RFC 4180, 2.1).
const crlf = "\r\n"

// record is a line's CSV record without its end, and the data of its leaf. No field can hold a comma, a
// quote or a line break, nor begin with what a spreadsheet takes for a formula but for a number's sign:
// names are checked (Line.Validate), and the rest is digits and capitals.
func (b *Batch) record(l *Line) []byte {
	rec := make([]byte, 0, 320)
	field := func(s string) { rec = append(append(rec, s...), ',') }
	field(b.ID.String())
	field(b.SettlementDate.String())
	field(l.Wallet)
	field(string(l.Currency))
	field(string(l.Kind))
	field(l.Payment.String())
	field(l.Decision)
	field(l.Entity)
	field(l.Store)
	field(l.Lane)
	field(l.Terminal.String())
	field(l.Epoch.String())
	field(strconv.FormatUint(l.Seq, 10))
	field(l.BusinessDate.String())
	field(strconv.FormatInt(l.Amount, 10))
	field(payment.Of(l.Amount, l.Currency).Decimal(b.Exponent))
	return append(rec, l.Entry.String()...)
}

// seal computes what follows from the head and the lines.
func (b *Batch) seal() error {
	head, err := json.Marshal(&b.Head)
	if err != nil {
		return fmt.Errorf("encoding the head of %s: %w", b.Key, err)
	}
	b.head = head
	b.leaves = make([]EntryHash, 0, 1+len(b.Lines))
	b.leaves = append(b.leaves, leafHash(head))
	for i := range b.Lines {
		b.leaves = append(b.leaves, leafHash(b.record(&b.Lines[i])))
	}
	b.Root = rootOf(b.leaves)
	return nil
}

// CSV is the batch's lines as RFC 4180 has it, with a header and CRLF line ends: the same bytes each time.
func (b *Batch) CSV() []byte {
	var out bytes.Buffer
	out.WriteString(columns + crlf)
	for i := range b.Lines {
		out.Write(b.record(&b.Lines[i]))
		out.WriteString(crlf)
	}
	return out.Bytes()
}

// ManifestJSON is the batch's head and content hash as JSON, without the lines: the same bytes each time.
func (b *Batch) ManifestJSON() []byte {
	return fmt.Appendf(nil, "{\n\"head\":%s,\n\"content_hash\":%q\n}\n", b.head, b.Root)
}

// JSON is the whole batch: the same bytes each time. The head and every line stand on a text line of
// their own.
func (b *Batch) JSON() ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\n\"head\":%s,\n\"content_hash\":%q,\n\"lines\":[", b.head, b.Root)
	for i := range b.Lines {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		line, err := json.Marshal(&b.Lines[i])
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", b.Lines[i].Name(), err)
		}
		out.Write(line)
	}
	out.WriteString("\n]\n}\n")
	return out.Bytes(), nil
}

// Parse reads what JSON wrote and nothing else: it adds everything up again, and the bytes must be the
// ones that JSON would write. Any other input is ErrBatch.
func Parse(raw []byte) (*Batch, error) {
	var doc struct {
		Head  Head      `json:"head"`
		Root  EntryHash `json:"content_hash"`
		Lines []Line    `json:"lines"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBatch, err)
	}
	for i := range doc.Lines {
		doc.Lines[i].Wallet, doc.Lines[i].Currency = doc.Head.Wallet, doc.Head.Currency
	}
	b := &Batch{Head: doc.Head, Lines: doc.Lines}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBatch, err)
	}
	if err := b.seal(); err != nil {
		return nil, err
	}
	again, err := b.JSON()
	if err != nil {
		return nil, err
	}
	if b.Root != doc.Root || !bytes.Equal(raw, again) {
		return nil, fmt.Errorf("%w: %s: the bytes are not those of its content hash", ErrBatch, b.ID)
	}
	return b, nil
}

// check holds a head that was read against the lines that came with it.
func (b *Batch) check() error {
	cut, err := b.cut()
	if err != nil {
		return err
	}
	if err := checkCut(cut); err != nil {
		return err
	}
	if _, err := checkLines(cut, b.Lines); err != nil {
		return err
	}
	h := &b.Head
	own := manifestOf(cut, b.Lines)
	parts := slices.Clone(h.Manifest.Terminals)
	for i := range parts {
		parts[i].Held = 0
	}
	switch {
	case h.Format != Format:
		return fmt.Errorf("format %q, want %q", h.Format, Format)
	case h.ID != h.Key.ID():
		return fmt.Errorf("%s is not the identifier of %s", h.ID, h.Key)
	case h.Exponent != h.Currency.Exponent():
		return fmt.Errorf("%s has %d decimals, not %d", h.Currency, h.Currency.Exponent(), h.Exponent)
	case !slices.IsSortedFunc(b.Lines, compareLines):
		return errors.New("the lines are out of order")
	case !slices.Equal(h.Totals, totalsOf(b.Lines)) || !reflect.DeepEqual(parts, own.Terminals) ||
		h.Manifest.Expected != own.Expected || h.Manifest.Late != own.Late || h.Manifest.Early != own.Early:
		return errors.New("the totals are not those of the lines")
	}
	return nil
}

// cut is the cut that the batch was made of, without its coverage.
func (b *Batch) cut() (*Cut, error) {
	at, err := time.Parse(cutAtForm, b.CutAt)
	if err != nil {
		return nil, fmt.Errorf("cut_at: %w", err)
	}
	return &Cut{Key: b.Key, Cause: b.Cause, AsOf: b.AsOf, At: at, Control: b.Total, Lines: b.Lines}, nil
}
