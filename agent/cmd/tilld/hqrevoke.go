package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/payment"
	"tilld/sync/ledger"
)

type hqTerminalListCmd struct{ hqData }

// Run lists the terminals.
func (c hqTerminalListCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(o *hq.Office) error {
		return printTerminals(ctx, std.out, o, func(*ledger.TerminalStatus) bool { return true })
	})
}

type hqTerminalRevokeCmd struct {
	hqData
	Terminal string `arg:"" help:"The terminal's identifier."`
	Why      string `required:"" help:"Kept with the revocation."`
}

// Run revokes the terminal.
func (c hqTerminalRevokeCmd) Run(ctx context.Context, std streams) error {
	id, err := payment.ParseID(c.Terminal)
	if err != nil {
		return usageError{err.Error()}
	}
	return c.with(ctx, func(o *hq.Office) error { return o.RevokeTerminal(ctx, id, operator(), c.Why) })
}

type hqTokenListCmd struct{ hqData }

// Run lists the tokens.
func (c hqTokenListCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(o *hq.Office) error {
		return printTokens(ctx, std.out, o, func(*ledger.Token) bool { return true })
	})
}

type hqTokenRevokeCmd struct {
	hqData
	Token string `arg:"" help:"The token's identifier, as listed."`
}

// Run ends the token.
func (c hqTokenRevokeCmd) Run(ctx context.Context, std streams) error {
	id, err := payment.ParseID(c.Token)
	if err != nil {
		return usageError{err.Error()}
	}
	return c.with(ctx, func(o *hq.Office) error { return o.RevokeToken(ctx, id) })
}

type hqRestoredCmd struct{ hqData }

// Run begins a new HQ epoch, and lists who is alive: the backup may be older than somebody's end.
func (c hqRestoredCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(o *hq.Office) error {
		epoch, again, err := o.Restored(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.out, "HQ epoch %d has begun: lanes send again what the backup did not have\n", epoch)
		for _, r := range again {
			fmt.Fprintf(std.out, "revoked again, as after the backup: %s\n", r.String())
		}
		fmt.Fprint(std.out, "\nThese terminals and tokens are alive. What was ended after the backup and is not in revocations/ is alive again: look through them.\n\n")
		if err := printTerminals(ctx, std.out, o, func(t *ledger.TerminalStatus) bool { return t.RevokedAt.IsZero() }); err != nil {
			return err
		}
		now := time.Now()
		return printTokens(ctx, std.out, o, func(t *ledger.Token) bool { return t.Revoked.IsZero() && now.Before(t.Expires) })
	})
}

// printTerminals prints a line for each terminal that show says yes to.
func printTerminals(ctx context.Context, w io.Writer, o *hq.Office, show func(*ledger.TerminalStatus) bool) error {
	for after := uint64(0); ; {
		list, err := o.Books.Terminals(ctx, after, 500)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, t := range list {
			if after = t.Pos; !show(&t) {
				continue
			}
			state := "never seen"
			if !t.LastSeen.IsZero() {
				state = "seen " + t.LastSeen.UTC().Format(time.RFC3339)
			}
			if !t.RevokedAt.IsZero() {
				state = "revoked"
			}
			if t.Twice {
				state += "  ALIVE TWICE"
			}
			if _, err := fmt.Fprintf(w, "%s  %s/%s  %s  behind %d  %s\n", t.ID, t.Store, t.Lane, t.Entity, t.Behind(), state); err != nil {
				return err
			}
		}
	}
}

// printTokens prints a line for each token that show says yes to.
func printTokens(ctx context.Context, w io.Writer, o *hq.Office, show func(*ledger.Token) bool) error {
	list, err := o.Books.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, t := range list {
		if !show(&t) {
			continue
		}
		state := "until " + t.Expires.UTC().Format(time.DateOnly)
		if !t.Revoked.IsZero() {
			state = "revoked"
		}
		if _, err := fmt.Fprintf(w, "%s  %s  %s  %s\n", t.ID, t.Name, strings.Join(t.Scopes, ","), state); err != nil {
			return err
		}
	}
	return nil
}
