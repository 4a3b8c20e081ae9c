package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"tilld/agent/paycode"
	"tilld/agent/policy"
)

type codeCmd struct {
	Explain codeExplainCmd `cmd:"" help:"Say what a scanned text is, whose payment code or what else, and what stands in it."`
}

type codeExplainCmd struct {
	JSON   bool   `name:"json" help:"Print one JSON object."`
	Policy string `type:"path" placeholder:"FILE" help:"Wallet table of a policy as HQ writes it (TOML). Default: the one that tilld ships with."`
	Market string `placeholder:"XX" help:"The store's country, two capitals of ISO 3166 such as JP. Default: the policy's; without one, the wallets of every market are named."`
	Reveal bool   `help:"Show account numbers and payment numbers in full, not only their last four: a card's number is nobody's business but its owner's."`
	Code   string `arg:"" help:"The text as it was scanned, behind -- when it begins with a dash; - reads standard input, which keeps a live code out of the shell's history."`
}

// maxCodeInput is far above any code: what is longer is explained as too long.
const maxCodeInput = 64 << 10

// Run explains the code. The answer is no when it is of no use at a lane.
func (c codeExplainCmd) Run(std streams) error {
	table, market := paycode.DefaultTable(), c.Market
	if market != "" && !paycode.MarketName(market) {
		return usageError{fmt.Sprintf("--market=%q: want two capital letters, such as JP", market)}
	}
	if c.Policy != "" {
		src, err := os.ReadFile(c.Policy)
		if err != nil {
			return fmt.Errorf("reading the policy: %w", err)
		}
		doc, err := policy.ParseTOML(c.Policy, src)
		if err != nil {
			return err
		}
		table, market = &doc.Codes, cmp.Or(market, doc.Market)
	}
	text := c.Code
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(std.in, maxCodeInput))
		if err != nil {
			return fmt.Errorf("reading the code from standard input: %w", err)
		}
		text = string(b)
	}
	e := paycode.Explainer{Table: table, Market: market, Now: time.Now(), Reveal: c.Reveal}.Explain(text)
	write := e.WriteHuman
	if c.JSON {
		write = func(w io.Writer) error { return json.NewEncoder(w).Encode(e) }
	}
	if err := write(std.out); err != nil {
		return err
	}
	if !e.Chargeable() {
		return errNegative
	}
	return nil
}
