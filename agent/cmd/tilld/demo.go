package main

import (
	"context"
	"os"
	"path/filepath"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/demo"
)

type demoCmd struct {
	Dir    string `type:"path" placeholder:"DIR" help:"Where the demo keeps its data; without it a directory in the user's cache."`
	Port   int    `default:"7800" help:"First port: the phone's. The lanes take 10 and 20 above, HQ 100, the wallets' operators 110, the house wallet's issuer 120 and 121."`
	Market string `enum:"JP,TW" default:"JP" help:"Where the chain is: JP (PayPay, Merpay, UnionPay, Alipay, WeChat Pay) or TW (LINE Pay, UnionPay, Alipay, WeChat Pay)."`
	Fresh  bool   `help:"Forget an earlier demo and begin anew."`
	Log    string `default:"warn" enum:"debug,info,warn,error" help:"What is logged to standard error: debug, info, warn or error."`
}

// dirs are where each market's demo is kept: one directory is one chain, with one currency.
var dirs = map[string]string{"JP": "tilld-demo", "TW": "tilld-demo-tw"}

// Run runs the demo until a signal ends it.
func (c demoCmd) Run(ctx context.Context, std streams) error {
	if c.Port < 1024 || c.Port > 65000 {
		return usageError{"--port: want 1024 to 65000"}
	}
	if c.Dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return usageError{"there is no cache directory: give --dir"}
		}
		c.Dir = filepath.Join(cache, dirs[c.Market])
	}
	if c.Fresh {
		if err := demo.Forget(c.Dir); err != nil {
			return err
		}
	}
	d, err := demo.Open(ctx, demo.Options{
		Dir: c.Dir, Port: c.Port, Market: c.Market, Software: software(), Out: std.out, Log: logger(config.Log{Level: c.Log, Format: "text"}, std.err),
	})
	if err != nil {
		return err
	}
	return d.Run(ctx)
}
