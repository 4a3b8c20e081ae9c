package ingest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/wire"
)

// dialect is how the lanes of a release write.
type dialect struct {
	name  string
	about string
	story func(t *testing.T, l *ingesttest.Lane, p *ingesttest.Phone) (up [][]byte)
}

var dialects = []dialect{
	{"today", "a lane of the first release", storyToday},
	{"older", "a lane two releases back: no compression, and no field that came later", storyOlder},
	{"newer", "a lane one release ahead: fields, kinds and versions that the first release does not know", storyNewer},
}

// capture plays the release's story and writes down what travelled, with all that HQ needs to read it. The keys
// are made for this and guard nothing.
func (d *dialect) capture(t *testing.T) []byte {
	t.Helper()
	c := ingesttest.NewChain(t)
	l := c.Lane("s1", "1")
	up := d.story(t, l, c.Phone())
	var out bytes.Buffer
	fmt.Fprintf(&out, "# What %s sent. Made by go test ./sync/ingest -run TestMixedVersions -update\n", d.about)
	line := func(what string, b []byte) { fmt.Fprintf(&out, "%s %s\n", what, hex.EncodeToString(b)) }
	line("now", []byte(c.Now.Format(time.RFC3339)))
	line("root", c.Root.Public().Bytes())
	line("seal", c.Seal.Bytes())
	line("trust", c.SignedTrust())
	line("policy", c.SignedPolicy())
	line(fmt.Sprintf("terminal %s %s %s", l.ID, l.Store, l.Name), l.Key.Public().Bytes())
	for _, m := range up {
		line("up", m)
	}
	return out.Bytes()
}

// storyToday is a day with everything that a lane writes.
func storyToday(_ *testing.T, l *ingesttest.Lane, p *ingesttest.Phone) (up [][]byte) {
	l.Sell(p, 1000)
	up = append(up, l.Message(1, l.Last()), l.Beat(1, func(b *wire.Beat) { b.Acked, b.Erased, b.Trust = l.Last(), 2, 1 }))
	from := l.Last() + 1
	l.Void(l.Sell(p, 300))
	l.ChangeKey()
	up = append(up, l.Message(from, l.Last()))
	from = l.Last() + 1
	l.Sell(p, 70)
	l.CloseDay()
	l.OpenDay(l.Date + 1)
	return append(up, l.Message(from, l.Last()), l.Message(from, l.Last()), l.Beat(2, func(b *wire.Beat) { b.Acked = l.Last() }))
}

// storyOlder does the same without what the format has gained: frames are plain, and beats have keys 1 to 12 only.
func storyOlder(t *testing.T, l *ingesttest.Lane, p *ingesttest.Phone) (up [][]byte) {
	beat := func(n uint64) []byte {
		return l.Beat(n, func(b *wire.Beat) { b.Acked, b.Software = l.Last(), "0.8.0" })
	}
	l.Sell(p, 1000)
	up = append(up, beat(1), encodePlain(t, l.Batch(1, l.Last())))
	from := l.Last() + 1
	l.Void(l.Sell(p, 300))
	l.Sell(p, 70)
	l.CloseDay()
	return append(up, encodePlain(t, l.Batch(from, l.Last())), beat(2))
}

// storyNewer has each way in which a later release may differ, with entries of today's between them: what is
// ignorable changes nothing; what is not is held raw for people, and what is behind it flows; a batch of a later
// form, which HQ can't take, is answered with nothing and stays at the lane.
func storyNewer(t *testing.T, l *ingesttest.Lane, p *ingesttest.Phone) (up [][]byte) {
	sell := func(amount int64, entry, fact map[int64]any) {
		l.Sell(p, amount)
		l.Recast(func(raw []byte) []byte { return withFields(t, raw, entry, fact) })
	}
	sell(1000, map[int64]any{-1: "loyalty", -70_000: []byte{1, 2}}, nil)                      // passes
	sell(200, nil, map[int64]any{-1: map[string]bool{"rebate": true}})                        // passes
	sell(30, map[int64]any{22: uint64(5)}, nil)                                               // set aside
	sell(4, nil, map[int64]any{8: []any{"split", uint64(2)}})                                 // set aside
	sell(5, map[int64]any{1: uint64(2)}, nil)                                                 // set aside: version 2
	sell(6, map[int64]any{6: uint64(200), 21: map[int64]any{1: []any{int64(6), "JPY"}}}, nil) // set aside: a kind to come
	l.Sell(p, 500)
	later := l.Batch(1, l.Last())
	later.Version = wire.BatchVersion + 1
	up = append(up, encodePlain(t, later), l.Message(1, l.Last()))
	up = append(up, beatWith(t, l, map[int64]any{-9: "screen"}), beatWith(t, l, map[int64]any{13: uint64(1)}), beatWith(t, l, map[int64]any{1: uint64(2)}))
	from := l.Last() + 1
	l.Add(&payment.SaleCompleted{}, ingesttest.Extra{})
	l.Sell(p, 60)
	return append(up, l.Message(from, l.Last()))
}

// withFields adds fields to an entry and its fact.
func withFields(t *testing.T, payload []byte, entry, fact map[int64]any) []byte {
	t.Helper()
	var e map[int64]any
	must(t, wire.Unmarshal(payload, &e))
	inner, ok := e[21].(map[any]any)
	if !ok {
		t.Fatalf("a fact of %T", e[21])
	}
	for k, v := range fact {
		if k > 0 {
			inner[uint64(k)] = v
		} else {
			inner[k] = v
		}
	}
	for k, v := range entry {
		e[k] = v
	}
	raw, err := wire.Marshal(e)
	must(t, err)
	return raw
}

// beatWith is a beat with fields of another release.
func beatWith(t *testing.T, l *ingesttest.Lane, more map[int64]any) []byte {
	t.Helper()
	sealed, err := wire.UnframeSigned(l.Beat(uint64(len(more))+9, nil))
	must(t, err)
	m, err := wire.Open(sealed, wire.TypBeat, wire.OneKey(l.Signer().Public()))
	must(t, err)
	var b map[int64]any
	must(t, wire.Unmarshal(m.Payload, &b))
	for k, v := range more {
		b[k] = v
	}
	raw, err := wire.Seal(l.Signer(), wire.TypBeat, b)
	must(t, err)
	return wire.FrameSigned(raw)
}
