package main

import (
	"context"
	"fmt"
	"time"

	"tilld/agent/cmd/tilld/internal/hq"
)

type hqRenewCmd struct{ hqData }

// Run signs the bundle.
func (c hqRenewCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(o *hq.Office) error {
		until, err := o.Renew(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(std.out, "HQ's keys are believed until %s; running lanes take it with their next question\n", until.UTC().Format(time.DateOnly))
		return err
	})
}

// expiring are the findings about keys that will not be believed for much longer: after that lanes take no
// acknowledgement, no policy, or no code of a wallet.
func expiring(ctx context.Context, o *hq.Office) (lines []string, err error) {
	rows, err := o.Expiring(ctx)
	for _, r := range rows {
		until := r.NotAfter.Time().Format(time.DateOnly)
		if r.Wallet != "" {
			lines = append(lines, fmt.Sprintf("expires: a key of %s's issuer on %s; tilld hq issuer add, again", r.Wallet, until))
		} else {
			lines = append(lines, fmt.Sprintf("expires: HQ's %s key on %s; tilld hq renew", r.Use, until))
		}
	}
	return lines, err
}
