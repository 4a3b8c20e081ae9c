package hq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/disk"
	"tilld/agent/payment"
)

// Revocation is what HQ keeps of each terminal and token that was ended, beside its books: books that were restored
// from a backup would let it live again. Each is a file of its own that never changes, so two such directories are
// brought together by copying one into the other.
type Revocation struct {
	Kind string     `json:"kind"` // terminal or token
	ID   payment.ID `json:"id"`
	At   time.Time  `json:"at"`
	By   string     `json:"by,omitempty"`  // of a terminal
	Why  string     `json:"why,omitempty"` // of a terminal
}

// The kinds of revocations.
const (
	RevokedTerminal = "terminal"
	RevokedToken    = "token"
)

func (r *Revocation) file() string { return r.Kind + "-" + r.ID.String() + ".json" }

// String names what was revoked.
func (r *Revocation) String() string { return r.Kind + " " + r.ID.String() }

// RevokeTerminal ends a terminal, in the books and beside them.
func (o *Office) RevokeTerminal(ctx context.Context, id payment.ID, who, why string) error {
	if err := o.Books.RevokeTerminal(ctx, id, who, why); err != nil {
		return err
	}
	return o.keepRevocations(ctx)
}

// RevokeToken ends a token, in the books and beside them.
func (o *Office) RevokeToken(ctx context.Context, id payment.ID) error {
	if err := o.Books.RevokeToken(ctx, id); err != nil {
		return err
	}
	return o.keepRevocations(ctx)
}

// keepRevocations writes beside the books what only they know: the revocation just made, and those of releases that
// kept none.
func (o *Office) keepRevocations(ctx context.Context) error {
	list, err := o.revoked(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	dir := filepath.Join(o.Dir, revocationDir)
	if err := disk.MakeDir(dir); err != nil {
		return fmt.Errorf("it is revoked, but a restore from an older backup would undo that: %w", err)
	}
	for _, r := range list {
		path := filepath.Join(dir, r.file())
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		b, err := json.Marshal(r)
		if err == nil {
			err = files.Write(path, append(b, '\n'))
		}
		if err != nil {
			return fmt.Errorf("%s is revoked, but a restore from an older backup would undo that: %w", r.String(), err)
		}
	}
	return nil
}

// revoked lists what the books know to be revoked.
func (o *Office) revoked(ctx context.Context) (list []Revocation, err error) {
	tokens, err := o.Books.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		if !t.Revoked.IsZero() {
			list = append(list, Revocation{Kind: RevokedToken, ID: t.ID, At: t.Revoked.UTC()})
		}
	}
	for after := uint64(0); ; {
		page, err := o.Books.Terminals(ctx, after, 500)
		if err != nil || len(page) == 0 {
			return list, err
		}
		for _, t := range page {
			if after = t.Pos; !t.RevokedAt.IsZero() {
				list = append(list, Revocation{Kind: RevokedTerminal, ID: t.ID, At: t.RevokedAt.UTC(), By: t.RevokedBy, Why: t.RevokedWhy})
			}
		}
	}
}

// RevokeAgain ends what a file beside the books says was ended, and the books, older than it, believe alive. It
// returns what that was. What the books don't know at all can do nothing.
func (o *Office) RevokeAgain(ctx context.Context) (again []Revocation, err error) {
	list, err := o.revoked(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, r := range list {
		known[r.file()] = true
	}
	kept, err := o.keptRevocations()
	if err != nil {
		return nil, err
	}
	for _, r := range kept {
		if known[r.file()] {
			continue
		}
		if r.Kind == RevokedToken {
			err = o.Books.RevokeToken(ctx, r.ID)
		} else {
			err = o.Books.RevokeTerminal(ctx, r.ID, r.By, r.Why)
		}
		switch {
		case payment.CodeOf(err) == payment.NotFound:
		case err != nil:
			return again, fmt.Errorf("revoking %s again: %w", r.String(), err)
		default:
			again = append(again, r)
		}
	}
	return again, nil
}

// keptRevocations reads the files. One that can't be read is an error: whom it ended would live.
func (o *Office) keptRevocations() (list []Revocation, err error) {
	dir := filepath.Join(o.Dir, revocationDir)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") { // not finished
			continue
		}
		path := filepath.Join(dir, e.Name())
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		r, err := parseRevocation(b)
		if err == nil && e.Name() != r.file() {
			err = fmt.Errorf("it is about %s", r.String())
		}
		if err != nil {
			return nil, fmt.Errorf("%s is no revocation of HQ's: %w", path, err)
		}
		list = append(list, r)
	}
	return list, nil
}

func parseRevocation(b []byte) (r Revocation, err error) {
	if err := json.Unmarshal(b, &r); err != nil {
		return r, err
	}
	switch {
	case r.ID.IsZero():
		return r, errors.New("it names nobody")
	case r.Kind == RevokedToken:
	case r.Kind != RevokedTerminal:
		return r, fmt.Errorf("its kind is %q", r.Kind)
	case r.By == "" || r.Why == "":
		return r, errors.New("it does not say who revoked the terminal, and why")
	}
	return r, nil
}

// checkRevoked refuses to enrol a terminal that was revoked, whatever restored books know of it.
func (o *Office) checkRevoked(id payment.ID) error {
	r := Revocation{Kind: RevokedTerminal, ID: id}
	_, err := os.Lstat(filepath.Join(o.Dir, revocationDir, r.file()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s was revoked: the till becomes a new terminal, from an empty data directory", r.String())
	}
	return err
}
