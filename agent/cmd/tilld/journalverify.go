package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

type journalVerifyCmd struct {
	journalSource
	Key  []string `placeholder:"FILE|HEX" sep:"none" help:"A public key of the terminal, as HQ knows it: hexadecimal COSE_Key, a file of such lines, or the terminal's join request. Again for more; those that the journal brings in itself are found. Without any, the journal's own word is taken, which proves little."`
	HQ   string   `name:"hq" placeholder:"FILE|HEX" help:"HQ's root key: hexadecimal COSE_Key, root.pub of HQ's data directory, or HQ's answer to the terminal's request (terminal.join of a lane's data directory). With it HQ's signed acknowledgements, trust bundle and policy are checked too."`
	JSON bool     `name:"json" help:"Print one JSON object."`
}

// verifyAnswer is what verify has to say. The figures are of what holds, up to the fault.
type verifyAnswer struct {
	Verified bool          `json:"verified"`
	Trusted  string        `json:"trusted"` // "given", or "own": the journal's own keys
	Keys     []verifyKey   `json:"keys"`
	Terminal payment.ID    `json:"terminal"`
	Entries  int           `json:"entries"`
	Bodies   int           `json:"bodies"`
	Erased   int           `json:"erased"`
	SetAside int           `json:"set_aside"` // entries of a later release
	Epochs   []verifyEpoch `json:"epochs"`
	Fault    *verifyFault  `json:"fault,omitempty"`
	// Projected is what was computed from the entries once more and compared; null for a second medium, which
	// has nothing beside its entries.
	Projected   *journal.Projected   `json:"projected"`
	Differences []journal.Difference `json:"differences,omitempty"` // beside the entries, which hold
	More        int                  `json:"more_differences,omitempty"`
	Acks        []verifyAck          `json:"acks,omitempty"` // by HQ's keys; absent without --hq
	NotChecked  []string             `json:"not_checked"`
}

type verifyEpoch struct {
	Epoch string      `json:"epoch"` // hexadecimal
	First uint64      `json:"first"`
	Last  uint64      `json:"last"`
	Head  journal.Hex `json:"head"`
}

type verifyKey struct {
	KID string      `json:"kid"`
	Key journal.Hex `json:"key"` // COSE_Key
}

// verifyFault is the first thing that does not hold; without an epoch it is no row's.
type verifyFault struct {
	Pos   int64  `json:"pos,omitempty"`
	Epoch string `json:"epoch,omitempty"`
	Seq   uint64 `json:"seq,omitempty"`
	Part  string `json:"part"`
	Error string `json:"error"`
}

// Run verifies. The answer is no when anything does not hold or can't be read.
func (c journalVerifyCmd) Run(ctx context.Context, std streams) error {
	given, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	hq, err := readHQ(c.HQ)
	if err != nil {
		return err
	}
	return c.with(ctx, func(src journal.Source) error {
		a := verifyAnswer{Trusted: "given", Keys: []verifyKey{}, Epochs: []verifyEpoch{}, NotChecked: []string{}, Terminal: src.Terminal()}
		keys, err := given.of(src.Terminal())
		if err == nil && len(c.Key) == 0 {
			a.Trusted = "own"
			keys, err = src.Keys(ctx)
		}
		if err == nil {
			var r journal.Report
			r, err = src.Verify(ctx, keys...)
			a.take(&r)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, k := range keys {
			a.Keys = append(a.Keys, verifyKey{k.KID().String(), k.Bytes()})
		}
		a.Verified, a.Fault = err == nil, faultOf(err)
		if e, ok := errors.AsType[*journal.DifferError](err); ok {
			a.Differences, a.More = e.List, e.More
		}
		if err := a.beside(ctx, src, hq, c.Data+c.Path); err != nil {
			return err
		}
		if err := a.print(std, c.JSON); err != nil {
			return err
		}
		if !a.Verified {
			return errNegative
		}
		return nil
	})
}

// beside checks what rests on HQ's word, and says what nothing was checked of. Entries that do not hold leave
// nothing to check it by. Dir is where HQ's answer may lie.
func (a *verifyAnswer) beside(ctx context.Context, src journal.Source, hq *hqTrust, dir string) error {
	db, ok := src.(*journal.Copy)
	if !ok {
		return nil
	}
	if err := a.checkObeyed(ctx, db, hq, dir); err != nil {
		return err
	}
	const answers = "HQ's answers about single entries, the clock's anchor: nothing here signs them"
	if hq == nil {
		a.NotChecked = append(a.NotChecked, "what HQ has acknowledged, and its trust bundle and policy: give HQ's root key (--hq)", answers)
		return nil
	}
	a.NotChecked = append(a.NotChecked, answers)
	if a.Projected == nil {
		return nil
	}
	listed, err := src.Keys(ctx)
	if err != nil || len(listed) == 0 {
		return err
	}
	return a.checkHQ(ctx, db, hq, dir, listed[0].KID())
}

func (a *verifyAnswer) take(r *journal.Report) {
	a.Entries, a.Bodies, a.Erased, a.SetAside, a.Projected = r.Entries, r.Bodies, r.Erased, r.SetAside, r.Projected
	for _, e := range r.Epochs {
		a.Epochs = append(a.Epochs, verifyEpoch{fmt.Sprintf("%016x", e.Epoch), e.First, e.Last, e.Head})
	}
}

func faultOf(err error) *verifyFault {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*journal.Fault](err); ok {
		return &verifyFault{f.Pos, fmt.Sprintf("%016x", f.Epoch), f.Seq, f.Part, f.Err.Error()}
	}
	if _, ok := errors.AsType[*journal.Damage](err); ok {
		return &verifyFault{Part: "end", Error: err.Error()}
	}
	if e, ok := errors.AsType[*journal.DifferError](err); ok {
		return &verifyFault{Part: e.List[0].Table, Error: e.List[0].Error()}
	}
	return &verifyFault{Part: "file", Error: err.Error()}
}

func (a *verifyAnswer) print(std streams, asJSON bool) error {
	if a.Trusted == "own" {
		first := "none"
		if len(a.Keys) > 0 {
			first = a.Keys[0].Key.String()
		}
		fmt.Fprintf(std.err, "WARNING: no --key was given, so the journal's own first key was believed:\n  %s\n"+
			"Whoever made up the whole journal passes this check. Compare the key with HQ's record of the terminal.\n", first)
	}
	if asJSON {
		return writeJSON(std.out, a)
	}
	_, err := io.WriteString(std.out, a.text())
	return err
}

// givenKeys are keys from the command line, and whose they are when a file says so.
type givenKeys struct {
	keys     []wire.PublicKey
	terminal payment.ID
}

// of gives the keys for a terminal, and refuses those of another one.
func (g givenKeys) of(terminal payment.ID) ([]wire.PublicKey, error) {
	if !g.terminal.IsZero() && g.terminal != terminal {
		return nil, fmt.Errorf("%w: %s, and the key is of %s", journal.ErrOtherTerminal, terminal, g.terminal)
	}
	return g.keys, nil
}

// readKeys reads each of the arguments: a key itself, or a file of keys.
func readKeys(args []string) (g givenKeys, err error) {
	for _, arg := range args {
		if k, err := parseHexKey(arg); err == nil {
			g.keys = append(g.keys, k)
			continue
		}
		b, err := os.ReadFile(arg)
		if errors.Is(err, os.ErrNotExist) {
			return g, usageError{fmt.Sprintf("--key: %q is neither a key in hexadecimal nor a file", arg)}
		}
		if err == nil {
			err = g.addFile(b)
		}
		if err != nil {
			return g, fmt.Errorf("--key: %s: %w", arg, err)
		}
	}
	return g, nil
}

// addFile takes a join request, or lines of keys; what follows # is a remark.
func (g *givenKeys) addFile(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("tilld ")) {
		r, err := policy.ParseJoinRequest(b)
		if err != nil {
			return err
		}
		k, err := r.PublicKey()
		g.keys, g.terminal = append(g.keys, k), r.Terminal
		return err
	}
	before := len(g.keys)
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		text, _, _ := strings.Cut(line, "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		k, err := parseHexKey(text)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		g.keys = append(g.keys, k)
	}
	if len(g.keys) == before {
		return errors.New("no key is in it")
	}
	return nil
}

func parseHexKey(text string) (wire.PublicKey, error) {
	b, err := hex.DecodeString(text)
	if err != nil {
		return wire.PublicKey{}, fmt.Errorf("not hexadecimal: %w", err)
	}
	return wire.ParsePublicKey(b)
}
