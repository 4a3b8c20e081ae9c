package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

type hqIssuerCmd struct {
	Add  hqIssuerAddCmd  `cmd:"" help:"Sign a trust bundle that believes an issuer's key."`
	List hqIssuerListCmd `cmd:"" help:"List the issuers that are believed."`
}

type hqIssuerAddCmd struct {
	hqData
	Key    string `arg:"" help:"The issuer's P-256 public key: a file with it as PEM or COSE_Key, or the COSE_Key in hexadecimal."`
	Wallet string `required:"" placeholder:"NAME" help:"Wallet whose codes it certifies, such as house."`
}

// Help tells where a key for a trial comes from.
func (hqIssuerAddCmd) Help() string {
	return `A wallet's issuer makes its own key and hands out the public half. For a trial, be the issuer yourself:

    openssl ecparam -name prime256v1 -genkey -noout -out issuer.key
    openssl pkey -in issuer.key -pubout -out issuer.pem
    tilld hq issuer add --data DIR --wallet house issuer.pem

The key's kid is printed: certificates of phones must name it.`
}

// Run signs the bundle and prints the key's identifier.
func (c hqIssuerAddCmd) Run(ctx context.Context, std streams) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	return c.with(ctx, func(o *hq.Office) error {
		if err := o.AddIssuer(ctx, key, c.Wallet); err != nil {
			return err
		}
		return printIssuers(ctx, std, o, func(r policy.TrustRow) bool { return bytes.Equal(r.Key, key.Bytes()) })
	})
}

// key reads the file; what is no file's name is the key itself.
func (c hqIssuerAddCmd) key() (wire.PublicKey, error) {
	if _, err := os.Stat(c.Key); err == nil {
		b, err := readSmall(c.Key)
		if err != nil {
			return wire.PublicKey{}, err
		}
		key, err := hq.ParseIssuerKey(b)
		if err != nil {
			return key, fmt.Errorf("%s: %w", c.Key, err)
		}
		return key, nil
	}
	if _, err := hex.DecodeString(c.Key); err != nil {
		return wire.PublicKey{}, usageError{fmt.Sprintf("%q is neither a file here nor a key in hexadecimal", c.Key)}
	}
	key, err := hq.ParseIssuerKey([]byte(c.Key))
	if err != nil {
		return key, usageError{err.Error()}
	}
	return key, nil
}

type hqIssuerListCmd struct{ hqData }

// Run lists the issuers.
func (c hqIssuerListCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(o *hq.Office) error {
		return printIssuers(ctx, std, o, func(policy.TrustRow) bool { return true })
	})
}

func printIssuers(ctx context.Context, std streams, o *hq.Office, wanted func(policy.TrustRow) bool) error {
	t, _, err := o.Trust(ctx)
	if err != nil {
		return err
	}
	for _, r := range t.Rows {
		if r.Use != policy.UseIssuer || !wanted(r) {
			continue
		}
		key, err := wire.ParsePublicKey(r.Key)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(std.out, "issuer of %s: kid %s, believed until %s\n", r.Wallet, key.KID(), r.NotAfter.Time().Format(time.DateOnly)); err != nil {
			return err
		}
	}
	return nil
}
