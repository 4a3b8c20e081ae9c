package main

import (
	"context"
	"fmt"
	"log/slog"
	"os/user"
	"path/filepath"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/issuer"
	"tilld/agent/payment"
	"tilld/sync/house"
)

type issuerCmd struct {
	Run    issuerRunCmd    `cmd:"" default:"withargs" help:"Run the house wallet's issuer (the default)."`
	Init   issuerInitCmd   `cmd:"" help:"Make an issuer: its key, and the token that HQ shows."`
	Audit  issuerAuditCmd  `cmd:"" help:"Add the books up from single movements, and print what they come to."`
	Stops  issuerStopsCmd  `cmd:"" help:"List who is stopped, and why."`
	Stop   issuerStopCmd   `cmd:"" help:"Stop an account: a customer has lost the phone."`
	Lift   issuerLiftCmd   `cmd:"" help:"Lift a stop of an account, by its number."`
	Switch issuerSwitchCmd `cmd:"" help:"Stop or open spending and top-ups for everybody."`
	Backup issuerBackupCmd `cmd:"" help:"Copy the books into a file, while the issuer runs."`
}

// Help says how the issuer is run, since the flags of the default command are not listed.
func (issuerCmd) Help() string {
	return `To run the issuer, name its configuration (-c, or --config):

    tilld issuer -c issuer.toml

Before the first run, in this order:

    tilld issuer init --data DIR                  and do at HQ what it prints
    tilld config example issuer > issuer.toml     and edit it
    tilld config check issuer.toml

The other commands take the configuration too, and work while the issuer runs. What they do is kept with who did it.`
}

type issuerConf struct {
	Config string `short:"c" required:"" type:"path" placeholder:"FILE" help:"The issuer's configuration; tilld config example issuer prints one."`
}

// with opens the books for one act.
func (c issuerConf) with(ctx context.Context, std streams, act func(*house.Issuer) error) error {
	cfg, err := c.read(std)
	if err != nil {
		return err
	}
	books, err := issuer.OpenBooks(ctx, cfg, time.Now, slog.New(slog.NewTextHandler(std.err, nil)))
	if err != nil {
		return err
	}
	err = act(books)
	if e := books.Close(); err == nil {
		err = e
	}
	return err
}

func (c issuerConf) read(std streams) (*config.Issuer, error) {
	cfg, err := config.ReadIssuer(c.Config)
	if err != nil {
		return nil, negative(std, err)
	}
	if faults := cfg.Files(); len(faults) > 0 {
		return nil, faulty(std, faults)
	}
	return cfg, nil
}

type issuerRunCmd struct{ issuerConf }

// Run runs the issuer until a signal ends it.
func (c issuerRunCmd) Run(ctx context.Context, std streams) error {
	cfg, err := c.read(std)
	if err != nil {
		return err
	}
	node, err := issuer.Open(ctx, cfg, time.Now, logger(cfg.Log, std.err))
	if err != nil {
		return err
	}
	return node.Run(ctx)
}

type issuerInitCmd struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"Data directory of the issuer; made when missing."`
}

// Run makes the issuer and prints what HQ needs.
func (c issuerInitCmd) Run(std streams) error {
	key, err := issuer.Init(c.Data)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, `the issuer is in %[1]s, its key is %[2]s. Keep a copy of keys/ where no network reaches.
At HQ, believe it (carry %[3]s there), and name it in hq.toml:

    tilld hq issuer add --data DIR --wallet house issuer.pem

    [[operator]]
    kind = "acquirer"
    wallet = "house"
    url = "http://127.0.0.1:7951"                          # [gateway] of the issuer; https:// from another machine
    credentials_file = "/etc/tilld/house.token"            # a copy of %[4]s, mode 0600
    prefix = "/operator/v1"
    issuer = true
    timeout = "4s"
    [operator.terms]
    query_after = "1s"
    query_every = "2s"
    give_up = "30s"
    absent_is_final = "1m"
    partial_refund = true
`, c.Data, key.KID(), filepath.Join(c.Data, "issuer.pem"), filepath.Join(c.Data, "gateway.token"))
	return err
}

type issuerAuditCmd struct{ issuerConf }

// Run prints the sums. Books that do not add up are the answer no.
func (c issuerAuditCmd) Run(ctx context.Context, std streams) error {
	cfg, err := c.read(std)
	if err != nil {
		return err
	}
	currency := payment.Currency(cfg.Limits.Currency)
	return c.with(ctx, std, func(books *house.Issuer) error {
		a, err := books.Audit(ctx)
		if err != nil {
			return negative(std, err)
		}
		for _, row := range []struct {
			what  string
			minor int64
		}{
			{"topped up", a.ToppedUp}, {"spent", a.Spent}, {"owed to customers", a.Balances}, {"of it earmarked", a.Held}, {"lost", a.Lost},
		} {
			if _, err := fmt.Fprintf(std.out, "%-18s %s\n", row.what, payment.Of(row.minor, currency)); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintln(std.out, "the books add up")
		return err
	})
}

type issuerStopsCmd struct {
	issuerConf
	Account string `arg:"" optional:"" help:"Log-in name: its stops, lifted ones too. Without it all that stand."`
}

// Run lists them.
func (c issuerStopsCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(books *house.Issuer) error {
		s, err := books.Standing(ctx)
		if err != nil {
			return err
		}
		if s.Spending || s.TopUps {
			fmt.Fprintf(std.out, "for everybody: %s, since %s, by %s: %s\n", switched(s), s.At.Format(time.RFC3339), person(s.By), s.Why)
		}
		list, err := books.Stops(ctx, c.Account)
		if err != nil {
			return err
		}
		for _, st := range list {
			fmt.Fprintf(std.out, "%d %s: %s, since %s, by %s: %s", st.No, st.Login, st.Reason, st.At.Format(time.RFC3339), person(st.By), st.Why)
			if !st.LiftedAt.IsZero() {
				fmt.Fprintf(std.out, "; lifted %s by %s: %s", st.LiftedAt.Format(time.RFC3339), st.LiftedBy, st.LiftWhy)
			}
			fmt.Fprintln(std.out)
		}
		return nil
	})
}

func switched(s house.Switch) string {
	switch {
	case s.Spending && s.TopUps:
		return "spending and top-ups are stopped"
	case s.Spending:
		return "spending is stopped"
	case s.TopUps:
		return "top-ups are stopped"
	}
	return "nothing is stopped"
}

func person(by string) string {
	if by == "" {
		return "a rule"
	}
	return by
}

// who is who acts, and why; both are kept.
type who struct {
	By  string `placeholder:"NAME" help:"Who does this; without it the user of this machine."`
	Why string `required:"" help:"Why; it is kept."`
}

func (w who) name() (string, error) {
	if w.By != "" {
		return w.By, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", usageError{"say who does this, by --by"}
	}
	return u.Username, nil
}

type issuerStopCmd struct {
	issuerConf
	who
	Account string `arg:"" help:"Log-in name of the account."`
}

// Run stops the account. HQ hears of it within a minute, and running lanes by the next policy.
func (c issuerStopCmd) Run(ctx context.Context, std streams) error {
	by, err := c.name()
	if err != nil {
		return err
	}
	return c.with(ctx, std, func(books *house.Issuer) error {
		if err := books.StopAccount(ctx, c.Account, by, c.Why); err != nil {
			return err
		}
		_, err := fmt.Fprintf(std.out, "%s is stopped: nothing is charged or topped up from now on; lanes without HQ take its codes until their certificate ends, or until HQ's next policy reaches them\n", c.Account)
		return err
	})
}

type issuerLiftCmd struct {
	issuerConf
	who
	Stop int64 `arg:"" help:"Number of the stop, as tilld issuer stops lists it."`
}

// Run lifts the stop.
func (c issuerLiftCmd) Run(ctx context.Context, std streams) error {
	by, err := c.name()
	if err != nil {
		return err
	}
	return c.with(ctx, std, func(books *house.Issuer) error {
		if err := books.Lift(ctx, c.Stop, by, c.Why); err != nil {
			return err
		}
		_, err := fmt.Fprintf(std.out, "stop %d is lifted\n", c.Stop)
		return err
	})
}

type issuerSwitchCmd struct {
	issuerConf
	who
	What string `arg:"" enum:"off,spending-off,topups-off,on" help:"off: stop spending and top-ups; spending-off; topups-off; on: open both."`
}

// Run throws the switch.
func (c issuerSwitchCmd) Run(ctx context.Context, std streams) error {
	by, err := c.name()
	if err != nil {
		return err
	}
	s := house.Switch{Spending: c.What == "off" || c.What == "spending-off", TopUps: c.What == "off" || c.What == "topups-off", By: by, Why: c.Why}
	return c.with(ctx, std, func(books *house.Issuer) error {
		if err := books.Throw(ctx, s); err != nil {
			return err
		}
		_, err := fmt.Fprintln(std.out, switched(s))
		return err
	})
}

type issuerBackupCmd struct {
	issuerConf
	File string `arg:"" type:"path" help:"File for the copy; it must not be there."`
}

// Run copies the books.
func (c issuerBackupCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(books *house.Issuer) error {
		if err := issuer.Backup(ctx, books, c.File); err != nil {
			return err
		}
		_, err := fmt.Fprintln(std.out, "written:", c.File)
		return err
	})
}
