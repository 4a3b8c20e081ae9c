package hq

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/disk"
	"tilld/agent/payment"
	"tilld/sync/hqapi"
	"tilld/sync/ledger"
)

// Sales is what sales figures are exported by. The key of their pseudonyms is made when it is asked for first: an HQ from
// before sales figures has none.
func (o *Office) Sales() (hqapi.Sales, error) {
	path := filepath.Join(o.Dir, salesFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeSalesKey(path); err != nil {
			return hqapi.Sales{}, fmt.Errorf("making the key of pseudonyms: %w", err)
		}
	}
	keys, err := readHex(path)
	if err != nil {
		return hqapi.Sales{}, err
	}
	if len(keys) != 1 || len(keys[0]) != 32 {
		return hqapi.Sales{}, fmt.Errorf("%s: want one key of 64 hexadecimal digits", salesFile)
	}
	return hqapi.Sales{Key: keys[0], Chain: o.Chain}, nil
}

// makeSalesKey makes the file once, though two processes try: the second finds the first one's. What is linked is whole
// and on the disk.
func makeSalesKey(path string) error {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return err
	}
	mine := path + "." + rand.Text()[:8]
	if err := files.Write(mine, hexLine(key[:])); err != nil {
		return err
	}
	err := os.Link(mine, path)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(mine), disk.SyncDir(filepath.Dir(path)))
}

// ErrNoAccount is an account that no payment in the books is of, or not any more.
var ErrNoAccount = errors.New("no payment in the books is of that account")

// ForgetAccount erases what the books hold of a wallet's account, and keeps who wanted that. What the account has spent
// since yesterday stays for now, since it bounds what it may still spend; so does what an open exception
// needs, or an issuer that was not told yet.
func (o *Office) ForgetAccount(ctx context.Context, account ledger.AccountOf, who, why string) (ledger.Erasure, error) {
	sales, err := o.Sales()
	if err != nil {
		return ledger.Erasure{}, err
	}
	before := payment.DateOf(o.now().UTC().AddDate(0, 0, -1)) // wherever the stores are, that date is over
	e, err := o.Books.Erase(ctx, account, before, ledger.Erasure{By: who, Why: why, Pseudonym: sales.Pseudonym(account.Wallet, account.Account)})
	if err == nil && e.Payments == 0 {
		err = ErrNoAccount
	}
	return e, err
}

// ErrNoMember is a member of a loyalty programme whom no entry in the books names.
var ErrNoMember = errors.New("no card of that member was noted at any lane")

// ForgetMember erases a member's number, by his pseudonym in the programme.
func (o *Office) ForgetMember(ctx context.Context, programme string, member [ledger.PseudonymSize]byte, who, why string) (ledger.Erasure, error) {
	e, err := o.Books.EraseMember(ctx, programme, member, ledger.Erasure{By: who, Why: why})
	if err == nil && e.Payments == 0 {
		err = ErrNoMember
	}
	return e, err
}

// AccountOf finds the account that sales figures name by a pseudonym.
func (o *Office) AccountOf(ctx context.Context, pseudonym [ledger.PseudonymSize]byte) (ledger.AccountOf, error) {
	sales, err := o.Sales()
	if err != nil {
		return ledger.AccountOf{}, err
	}
	for after, more := uint64(0), true; more; {
		var list []ledger.AccountOf
		if list, after, more, err = o.Books.Accounts(ctx, after, 10_000); err != nil {
			return ledger.AccountOf{}, err
		}
		for _, a := range list {
			if sales.Pseudonym(a.Wallet, a.Account) == pseudonym {
				return a, nil
			}
		}
	}
	return ledger.AccountOf{}, ErrNoAccount
}
