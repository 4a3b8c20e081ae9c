package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/policy"
	"tilld/sync/ledger"
)

type hqForgetCmd struct {
	hqData
	Account   string `xor:"which" placeholder:"HEX" help:"The issuer's pseudonym of the account, 32 hexadecimal digits."`
	Pseudonym string `xor:"which" placeholder:"HEX" help:"The account as sales figures name it, 32 hexadecimal digits."`
	Member    string `xor:"which" placeholder:"HEX" help:"A loyalty programme's member as points name him, 32 hexadecimal digits; with --programme."`
	Programme string `help:"With --member: the programme."`
	List      bool   `xor:"which" help:"List who had accounts forgotten, the newest first, and erase nothing."`
	Wallet    string `default:"house" help:"With --account: the account's wallet."`
	Why       string `placeholder:"TEXT" help:"Kept with your name; needed to erase."`
}

// Help says what is erased and what is not.
func (hqForgetCmd) Help() string {
	return `Erased are the bodies of the account's payments at HQ (its pseudonym, the sealed code, basket lines, cashier) and what
links its payments to it. Kept are amounts and postings, in which nobody is named; what an open exception needs as its
evidence, or the wallet's issuer, which was not told yet: that is counted; run this again then; and what the account has spent since yesterday, which bounds
what it may still spend: run this again in two days. The same holds for payments that lanes have not sent yet.

With --member the number of a loyalty card is erased; what it earned stands.

Lanes erase their own bodies after the policy's retention_days. Who had an account forgotten, when, why and what that
erased is kept under the account's pseudonym, which means nothing without HQ's keys/sales.key.`
}

// Run erases, or lists who did.
func (c hqForgetCmd) Run(ctx context.Context, std streams) error {
	switch {
	case c.List:
		return c.with(ctx, func(o *hq.Office) error { return printErasures(ctx, std, o) })
	case c.Account == "" && c.Pseudonym == "" && c.Member == "":
		return usageError{"one of --account, --pseudonym, --member and --list is needed"}
	case (c.Member == "") != (c.Programme == ""):
		return usageError{"--member and --programme go together"}
	case c.Why == "":
		return usageError{"--why is needed"}
	}
	if c.Member != "" {
		return c.member(ctx, std)
	}
	return c.with(ctx, func(o *hq.Office) error {
		account, err := c.account(ctx, o)
		if err == nil {
			var e ledger.Erasure
			if e, err = o.ForgetAccount(ctx, account, operator(), c.Why); err == nil {
				_, err = fmt.Fprintf(std.out, "erased %d bodies of %d payments of account %x; %d bodies are evidence still, of open exceptions or for the issuer, and stay\n",
					e.Bodies, e.Payments, e.Pseudonym, e.Kept)
			}
		}
		if errors.Is(err, hq.ErrNoAccount) {
			return negative(std, err)
		}
		return err
	})
}

func (c hqForgetCmd) member(ctx context.Context, std streams) error {
	raw, err := hex.DecodeString(c.Member)
	if err != nil || len(raw) != ledger.PseudonymSize {
		return usageError{fmt.Sprintf("--member: want %d hexadecimal digits", 2*ledger.PseudonymSize)}
	}
	return c.with(ctx, func(o *hq.Office) error {
		e, err := o.ForgetMember(ctx, c.Programme, [ledger.PseudonymSize]byte(raw), operator(), c.Why)
		if errors.Is(err, hq.ErrNoMember) {
			return negative(std, err)
		}
		if err == nil {
			_, err = fmt.Fprintf(std.out, "erased the number of member %x of %s in %d of %d entries; the points stand\n", e.Pseudonym, c.Programme, e.Bodies, e.Payments)
		}
		return err
	})
}

func (c hqForgetCmd) account(ctx context.Context, o *hq.Office) (ledger.AccountOf, error) {
	if c.Account != "" {
		raw, err := hex.DecodeString(c.Account)
		if err != nil || len(raw) != policy.AccountSize {
			return ledger.AccountOf{}, usageError{fmt.Sprintf("--account: want %d hexadecimal digits", 2*policy.AccountSize)}
		}
		return ledger.AccountOf{Wallet: c.Wallet, Account: raw}, nil
	}
	raw, err := hex.DecodeString(c.Pseudonym)
	if err != nil || len(raw) != ledger.PseudonymSize {
		return ledger.AccountOf{}, usageError{fmt.Sprintf("--pseudonym: want %d hexadecimal digits", 2*ledger.PseudonymSize)}
	}
	return o.AccountOf(ctx, [ledger.PseudonymSize]byte(raw))
}

func printErasures(ctx context.Context, std streams, o *hq.Office) error {
	list, err := o.Books.Erasures(ctx, 1000)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tBY\tACCOUNT\tPAYMENTS\tERASED\tKEPT\tWHY")
	for _, e := range list {
		fmt.Fprintf(w, "%s\t%s\t%x\t%d\t%d\t%d\t%q\n", e.At.Format(time.RFC3339), e.By, e.Pseudonym, e.Payments, e.Bodies, e.Kept, e.Why)
	}
	return w.Flush()
}
