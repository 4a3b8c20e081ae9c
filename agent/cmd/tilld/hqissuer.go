package main

import (
	"context"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

type hqIssuerCmd struct {
	Add hqIssuerAddCmd `cmd:"" help:"Sign a trust bundle that believes an issuer's key."`
}

type hqIssuerAddCmd struct {
	hqData
	Key    string `arg:"" help:"The issuer's P-256 public key: a COSE_Key in hexadecimal."`
	Wallet string `required:"" help:"Wallet whose codes it certifies."`
}

// Run signs the bundle.
func (c hqIssuerAddCmd) Run(ctx context.Context, std streams) error {
	var raw policy.Hex
	err := raw.UnmarshalText([]byte(c.Key))
	if err != nil {
		return usageError{"the key is not in hexadecimal"}
	}
	key, err := wire.ParsePublicKey(raw)
	if err != nil {
		return usageError{err.Error()}
	}
	return c.with(ctx, func(o *hq.Office) error { return o.AddIssuer(ctx, key, c.Wallet) })
}
