package hq

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/disk"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/hqapi"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// keyLife is for how long a trust bundle believes a key; see Renew.
const keyLife = 2 * 365 * 24 * time.Hour

// Office is HQ's directory, opened for one administrative act. HQ may run meanwhile.
type Office struct {
	Dir   string
	Chain string
	Keys  *Keys
	Books *ledger.Store
	now   func() time.Time
}

// Init makes an HQ in an empty directory: keys, a trust bundle and a cautious first policy.
func Init(ctx context.Context, dir, chain string, currency payment.Currency, zone string, now func() time.Time) error {
	if err := disk.MakeDir(dir); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, rootPublic)); err == nil {
		return fmt.Errorf("%s holds an HQ already", dir)
	}
	if err := makeKeys(dir); err != nil {
		return fmt.Errorf("making keys: %w", err)
	}
	if err := files.Write(filepath.Join(dir, chainFile), []byte(chain+"\n")); err != nil {
		return err
	}
	o, err := OpenOffice(ctx, dir, now)
	if err != nil {
		return err
	}
	defer o.Books.Close()
	at := now()
	trust := &policy.Trust{Version: 1, Chain: chain, Issued: policy.StampOf(at), Rows: o.ownRows(at)}
	if err := o.signTrust(ctx, trust); err != nil {
		return err
	}
	return o.SignPolicy(ctx, policy.Starter(chain, currency, zone, at))
}

// OpenOffice opens HQ's directory. The caller closes Books.
func OpenOffice(ctx context.Context, dir string, now func() time.Time) (*Office, error) {
	keys, err := LoadKeys(dir)
	if err != nil {
		return nil, err
	}
	chain, err := os.ReadFile(filepath.Join(dir, chainFile))
	if err != nil {
		return nil, err
	}
	if err := files.Writable(dir); err != nil { // of which SQLite would say less
		return nil, fmt.Errorf("%s can't be written to by this user: %w", dir, err)
	}
	books, err := ledger.Open(ctx, filepath.Join(dir, ledgerFile), now)
	if err != nil {
		return nil, err
	}
	return &Office{Dir: dir, Chain: strings.TrimSpace(string(chain)), Keys: keys, Books: books, now: now}, nil
}

// Lock takes the directory for a process that runs HQ, or that must not meet one. Other acts may be done
// while HQ runs.
func (o *Office) Lock() (release func() error, err error) {
	release, err = files.Lock(filepath.Join(o.Dir, lockFile))
	if errors.Is(err, files.ErrLocked) {
		return nil, fmt.Errorf("HQ runs here already: %w", err)
	}
	return release, err
}

// Restored begins a new HQ epoch, after the books were restored from a backup, and ends again what the files beside
// them say was ended. HQ must not be running.
func (o *Office) Restored(ctx context.Context) (epoch uint64, again []Revocation, err error) {
	release, err := o.Lock()
	if err != nil {
		return 0, nil, err
	}
	if again, err = o.RevokeAgain(ctx); err == nil {
		epoch, err = o.Books.Restored(ctx)
	}
	return epoch, again, errors.Join(err, release())
}

// Close ends the office's use of the books.
func (o *Office) Close() error { return o.Books.Close() }

func row(use policy.Use, key []byte, wallet string, at time.Time) policy.TrustRow {
	return policy.TrustRow{
		Use: use, Key: key, Wallet: wallet, NotBefore: policy.StampOf(at.Add(-24 * time.Hour)), NotAfter: policy.StampOf(at.Add(keyLife)),
	}
}

func (o *Office) ownRows(at time.Time) []policy.TrustRow {
	rows := []policy.TrustRow{
		row(policy.UseAck, o.Keys.Ack.Public().Bytes(), "", at),
		row(policy.UsePolicy, o.Keys.Policy.Public().Bytes(), "", at),
	}
	for _, seal := range o.Keys.Seal {
		rows = append(rows, row(policy.UseSeal, seal.Public().Bytes(), "", at))
	}
	return rows
}

func (o *Office) signTrust(ctx context.Context, t *policy.Trust) error {
	root, err := o.Keys.RootSigner()
	if err != nil {
		return err
	}
	raw, err := t.Sign(root)
	if err != nil {
		return err
	}
	return o.Books.AddDocument(ctx, ledger.Document{Kind: ledger.TrustDocument, Version: t.Version, Sealed: raw})
}

// Trust is the newest trust bundle.
func (o *Office) Trust(ctx context.Context) (*policy.Trust, []byte, error) {
	d, err := o.Books.Document(ctx, ledger.TrustDocument, 0)
	if err != nil {
		return nil, nil, err
	}
	t, err := policy.OpenTrust(d.Sealed, o.Keys.Root)
	return t, d.Sealed, err
}

// AddIssuer believes a wallet's issuer from now on: its P-256 key certifies customers' phones. The same again
// renews it when half of its time is over, and changes nothing before.
func (o *Office) AddIssuer(ctx context.Context, key wire.PublicKey, wallet string) error {
	t, _, err := o.Trust(ctx)
	if err != nil {
		return err
	}
	for _, r := range t.Rows {
		if r.Use != policy.UseIssuer || !bytes.Equal(r.Key, key.Bytes()) {
			continue
		}
		if r.Wallet != wallet {
			return fmt.Errorf("that key is the issuer of %s already", r.Wallet)
		}
		if r.NotAfter.Time().After(o.now().Add(keyLife / 2)) {
			return nil
		}
	}
	next, err := o.nextTrust(ctx, t)
	if err != nil {
		return err
	}
	next.Rows = believe(next.Rows, row(policy.UseIssuer, key.Bytes(), wallet, o.now()))
	return o.signTrust(ctx, next)
}

// Policy is the newest policy.
func (o *Office) Policy(ctx context.Context) (*policy.Document, []byte, error) {
	d, err := o.Books.Document(ctx, ledger.PolicyDocument, 0)
	if err != nil {
		return nil, nil, err
	}
	t, _, err := o.Trust(ctx)
	if err != nil {
		return nil, nil, err
	}
	doc, err := policy.OpenPolicy(d.Sealed, t.Keys(policy.UsePolicy, time.Time{}))
	return doc, d.Sealed, err
}

// PolicyText is the newest policy as TOML, with since when it is in force.
func (o *Office) PolicyText(ctx context.Context) ([]byte, error) {
	doc, _, err := o.Policy(ctx)
	if err != nil {
		return nil, err
	}
	filed, err := o.Books.Document(ctx, ledger.PolicyDocument, doc.Version)
	if err != nil {
		return nil, err
	}
	return policy.RenderInForce(doc, filed.FiledAt)
}

// SignPolicy signs a policy and files it; running lanes get it with their next question.
func (o *Office) SignPolicy(ctx context.Context, doc *policy.Document) error {
	if doc.Chain != o.Chain {
		return fmt.Errorf("the policy is for chain %q, this HQ's is %q", doc.Chain, o.Chain)
	}
	raw, err := doc.Sign(o.Keys.Policy)
	if err != nil {
		return err
	}
	return o.Books.AddDocument(ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: doc.Version, Sealed: raw})
}

// Place is where a terminal is to stand.
type Place struct {
	Store, Lane, Entity string
	Brokers             []string
}

// AddTerminal enrols the terminal of a request and returns the answer that people carry back. Enrolling the
// same again gives an answer again.
func (o *Office) AddTerminal(ctx context.Context, request []byte, at Place) (answer []byte, id payment.ID, err error) {
	r, err := policy.ParseJoinRequest(request)
	if err != nil {
		return nil, id, err
	}
	key, err := r.PublicKey()
	if err != nil {
		return nil, id, err
	}
	if err := o.checkRevoked(r.Terminal); err != nil {
		return nil, id, err
	}
	if err := o.roomFor(ctx, r.Terminal, at); err != nil {
		return nil, id, err
	}
	answer, err = o.answer(ctx, r.Terminal, key, at)
	if err != nil {
		return nil, id, err
	}
	err = o.Books.AddTerminal(ctx, ledger.Terminal{ID: r.Terminal, Entity: at.Entity, Store: at.Store, Lane: at.Lane}, key)
	return answer, r.Terminal, err
}

// roomFor keeps the shares of a store's lanes within the store's cap: a lane that the policy lists has its
// own, a store that it does not list takes so many lanes and no more.
func (o *Office) roomFor(ctx context.Context, id payment.ID, at Place) error {
	doc, _, err := o.Policy(ctx)
	if err != nil {
		return err
	}
	for _, s := range doc.Stores {
		if s.Name == at.Store {
			return nil // its lanes and their shares are listed, and were summed when it was signed
		}
	}
	lanes, after := map[string]bool{}, uint64(0)
	for {
		list, err := o.Books.Terminals(ctx, after, 1000)
		if err != nil {
			return err
		}
		for _, t := range list {
			if t.Store == at.Store && t.RevokedAt.IsZero() && t.ID != id {
				lanes[t.Lane] = true
			}
			after = t.Pos
		}
		if len(list) < 1000 {
			break
		}
	}
	if lanes[at.Lane] {
		return fmt.Errorf("lane %s of store %s has a terminal already: revoke that first", at.Lane, at.Store)
	}
	if len(lanes) >= int(doc.Default.Lanes) {
		return fmt.Errorf("store %s has %d lanes already: list it in the policy with a share for each", at.Store, len(lanes))
	}
	return nil
}

func (o *Office) answer(ctx context.Context, id payment.ID, key wire.PublicKey, at Place) ([]byte, error) {
	_, trust, err := o.Trust(ctx)
	if err != nil {
		return nil, err
	}
	doc, rawPolicy, err := o.Policy(ctx)
	if err != nil {
		return nil, err
	}
	root, err := o.Keys.RootSigner()
	if err != nil {
		return nil, err
	}
	kid := key.KID()
	a := &policy.JoinAnswer{
		Version: 1, Root: o.Keys.Root.Bytes(), Chain: o.Chain, Terminal: id, Key: kid[:],
		Store: at.Store, Lane: at.Lane, Entity: at.Entity, Zone: doc.Terms(at.Store, at.Lane).Zone, Currency: doc.Currency,
		HashKeys: o.Keys.Hash, Trust: trust, Policy: rawPolicy, Brokers: at.Brokers, Made: policy.StampOf(o.now()),
	}
	return a.Sign(root)
}

// AddToken makes an API token and returns its secret, which is not kept.
func (o *Office) AddToken(ctx context.Context, name string, life time.Duration, scopes ...string) (string, error) {
	words, err := hqapi.ParseScopes(scopes...)
	if err != nil {
		return "", err
	}
	secret, hash, err := hqapi.NewSecret(rand.Reader)
	if err != nil {
		return "", err
	}
	id, err := payment.NewIDs(o.now, rand.Reader).Next()
	if err != nil {
		return "", err
	}
	err = o.Books.AddToken(ctx, ledger.Token{ID: id, Name: name, Hash: hash, Scopes: words, Expires: o.now().Add(life)})
	return secret, err
}

// ErrNoChange is a policy text that nobody has changed.
var ErrNoChange = errors.New("nothing was changed")

// EditPolicy lets edit change the newest policy's text and signs what comes back, under the next version.
func (o *Office) EditPolicy(ctx context.Context, edit func(text []byte) ([]byte, error)) (*policy.Document, error) {
	doc, _, err := o.Policy(ctx)
	if err != nil {
		return nil, err
	}
	if doc.Version, err = o.Books.NextVersion(ctx, ledger.PolicyDocument); err != nil {
		return nil, err
	}
	doc.Issued = policy.StampOf(o.now())
	before, err := policy.RenderTOML(doc)
	if err != nil {
		return nil, err
	}
	after, err := edit(before)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(before, after) {
		return nil, ErrNoChange
	}
	next, err := policy.ParseTOML("policy", after)
	if err != nil {
		return nil, err
	}
	return next, o.SignPolicy(ctx, next)
}
