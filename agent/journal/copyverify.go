package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Verify checks the database's pages, every entry and body, and the heads against the entries; then the
// schema, and everything that is computed from entries, by computing it once more. What those can't decide
// is not looked at: the cursor of the outbox (see Acks), HQ's answers, documents, the clock's anchor.
//
// The error is a *Fault that names the first bad row, else a *DifferError that says what differs beside the
// entries, else what kept it from reading.
func (c *Copy) Verify(ctx context.Context, keys ...wire.PublicKey) (Report, error) {
	v, err := c.begin(ctx)
	if err != nil {
		return Report{}, err
	}
	defer v.close()
	trust := Trust{Terminal: c.terminal, Keys: keys, Start: v.begins}
	var report Report
	if v.again == nil { // the epochs themselves can't be
		report, err = VerifyAll(c.Rows(ctx, Filter{}), trust)
	} else {
		report, err = v.again.verified(ctx, c.Rows(ctx, Filter{}), trust)
	}
	if err != nil {
		return report, err
	}
	if err := v.schema(ctx); err != nil { // how such a database answers can't be relied upon
		return report, err
	}
	if v.pages != "ok" { // a fault names a row, this names a page
		return report, corrupt("integrity check: %s", v.pages)
	}
	if err := sameHeads(v.epochs, report.Epochs); err != nil {
		return report, err
	}
	if v.again == nil {
		return report, v.cause
	}
	report.Projected, err = v.beside(ctx, &report)
	return report, err
}

// copyCheck is a verification of a copy under way.
type copyCheck struct {
	*Copy
	pages   string // what SQLite says of them
	version int64  // of the schema
	epochs  []Epoch
	begins  func(epoch uint64) (uint64, []byte)
	mark    int64
	cuts    cuts
	again   *rebuild
	cause   error // why there is none
	found   []Difference
}

func (c *Copy) begin(ctx context.Context) (*copyCheck, error) {
	v := &copyCheck{Copy: c}
	err := c.tx.QueryRowContext(ctx, `SELECT group_concat(integrity_check, '; ') FROM (SELECT * FROM pragma_integrity_check LIMIT 5)`).Scan(&v.pages)
	if err != nil {
		return nil, fmt.Errorf("checking the database: %w", err)
	}
	query := c.tx.QueryContext
	if v.version, err = readSchemaVersion(ctx, query); err != nil {
		return nil, err
	}
	if v.epochs, err = readEpochs(ctx, query, v.version); err != nil {
		return nil, err
	}
	if v.begins, err = c.begins(ctx); err != nil {
		return nil, err
	}
	if v.mark, err = readMark(ctx, query, "base"); err != nil {
		return nil, err
	}
	if v.cuts, err = readCuts(ctx, query); err != nil {
		return nil, err
	}
	v.again, v.cause = newRebuild(ctx, v.known(), v.epochs, v.mark, v.cuts)
	return v, nil
}

// known is the schema's version as far as this release knows it.
func (v *copyCheck) known() int64 { return min(max(v.version, 1), schemaVersion) }

func (v *copyCheck) close() {
	if v.again != nil {
		_ = v.again.close() // it was never anything
	}
}

// schema compares the schema with what its version makes.
func (v *copyCheck) schema(ctx context.Context) error {
	found, err := readSchema(ctx, v.tx.QueryContext)
	if err != nil {
		return err
	}
	want, err := schemaOf(ctx, v.known())
	if err != nil {
		return err
	}
	if diff := found.differences(want.schema, v.version > schemaVersion); len(diff) > 0 {
		return differ(diff)
	}
	return nil
}

// beside compares what lies beside the entries.
func (v *copyCheck) beside(ctx context.Context, report *Report) (*Projected, error) {
	p := &Projected{Schema: v.version, Behind: v.again.behind, BodiesFrom: v.cuts.bodies, CountersFrom: v.cuts.counters}
	if err := v.single(ctx, report); err != nil {
		return p, err
	}
	c := comparison{r: v.again, stored: v.tx, whole: true}
	for _, d := range v.found {
		c.add(d)
	}
	err := c.run(ctx)
	p.Rows, p.Resting = c.rows, c.resting
	if err != nil {
		return p, err
	}
	return p, c.err()
}

// single compares what are single values rather than rows.
func (v *copyCheck) single(ctx context.Context, report *Report) error {
	add := func(table, key, column string, stored, want any) {
		v.found = append(v.found, Difference{table, key, column, fmt.Sprint(stored), fmt.Sprint(want)})
	}
	if n := len(v.epochs); n > 0 && report.Terminal != v.terminal {
		add("meta", metaTerminal, "value", v.terminal, report.Terminal)
	}
	last := v.again.last
	for key, date := range v.cuts.all() {
		if date > last {
			add("meta", key, "value", date, "no later than "+last.String())
		}
	}
	if pos := v.again.pos; v.mark > pos {
		add("projection", "base", "pos", v.mark, pos)
	}
	if v.version >= 2 {
		for i := range v.again.epochs {
			if e := &v.again.epochs[i]; e.Erased < e.erased || (e.Erased > e.erased && e.Erased > e.gone) {
				add("epoch", fmt.Sprintf("epoch %016x", e.Epoch.Epoch), "erased", e.Erased, e.erased)
			}
		}
	}
	return v.keys(ctx, report.Keys, add)
}

// readMark is how far the projections of a name have come.
func readMark(ctx context.Context, query queryFunc, name string) (int64, error) {
	list, err := collect(ctx, query, func(rows *sql.Rows) (n int64, err error) { err = rows.Scan(&n); return n, err },
		`SELECT pos FROM projection WHERE name = ?`, name)
	if err == nil && len(list) == 0 {
		err = corrupt("there is none")
	}
	if err != nil {
		return 0, fmt.Errorf("reading the projections' mark: %w", err)
	}
	return list[0], nil
}

// all gives each date under its name in the meta table.
func (c cuts) all() map[string]payment.Date {
	return map[string]payment.Date{metaBodiesFrom: c.bodies, metaCountersFrom: c.counters}
}

// readCuts reads what retention has noted.
func readCuts(ctx context.Context, query queryFunc) (cuts, error) {
	type value struct {
		key string
		raw []byte
	}
	list, err := collect(ctx, query, func(rows *sql.Rows) (v value, err error) { err = rows.Scan(&v.key, &v.raw); return v, err },
		`SELECT key, value FROM meta WHERE key IN (?, ?)`, metaBodiesFrom, metaCountersFrom)
	if err != nil {
		return cuts{}, fmt.Errorf("reading what retention has taken: %w", err)
	}
	var c cuts
	for _, v := range list {
		n, err := numberOf(v.key, v.raw)
		if err != nil {
			return c, err
		}
		if v.key == metaBodiesFrom {
			c.bodies = payment.Date(n)
		} else {
			c.counters = payment.Date(n)
		}
	}
	return c, nil
}

// differ is the error of some differences, which are at least one.
func differ(list []Difference) error {
	c := comparison{}
	for _, d := range list {
		c.add(d)
	}
	return c.err()
}

// sameHeads holds the heads that a journal keeps against the entries that were seen.
func sameHeads(kept []Epoch, seen []EpochRange) error {
	for i, e := range kept {
		if i >= len(seen) || seen[i].Epoch != e.Epoch {
			return &Fault{Epoch: e.Epoch, Seq: e.Last, Part: "head", Err: errors.New("no entry of the epoch is there")}
		}
		if seen[i].Last != e.Last || !bytes.Equal(seen[i].Head, e.Head) {
			return &Fault{Epoch: e.Epoch, Seq: e.Last, Part: "head", Err: fmt.Errorf("the last entry is %d", seen[i].Last)}
		}
	}
	if len(seen) > len(kept) {
		return &Fault{Epoch: seen[len(kept)].Epoch, Seq: seen[len(kept)].Last, Part: "epoch", Err: errors.New("is not in the list of epochs")}
	}
	return nil
}
