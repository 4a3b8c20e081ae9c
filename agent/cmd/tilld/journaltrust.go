package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/lane"
	"tilld/agent/journal"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// hqTrust is what HQ's root key vouches for: given on the command line, never taken from the journal.
type hqTrust struct {
	root   wire.PublicKey
	answer []byte // HQ's answer to the terminal's request, which names the root and brings a trust bundle; nil: none
}

// readHQ reads the argument of --hq; nil where there is none.
func readHQ(arg string) (*hqTrust, error) {
	if arg == "" {
		return nil, nil
	}
	if k, err := parseHexKey(arg); err == nil {
		return &hqTrust{root: k}, nil
	}
	b, err := os.ReadFile(arg)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usageError{fmt.Sprintf("--hq: %q is neither a key in hexadecimal nor a file", arg)}
	}
	if err != nil {
		return nil, fmt.Errorf("--hq: %w", err)
	}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("tilld ")) {
		return &hqTrust{answer: b}, nil
	}
	k, err := parseHexKey(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("--hq: %s: %w", arg, err)
	}
	return &hqTrust{root: k}, nil
}

// errNoTrust says that nothing tells which keys sign HQ's acknowledgements.
var errNoTrust = errors.New("no trust bundle is in the journal, nor HQ's answer beside it; give that answer (--hq)")

// trust is the bundle that the journal holds, or else the one of HQ's answer to the terminal with this first
// key: the one given, or the one in the lane's data directory. The root has signed whichever it is.
func (h *hqTrust) trust(ctx context.Context, src *journal.Copy, dir string, id lane.Identity) (*policy.Trust, error) {
	root, raw := h.root, []byte(nil)
	if h.answer != nil {
		a, err := policy.ParseJoinAnswer(h.answer, id.Terminal, id.First)
		if err != nil {
			return nil, err
		}
		if root, err = wire.ParsePublicKey(a.Root); err != nil {
			return nil, err
		}
		raw = a.Trust
	} else if a, err := lane.LoadJoin(dir, id); err == nil {
		raw = a.Trust
	}
	_, newer, err := src.Document(ctx, journal.TrustDocument)
	if err != nil {
		return nil, err
	}
	if newer != nil {
		raw = newer
	}
	if raw == nil {
		return nil, errNoTrust
	}
	return policy.OpenTrust(raw, root)
}

// verifyAck is what HQ's word says of one epoch.
type verifyAck struct {
	Epoch  string     `json:"epoch"` // hexadecimal
	Acked  uint64     `json:"acked"` // as the journal has it
	HQTime *time.Time `json:"hq_time,omitempty"`
	Error  string     `json:"error,omitempty"` // absent: proven
}

// checkHQ holds cursors and documents against HQ's keys.
func (a *verifyAnswer) checkHQ(ctx context.Context, src *journal.Copy, hq *hqTrust, dir string, first wire.KID) error {
	trust, err := hq.trust(ctx, src, dir, lane.Identity{Terminal: a.Terminal, First: first})
	if err != nil {
		a.fault("HQ's keys", err)
		return ctx.Err()
	}
	if version, raw, err := src.Document(ctx, journal.PolicyDocument); err != nil {
		return err
	} else if raw != nil {
		doc, err := policy.OpenPolicy(raw, trust.Keys(policy.UsePolicy, time.Time{}))
		if err == nil && doc.Version != version {
			err = fmt.Errorf("it is version %d, and the journal calls it %d", doc.Version, version)
		}
		if err != nil {
			a.fault("policy", err)
		}
	}
	acks, err := src.Acks(ctx, trust.Keys(policy.UseAck, time.Time{}))
	for _, p := range acks {
		ack := verifyAck{Epoch: fmt.Sprintf("%016x", p.Epoch), Acked: p.Acked}
		if p.Time != 0 {
			at := time.UnixMilli(p.Time).UTC()
			ack.HQTime = &at
		}
		if p.Err != nil {
			ack.Error = p.Err.Error()
			a.fault("acknowledgement of epoch "+ack.Epoch, p.Err)
		}
		a.Acks = append(a.Acks, ack)
	}
	return err
}

// fault notes what does not hold, unless something else was found first.
func (a *verifyAnswer) fault(part string, err error) {
	a.Verified = false
	if a.Fault == nil {
		a.Fault = &verifyFault{Part: part, Error: err.Error()}
	}
}
