package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

type hqCmd struct {
	Run      hqRunCmd      `cmd:"" default:"withargs" help:"Run HQ (the default)."`
	Init     hqInitCmd     `cmd:"" help:"Make an HQ: keys, books, and a cautious first policy."`
	Policy   hqPolicyCmd   `cmd:"" help:"Show, edit or sign the policy."`
	Terminal hqTerminalCmd `cmd:"" help:"Enrol, list and revoke terminals."`
	Issuer   hqIssuerCmd   `cmd:"" help:"Believe a wallet's issuer."`
	Token    hqTokenCmd    `cmd:"" help:"Make, list and revoke API tokens."`
	Backup   hqBackupCmd   `cmd:"" help:"Copy the books and the archive of batches, while HQ runs."`
	Forget   hqForgetCmd   `cmd:"" help:"Erase what HQ holds of a customer's account; every chain stays verifiable."`
	Renew    hqRenewCmd    `cmd:"" help:"Have HQ's keys believed for two more years. It takes the root key."`
	Restored hqRestoredCmd `cmd:"" help:"Say that the books were restored from a backup, before HQ runs again."`
	Check    hqCheckCmd    `cmd:"" help:"Check the books: every lane and date balances, and what is missing is named."`
}

// Help says how HQ is run, since the flags of the default command are not listed.
func (hqCmd) Help() string {
	return `To run HQ, name its configuration (-c, or --config):

    tilld hq -c hq.toml

Before the first run, in this order:

    tilld hq init --data DIR --chain NAME
    tilld hq issuer add --data DIR --wallet house FILE
    tilld config example hq > hq.toml             and edit it
    tilld config check hq.toml

The other commands take the data directory (--data). They work while HQ runs, all but restored.`
}

type hqData struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"HQ's data directory."`
}

// with opens the office for one act.
func (d hqData) with(ctx context.Context, act func(*hq.Office) error) error {
	o, err := hq.OpenOffice(ctx, d.Data, time.Now)
	if err != nil {
		return err
	}
	err = act(o)
	if e := o.Close(); err == nil {
		err = e
	}
	return err
}

type hqRunCmd struct {
	Config string `short:"c" required:"" type:"path" placeholder:"FILE" help:"HQ's configuration; tilld config example hq prints one."`
}

// Run runs HQ until a signal ends it.
func (c hqRunCmd) Run(ctx context.Context, std streams) error {
	cfg, err := config.ReadHQ(c.Config)
	if err != nil {
		return negative(std, err)
	}
	if faults := cfg.Files(); len(faults) > 0 {
		return faulty(std, faults)
	}
	node, err := hq.Open(ctx, cfg, version, logger(cfg.Log, std.err))
	if err != nil {
		return err
	}
	return node.Run(ctx)
}

type hqInitCmd struct {
	hqData
	Chain    string `required:"" help:"Name of the chain: A-Z a-z 0-9 _ -."`
	Currency string `default:"JPY" help:"ISO 4217 code."`
	Zone     string `default:"Asia/Tokyo" help:"IANA time zone of the stores."`
}

// Run makes the HQ.
func (c hqInitCmd) Run(ctx context.Context, std streams) error {
	currency, err := payment.ParseCurrency(c.Currency)
	if err != nil {
		return usageError{err.Error()}
	}
	if err := hq.Init(ctx, c.Data, c.Chain, currency, c.Zone, time.Now); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "HQ of chain %s is in %s. Keep a copy of keys/ where no network reaches.\n", c.Chain, c.Data)
	return err
}

type hqPolicyCmd struct {
	Show hqPolicyShowCmd `cmd:"" help:"Print the policy in force as TOML."`
	Edit hqPolicyEditCmd `cmd:"" help:"Edit the policy with $EDITOR (vi without one) and sign it under the next version."`
	Sign hqPolicySignCmd `cmd:"" help:"Sign a policy file; its version must be above the one in force."`
}

type hqPolicyShowCmd struct{ hqData }

// Run prints the policy.
func (c hqPolicyShowCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(o *hq.Office) error {
		text, err := o.PolicyText(ctx)
		if err != nil {
			return err
		}
		_, err = std.out.Write(text)
		return err
	})
}

type hqPolicyEditCmd struct{ hqData }

// Run lets the editor change the policy. What does not parse is kept in the file that the error names.
func (c hqPolicyEditCmd) Run(ctx context.Context, std streams) error {
	editor := strings.Fields(os.Getenv("EDITOR"))
	if len(editor) == 0 {
		editor = []string{"vi"}
	}
	return c.with(ctx, func(o *hq.Office) error {
		f, err := os.CreateTemp("", "policy-*.toml")
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		doc, err := o.EditPolicy(ctx, func(text []byte) ([]byte, error) {
			if err := os.WriteFile(f.Name(), text, 0o600); err != nil {
				return nil, err
			}
			cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], f.Name())...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = std.in, std.out, std.err
			if err := cmd.Run(); err != nil {
				return nil, fmt.Errorf("%s: %w", editor[0], err)
			}
			return os.ReadFile(f.Name())
		})
		if errors.Is(err, hq.ErrNoChange) {
			fmt.Fprintln(std.err, "nothing was changed; nothing is signed")
			return errors.Join(errNegative, os.Remove(f.Name()))
		}
		if err != nil {
			return fmt.Errorf("not signed; the text is in %s: %w", f.Name(), err)
		}
		noteFeatures(std, doc)
		fmt.Fprintf(std.out, "policy %d is signed; running lanes take it with their next question\n", doc.Version)
		return os.Remove(f.Name())
	})
}

type hqPolicySignCmd struct {
	hqData
	File string `arg:"" type:"path" help:"A policy as TOML."`
}

// Run signs the file.
func (c hqPolicySignCmd) Run(ctx context.Context, std streams) error {
	b, err := readSmall(c.File)
	if err != nil {
		return err
	}
	doc, err := policy.ParseTOML(c.File, b)
	if err != nil {
		return negative(std, err)
	}
	return c.with(ctx, func(o *hq.Office) error {
		if err := o.SignPolicy(ctx, doc); err != nil {
			return err
		}
		noteFeatures(std, doc)
		worst := doc.AccountWorst("")
		_, err := fmt.Fprintf(std.out, "policy %d is signed. With a store's lanes cut off from each other one account can spend %s a day there.\n", doc.Version, worst)
		return err
	})
}

// noteFeatures says which switches this release would never look at: a lane's answer to a misspelt one is silence.
func noteFeatures(std streams, doc *policy.Document) {
	for _, name := range doc.UnknownFeatures() {
		fmt.Fprintf(std.err, "note: nothing in this release is behind the feature %q; there is %q\n", name, policy.Training)
	}
}

type hqTerminalCmd struct {
	Add    hqTerminalAddCmd    `cmd:"" help:"Enrol the terminal of a request file (tilld lane init) and write the answer."`
	List   hqTerminalListCmd   `cmd:"" help:"List the terminals."`
	Revoke hqTerminalRevokeCmd `cmd:"" help:"Stop a terminal: what it signs from now on waits in suspense."`
}

type hqTerminalAddCmd struct {
	hqData
	File   string   `arg:"" type:"path" help:"The request."`
	Store  string   `required:"" help:"Store that the lane stands in."`
	Lane   string   `required:"" help:"Name of the lane."`
	Entity string   `required:"" help:"Legal entity that is paid."`
	Broker []string `help:"Broker addresses to give the lane, when its own configuration names none."`
	Out    string   `short:"o" type:"path" placeholder:"FILE" help:"File for the answer; standard output without it. It holds secrets of this terminal."`
}

// Run enrols the terminal.
func (c hqTerminalAddCmd) Run(ctx context.Context, std streams) error {
	request, err := readSmall(c.File)
	if err != nil {
		return err
	}
	return c.with(ctx, func(o *hq.Office) error {
		answer, id, err := o.AddTerminal(ctx, request, hq.Place{Store: c.Store, Lane: c.Lane, Entity: c.Entity, Brokers: c.Broker})
		if err != nil {
			return err
		}
		fmt.Fprintf(std.err, "terminal %s is lane %s of store %s\n", id, c.Lane, c.Store)
		return write(std, c.Out, answer)
	})
}

type hqTokenCmd struct {
	Add    hqTokenAddCmd    `cmd:"" help:"Make a token; its secret is shown once."`
	List   hqTokenListCmd   `cmd:"" help:"List the tokens."`
	Revoke hqTokenRevokeCmd `cmd:"" help:"End a token."`
}

type hqTokenAddCmd struct {
	hqData
	Name  string        `arg:"" help:"Whose it is; written beside every decision made with it."`
	Scope []string      `default:"read" enum:"read,finance,operations,sales,points" help:"read, finance, operations, sales, points."`
	Life  time.Duration `default:"8760h" help:"How long it is good for."`
}

// Run prints the secret on standard output.
func (c hqTokenAddCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(o *hq.Office) error {
		secret, err := o.AddToken(ctx, c.Name, c.Life, c.Scope...)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(std.out, secret)
		return err
	})
}

// operator is who decides, as the machine knows him.
func operator() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if who := os.Getenv(name); who != "" {
			return who
		}
	}
	return "operator"
}
