package ingest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// The environment that makes this test's binary an HQ on a simulated disk: where the disk is, and the story.
const (
	envPowerDir   = "TILLD_INGEST_POWER_DIR"
	envPowerStory = "TILLD_INGEST_POWER_STORY"
)

// powerStory is all that reaches an HQ from outside.
type powerStory struct {
	Asked         []powerTried   // and paid, when any entry comes
	Kept          []operator.Ref // whose charges stand in the end
	Back          []operator.Ref // and do not
	Root          []byte
	Policy, Trust []byte
	Lanes         []powerLane
}

type powerTried struct {
	Ref                     operator.Ref
	Payment, Sale, Terminal payment.ID
	Store, Lane             string
	Minor                   int64
}

type powerLane struct {
	Terminal ledger.Terminal
	Key      []byte
	Epoch    uint64
	Messages [][]byte
}

// powerHQ is an HQ that takes a story from where it stands: books, archive, ingest and settlement as shipped.
type powerHQ struct {
	ctx     context.Context
	story   powerStory
	now     time.Time
	store   *ledger.Store
	settler *settle.Settler
	hand    *Hand
}

// powerChild says what it finds on the disk ("have", "batch", then "ready"), and then each thing that it would
// have shown: "enrolled", "acked", "batch", at the end "done".
func powerChild(dir string) error {
	h := &powerHQ{ctx: context.Background(), now: ingesttest.Noon.Add(time.Hour)}
	raw, err := os.ReadFile(os.Getenv(envPowerStory))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &h.story); err != nil {
		return err
	}
	for _, step := range []func() error{func() error { return h.open(dir) }, h.have, h.enrol, h.asked, h.ingest, h.closeDay, h.finish} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (h *powerHQ) open(dir string) (err error) {
	now := func() time.Time { return h.now }
	if h.store, err = ledger.Open(h.ctx, filepath.Join(dir, "hq.db"), now); err != nil {
		return err
	}
	archive, err := settle.OpenArchive(filepath.Join(dir, "settlements"))
	if err != nil {
		return err
	}
	account := settle.Schedule{Account: settle.Account{Wallet: ingesttest.Wallet, Currency: "JPY"}, Zone: time.FixedZone("JST", 9*60*60), After: 28 * time.Hour}
	online := account
	online.Wallet = ingesttest.OnlineWallet
	h.settler = &settle.Settler{Store: h.store, Archive: archive, Now: now, Log: slog.New(slog.DiscardHandler),
		Schedules: func(context.Context) ([]settle.Schedule, error) { return []settle.Schedule{account, online}, nil }}
	root, err := wire.ParsePublicKey(h.story.Root)
	if err != nil {
		return err
	}
	ack, err := wire.NewSigner(childAck, nil)
	if err != nil {
		return err
	}
	seal, err := wire.ParseConfidantKey(childSeal)
	if err != nil {
		return err
	}
	h.hand, err = ByHand(h.ctx, Config{Ledger: h.store, Publish: acksOf{h, ack.Public()}, Root: root, Signer: func() *wire.Signer { return ack },
		Unseal: func(wire.KID) *wire.ConfidantKey { return seal }, Now: now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	return err
}

// acksOf hears HQ's answers as lanes do.
type acksOf struct {
	h   *powerHQ
	key wire.PublicKey
}

func (a acksOf) Publish(_ context.Context, _ string, _ byte, payload []byte) error {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		return err
	}
	m, err := wire.Open(sealed, wire.TypAck, wire.OneKey(a.key))
	if err != nil {
		return nil // a policy
	}
	var ack wire.Ack
	if err := wire.UnmarshalKnown(m.Payload, &ack); err != nil {
		return err
	}
	_, err = fmt.Printf("acked %s %d\n", ack.Terminal, ack.Acked)
	return err
}

// have says what is there, and is an error when something of it is half.
func (h *powerHQ) have() error {
	for _, l := range h.story.Lanes {
		places, err := h.store.Places(h.ctx, l.Terminal.ID, l.Epoch)
		if err != nil {
			return err
		}
		for _, p := range places {
			fmt.Printf("have %s %d\n", l.Terminal.ID, p.Acked)
		}
		if keys, err := h.store.Keys(h.ctx, l.Terminal.ID); err == nil && len(keys) > 0 {
			fmt.Printf("known %s\n", l.Terminal.ID)
		}
	}
	if err := h.batches(); err != nil {
		return err
	}
	if _, err := h.settler.Archive.List(); err != nil {
		return err
	}
	report, err := h.store.Check(h.ctx, time.Time{})
	if err != nil {
		return err
	}
	if len(report.Faults) > 0 {
		return fmt.Errorf("the books are at fault: %q", report.Faults)
	}
	fmt.Println("ready")
	return nil
}

// batches names the visible batches by their bytes in the archive, each read whole.
func (h *powerHQ) batches() error {
	list, err := h.store.Batches(h.ctx, 0, 1000)
	if err != nil {
		return err
	}
	for _, ref := range list {
		b, err := h.settler.Archive.Load(ref.ID)
		if err != nil {
			return fmt.Errorf("batch %s is visible: %w", ref.ID, err)
		}
		if b.Root != ref.Root || b.Total != ref.Total {
			return fmt.Errorf("batch %s: the ledger has %+v, the archive %+v", ref.ID, ref.Ref, b.Ref())
		}
		sum := sha256.New()
		for _, form := range []settle.Form{settle.FormJSON, settle.FormCSV, settle.FormManifest} {
			f, err := h.settler.Archive.Open(ref.ID, form)
			if err != nil {
				return err
			}
			if _, err := io.Copy(sum, f); err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		fmt.Printf("batch %s %x\n", ref.ID, sum.Sum(nil))
	}
	return nil
}

func (h *powerHQ) enrol() error {
	for _, d := range []ledger.Document{{Kind: ledger.TrustDocument, Version: 1, Sealed: h.story.Trust}, {Kind: ledger.PolicyDocument, Version: 1, Sealed: h.story.Policy}} {
		if err := h.store.AddDocument(h.ctx, d); err != nil {
			return err
		}
	}
	for _, l := range h.story.Lanes {
		key, err := wire.ParsePublicKey(l.Key)
		if err != nil {
			return err
		}
		if err := h.store.AddTerminal(h.ctx, l.Terminal, key); err != nil {
			return err
		}
		fmt.Printf("enrolled %s\n", l.Terminal.ID)
	}
	return nil
}

// asked writes down what the desk knew before any entry came.
func (h *powerHQ) asked() error {
	for _, t := range h.story.Asked {
		a := authorise.Attempt{Ref: t.Ref, Payment: t.Payment, Sale: t.Sale, Terminal: t.Terminal, Store: t.Store, Lane: t.Lane,
			Wallet: ingesttest.OnlineWallet, Amount: payment.Of(t.Minor, "JPY"), Made: ingesttest.Noon, State: authorise.Paid}
		if err := h.store.Attempts().Begin(h.ctx, &a); err != nil && !errors.Is(err, authorise.ErrExists) {
			return err
		}
	}
	return nil
}

// desk has the operator say of all that is open that it was paid.
func (h *powerHQ) desk() error {
	due, err := h.store.Attempts().Due(h.ctx, h.now.AddDate(1, 0, 0), 100, nil)
	for i := range due {
		if due[i].State != authorise.Doubtful {
			continue
		}
		a, err := authorise.Step(due[i], authorise.Answered{Call: authorise.Query, Answer: operator.Answer{Outcome: operator.Paid}}, &operator.Rules{}, h.now)
		if err == nil {
			err = h.store.Attempts().Save(h.ctx, &a)
		}
		if err != nil {
			return err
		}
	}
	return err
}

// charges wants each charge to be what the lanes said of it.
func (h *powerHQ) charges() error {
	for _, ref := range slices.Concat(h.story.Kept, h.story.Back) {
		a, err := h.store.Attempts().Get(h.ctx, ref)
		if err != nil {
			return err
		}
		if stands := a.State == authorise.Completed; stands != slices.Contains(h.story.Kept, ref) {
			return fmt.Errorf("attempt %s is %s", ref, a.State)
		}
	}
	return nil
}

// ingest takes all of the lanes' messages in turn, judges, and cuts a batch now and then.
func (h *powerHQ) ingest() error {
	for n := 0; ; n++ {
		any := false
		for _, l := range h.story.Lanes {
			if n >= len(l.Messages) {
				continue
			}
			any = true
			h.hand.Ingest().Handle(h.ctx, wire.UpTopic(l.Terminal.ID), l.Messages[n]) // also what is held: the lane may not have heard
			if err := h.hand.Record(h.ctx); err != nil {
				return err
			}
			if err := h.hand.Answer(h.ctx); err != nil {
				return err
			}
		}
		if !any {
			return nil
		}
		if err := h.judge(); err != nil {
			return err
		}
		if err := h.desk(); err != nil {
			return err
		}
		if n%3 == 2 {
			if _, err := h.settler.CutNow(h.ctx); err != nil {
				return err
			}
			if err := h.batches(); err != nil {
				return err
			}
		}
	}
}

func (h *powerHQ) judge() error {
	for {
		more, err := h.hand.Judge(h.ctx)
		if err != nil || !more {
			return err
		}
	}
}

func (h *powerHQ) closeDay() error {
	h.now = ingesttest.Noon.AddDate(0, 0, 1)
	if _, err := h.settler.Step(h.ctx); err != nil {
		return err
	}
	return h.batches()
}

// finish wants what an undisturbed HQ would have: everything judged, and settled once.
func (h *powerHQ) finish() error {
	report, err := h.store.Check(h.ctx, time.Time{})
	if err != nil {
		return err
	}
	if len(report.Faults)+len(report.Missing)+len(report.Waiting) > 0 {
		return fmt.Errorf("at the end: %+v", report)
	}
	if err := h.charges(); err != nil {
		return err
	}
	var posted, settled int64
	for _, d := range report.Days {
		posted += d.Posted.Sum
	}
	list, err := h.store.Batches(h.ctx, 0, 1000)
	if err != nil {
		return err
	}
	for _, b := range list {
		settled += b.Sum
	}
	if err := h.store.Close(); err != nil {
		return err
	}
	_, err = fmt.Printf("done %d %d\n", posted, settled)
	return err
}
