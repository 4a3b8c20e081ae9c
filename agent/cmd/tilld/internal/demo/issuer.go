package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/cmd/tilld/internal/issuer"
	"tilld/agent/disk"
	"tilld/agent/paycode"
	"tilld/sync/house"
	"tilld/sync/wire"
)

// The house wallet's issuer: `tilld issuer` in this process, with a directory and a configuration file of its own.
const (
	issuerDir  = "issuer"
	issuerConf = "issuer.toml"
	spoolDir   = "messages" // what the issuer would mail to its customers
	oldKeyFile = "issuer.key"
)

// The files that `tilld issuer init` makes, as OPERATIONS.md names them.
const (
	issuerKeyFile    = "keys/issuer.key"
	issuerPublicFile = "issuer.pem"
	issuerTokenFile  = "gateway.token"
)

func (d *Demo) issuerFile(name string) string { return filepath.Join(d.path(issuerDir), name) }

// setUpIssuer is `tilld issuer init`, once, and gives the key that HQ is to believe. A demo of a release that had no issuer
// goes on with the key that its lanes know.
func (d *Demo) setUpIssuer() (public wire.PublicKey, err error) {
	text, err := files.Read(d.issuerFile(issuerPublicFile))
	if err != nil {
		return public, err
	}
	if text != nil {
		return hq.ParseIssuerKey(text)
	}
	old, err := files.Read(d.path(oldKeyFile))
	if err != nil {
		return public, err
	}
	if old != nil {
		if err := disk.MakeDir(filepath.Dir(d.issuerFile(issuerKeyFile))); err != nil {
			return public, err
		}
		if err := files.Write(d.issuerFile(issuerKeyFile), old); err != nil {
			return public, err
		}
	}
	return issuer.Init(d.path(issuerDir))
}

// issuerConfig writes the issuer's file, and reads it as `tilld issuer -c` does. The amounts are the market's: customers of
// the demo spend in an hour what others do in a week, and a new phone need not be waited for.
func (d *Demo) issuerConfig() (*config.Issuer, error) {
	o, m := &d.opts, d.market
	text := byDemo + fmt.Sprintf("data = %q\n\n[phones]\naddress = %q\n\n[gateway]\naddress = %q\n\n[messages]\nkind = \"spool\"\nspool = %q\n\n[chain]\nname = %q\nroot = %q\n\n[limits]\ncurrency = %q\ncooling = \"1s\"\n",
		d.path(issuerDir), o.addr(issuerPort), o.addr(gatewayPort), d.path(spoolDir), m.chain, filepath.Join(d.path("hq"), "root.pub"), m.currency)
	for _, l := range []struct {
		name  string
		units int64
	}{
		{"top_up", 100_000}, {"top_up_day", 200_000}, {"balance", 200_000}, {"spend", 20_000}, {"spend_day", 100_000}, {"unbound", 3_000},
		{"cooling_top_up", 1_000}, {"cooling_spend", 3_000}, {"offline_cap", 10_000},
	} {
		text += fmt.Sprintf("%s = %d\n", l.name, l.units*m.scale)
	}
	if err := files.Write(d.path(issuerConf), []byte(text)); err != nil {
		return nil, err
	}
	return config.ReadIssuer(d.path(issuerConf))
}

func (d *Demo) openIssuer(ctx context.Context) error {
	cfg, err := d.issuerConfig()
	if err != nil {
		return fmt.Errorf("the issuer's configuration: %w", err)
	}
	if d.issuer, err = issuer.Open(ctx, cfg, time.Now, d.opts.Log.With("part", "issuer")); err != nil {
		return fmt.Errorf("the issuer: %w", err)
	}
	return nil
}

// closeIssuer closes an issuer that was opened and never ran: a running one closes itself.
func (d *Demo) closeIssuer() {
	if d.issuer == nil || d.ran {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = d.issuer.Run(ctx) // ends at once, and says what it could not close in its log
}

// issuerSection is HQ's [[operator]] section for the house wallet: by it HQ asks about codes, tells what lanes took
// offline, and brings what it signs.
func (d *Demo) issuerSection() string {
	return fmt.Sprintf("\n[[operator]]\nkind = \"acquirer\"\nwallet = %q\nurl = %q\ncredentials_file = %q\nprefix = %q\nissuer = true\ntimeout = \"4s\"\n"+
		"[operator.terms]\nquery_after = \"1s\"\nquery_every = \"2s\"\ngive_up = \"30s\"\nabsent_is_final = \"1m\"\npartial_refund = true\n",
		paycode.HouseWallet, "http://"+d.opts.addr(gatewayPort), d.issuerFile(issuerTokenFile), house.OperatorPrefix)
}

// isDemo says whether a directory is one of a demo's, of this release or of an earlier one.
func isDemo(dir string) bool {
	for _, name := range []string{filepath.Join(issuerDir, issuerKeyFile), oldKeyFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			return true
		}
	}
	return false
}
