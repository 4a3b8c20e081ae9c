package demo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// stage is how far the demo's policy has been brought: what a demo of an earlier release lacks is added once, and what
// somebody changed by `tilld hq policy edit` since stays.
const stage = 2

// bringPolicy makes the policy of a new demo, and adds to that of an older one what it could not have had.
func (d *Demo) bringPolicy(ctx context.Context, o *hq.Office) error {
	if d.notes.Stage >= stage {
		return nil
	}
	doc, _, err := o.Policy(ctx)
	if err != nil {
		return err
	}
	d.addPolicy(doc)
	if err := o.SignPolicy(ctx, doc); err != nil {
		return err
	}
	d.notes.Stage = stage
	return nil
}

// addPolicy makes a policy the next one, with what each stage brought.
func (d *Demo) addPolicy(doc *policy.Document) {
	fresh := doc.Version == 1 // the cautious one of Init: the demo's customers spend more
	m := d.market
	doc.Version, doc.Issued = doc.Version+1, policy.StampOf(time.Now())
	doc.Codes = policy.Starter(doc.Chain, doc.Currency, doc.Zone, time.Now()).Codes
	if d.notes.Stage < 1 {
		doc.Market, doc.Wallets = m.name, m.takes()
		doc.Features = []string{policy.Training, policy.Online}
	}
	for _, feature := range []string{policy.HouseOnline, policy.Carried} {
		if !doc.Feature(feature) {
			doc.Features = append(doc.Features, feature)
		}
	}
	if fresh {
		doc.Caps = policy.Caps{Payment: 20_000 * m.scale, AccountDay: 50_000 * m.scale, Unbound: 3_000 * m.scale, Small: 3_000 * m.scale, AccountCount: 200}
		doc.Tiers.RestartPayment = 2_000 * m.scale
		doc.Default = policy.StoreDefault{Cap: 600_000 * m.scale, Lanes: lanes, Sum: 300_000 * m.scale, Count: 500}
	}
}

// changePolicy is `tilld hq policy edit`, by a program instead of an editor, and waits until the lanes have heard of it.
func (d *Demo) changePolicy(ctx context.Context, change func(*policy.Document)) error {
	const op = "demo.changePolicy"
	next, err := d.hq.EditPolicy(ctx, func(text []byte) ([]byte, error) {
		doc, err := policy.ParseTOML("policy", text)
		if err != nil {
			return nil, err
		}
		change(doc)
		return policy.RenderTOML(doc)
	})
	if errors.Is(err, hq.ErrNoChange) {
		return nil
	}
	if err != nil {
		return payment.Errorf(payment.Internal, op, "HQ's policy: %w", err)
	}
	return d.spread(ctx, next.Version)
}

// HQ looks for a newer policy once a second; a lane whose line is cut is not waited for.
const (
	spreadEvery = 1200 * time.Millisecond
	spreadTimes = 4
)

// spread presses F4 at each lane until it obeys a policy: by itself a lane asks once a minute.
func (d *Demo) spread(ctx context.Context, version uint64) error {
	tick := time.NewTicker(spreadEvery)
	defer tick.Stop()
	for range spreadTimes {
		behind := false
		for _, n := range d.nodes {
			if n.Lane().Bundle().PolicyVersion() >= version || !n.Lane().View().Online.Up {
				continue
			}
			behind = true
			if err := askNow(ctx, n.PagesAddr()); err != nil {
				return err
			}
		}
		if !behind {
			return nil
		}
		select {
		case <-ctx.Done():
			return payment.Errorf(payment.Retry, "demo.spread", "given up: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil // the page says which lane is behind
}

// askNow presses F4 at a lane.
func askNow(ctx context.Context, lane string) error {
	const op = "demo.askNow"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+lane+"/send", strings.NewReader(""))
	if err != nil {
		return payment.Errorf(payment.Internal, op, "%w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return payment.Errorf(payment.Retry, op, "the lane does not answer: %w", err)
	}
	return resp.Body.Close() // what it says is on its own screen too
}

// The offline right of the policy, as long as it is usually, and so short that one can wait for its end.
var (
	usualRight = policy.Tiers{FullFor: 4 * 3600, SmallFor: 24 * 3600, RestartFor: 12 * 3600}
	shortRight = policy.Tiers{FullFor: 5, SmallFor: 10}
)

// setRight has HQ's policy say for how long a lane may sell without HQ. Nobody's clock is touched: the right is HQ's word,
// and so is its length.
func (d *Demo) setRight(ctx context.Context, short bool) error {
	return d.changePolicy(ctx, func(doc *policy.Document) {
		was, right := doc.Tiers, usualRight
		if short {
			right = shortRight
		} else {
			right.RestartPercent, right.RestartPayment = max(was.RestartPercent, 25), max(was.RestartPayment, min(2_000*d.market.scale, doc.Caps.Payment))
		}
		doc.Tiers = right
	})
}

func (d *Demo) policyNow(ctx context.Context) (*policy.Document, error) {
	doc, _, err := d.hq.Policy(ctx)
	if err != nil {
		return nil, payment.Errorf(payment.Internal, "demo.policy", "HQ's policy: %w", err)
	}
	return doc, nil
}

// revoke puts a phone's key on HQ's list of what lanes must not take.
func (d *Demo) revoke(ctx context.Context, kid []byte) error {
	return d.changePolicy(ctx, func(doc *policy.Document) {
		doc.Revoked.Phones = append(doc.Revoked.Phones, kid)
	})
}
