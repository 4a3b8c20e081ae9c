// Package lane plugs a lane together: files, clocks, journal, checkout, scanner, uplink and pages.
package lane

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/disk"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// The files of a lane's data directory, beside the journal's own.
const (
	keyFile      = "terminal.key"
	terminalFile = "terminal.id"
	joinFile     = "terminal.join" // HQ's answer: root, place and secrets
	pinFile      = "manager.pin"
	begunFile    = "journal.begun" // empty: a journal has been here
)

// ErrNotJoined says that HQ's answer is not here yet.
var ErrNotJoined = errors.New("this lane has not joined a chain: carry the file of `tilld lane init` to HQ, and take its answer with `tilld lane join FILE`")

// Identity is who a lane is.
type Identity struct {
	Terminal payment.ID
	First    wire.KID     // of the key that asked to join; later ones follow from the journal
	Signer   *wire.Signer // the key in the file
}

// Init makes the terminal's key and identifier in dir, or reads them again, and returns the request that
// people carry to HQ.
func Init(dir, software string, now time.Time) (request []byte, id Identity, err error) {
	if err := disk.MakeDir(dir); err != nil {
		return nil, id, fmt.Errorf("making the data directory: %w", err)
	}
	id.Signer, _, err = journal.LoadOrCreateKey(filepath.Join(dir, keyFile), rand.Reader)
	if err != nil {
		return nil, id, err
	}
	if id.Terminal, id.First, err = loadTerminal(dir); errors.Is(err, fs.ErrNotExist) {
		id.First = id.Signer.Public().KID()
		id.Terminal, err = newTerminal(dir, id.First, now)
	}
	if err != nil {
		return nil, id, err
	}
	request, err = policy.NewJoinRequest(id.Signer, id.Terminal, software, now)
	return request, id, err
}

func newTerminal(dir string, first wire.KID, now time.Time) (payment.ID, error) {
	id, err := payment.NewIDs(func() time.Time { return now }, rand.Reader).Next()
	if err != nil {
		return id, err
	}
	return id, files.Write(filepath.Join(dir, terminalFile), []byte(id.String()+"\n"+first.String()+"\n"))
}

func loadTerminal(dir string) (id payment.ID, first wire.KID, err error) {
	path := filepath.Join(dir, terminalFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return id, first, err
	}
	lines := strings.Fields(string(b))
	if len(lines) != 2 {
		return id, first, fmt.Errorf("%s: want a terminal's identifier and its first key's", path)
	}
	if id, err = payment.ParseID(lines[0]); err != nil {
		return id, first, fmt.Errorf("%s: %w", path, err)
	}
	raw, err := hex.DecodeString(lines[1])
	if err == nil {
		first, err = wire.ParseKID(raw)
	}
	if err != nil {
		return id, first, fmt.Errorf("%s: %w", path, err)
	}
	return id, first, nil
}

// LoadIdentity reads who the lane is; Init must have been there. Where a change of key was cut short, the
// journal says which key counts.
func LoadIdentity(dir string) (Identity, error) {
	id, first, err := loadTerminal(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, fmt.Errorf("%s holds no terminal: `tilld lane init` makes one", dir)
	}
	if err != nil {
		return Identity{}, err
	}
	signer, err := journal.LoadKey(filepath.Join(dir, keyFile), rand.Reader)
	return Identity{Terminal: id, First: first, Signer: signer}, err
}

// Join takes HQ's answer. A lane that has joined stays where it is: another store or lane is another
// terminal.
func Join(dir string, answer []byte) (*policy.JoinAnswer, error) {
	id, err := LoadIdentity(dir)
	if err != nil {
		return nil, err
	}
	a, err := policy.ParseJoinAnswer(answer, id.Terminal, id.First)
	if err != nil {
		return nil, err
	}
	old, err := LoadJoin(dir, id)
	if err == nil && (old.Chain != a.Chain || old.Store != a.Store || old.Lane != a.Lane || !bytes.Equal(old.Root, a.Root)) {
		return nil, fmt.Errorf("this terminal is lane %s of store %s already: for another place make another data directory", old.Lane, old.Store)
	}
	if err != nil && !errors.Is(err, ErrNotJoined) {
		return nil, err
	}
	return a, files.Write(filepath.Join(dir, joinFile), answer)
}

// LoadJoin reads HQ's answer again.
func LoadJoin(dir string, id Identity) (*policy.JoinAnswer, error) {
	b, err := os.ReadFile(filepath.Join(dir, joinFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotJoined
	}
	if err != nil {
		return nil, err
	}
	return policy.ParseJoinAnswer(b, id.Terminal, id.First)
}

// PINStore is where a lane's manager's PIN is kept.
func PINStore(dir string) files.Store { return files.Store(filepath.Join(dir, pinFile)) }

// loadBundle is what the journal says to believe, or else the answer of HQ. The entries say which policy was in
// force: where that one is gone (the rows were deleted, or the journal was made anew from the second medium, which
// has entries alone), none is in force until HQ sends it. The answer's is older, and may let phones pay that were
// revoked since.
func loadBundle(ctx context.Context, j *journal.Journal, a *policy.JoinAnswer) (*policy.Bundle, error) {
	b, err := a.Bundle()
	if err != nil {
		return nil, err
	}
	for _, kind := range []journal.Document{journal.TrustDocument, journal.PolicyDocument} {
		_, raw, err := j.Document(ctx, kind)
		if err != nil {
			return nil, err
		}
		if raw == nil {
			continue
		}
		next, err := b.Accept(raw, time.Time{})
		if err != nil {
			// The answer may be newer: a lane that joined again. What the journal keeps is never older than
			// what it obeyed, so nothing is lost by passing over it.
			continue
		}
		b = next
	}
	obeyed, err := j.Obeyed(ctx)
	return b.Demand(obeyed), err
}
