package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/lane"
	"tilld/ui/web"
)

type laneCmd struct {
	Run  laneRunCmd  `cmd:"" default:"withargs" help:"Run the lane (the default)."`
	Init laneInitCmd `cmd:"" help:"Make the terminal's key and the request that is carried to HQ."`
	Join laneJoinCmd `cmd:"" help:"Take HQ's answer to the request."`
	PIN  lanePINCmd  `cmd:"" name:"pin" help:"Set the manager's PIN, read from standard input."`
	Key  laneKeyCmd  `cmd:"" help:"Change the terminal's key. The lane must not be running."`

	Recover laneRecoverCmd `cmd:"" help:"Make the journal anew from the second medium, after its own disk was lost."`
}

// Help says how the lane is run, since the flags of the default command are not listed.
func (laneCmd) Help() string {
	return `To run a lane, name its configuration (-c, or --config):

    tilld lane -c lane.toml

Before the first run, in this order:

    tilld lane init --data DIR -o lane.request    and carry that file to HQ
    tilld lane join --data DIR lane.answer        with what HQ answers
    tilld lane pin --data DIR
    tilld config example lane > lane.toml         and edit it
    tilld config check lane.toml`
}

type laneRunCmd struct {
	Config string `short:"c" required:"" type:"path" placeholder:"FILE" help:"The lane's configuration; tilld config example lane prints one."`
}

// Run runs the lane until a signal ends it.
func (c laneRunCmd) Run(ctx context.Context, std streams) error {
	cfg, err := config.ReadLane(c.Config)
	if err != nil {
		return negative(std, err)
	}
	if faults := cfg.Files(); len(faults) > 0 {
		return faulty(std, faults)
	}
	node, err := lane.Open(ctx, cfg, software(), logger(cfg.Log, std.err))
	if err != nil {
		return err
	}
	return node.Run(ctx)
}

type laneInitCmd struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"Data directory of the lane; made when missing."`
	Out  string `short:"o" type:"path" placeholder:"FILE" help:"File for the request; standard output without it."`
}

// Run writes the request.
func (c laneInitCmd) Run(std streams) error {
	request, id, err := lane.Init(c.Data, software(), time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(std.err, "terminal %s, key %s\n", id.Terminal, id.Signer.Public().KID())
	return write(std, c.Out, request)
}

type laneJoinCmd struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"Data directory of the lane."`
	File string `arg:"" type:"path" help:"HQ's answer (tilld hq terminal add)."`
}

// Run keeps the answer.
func (c laneJoinCmd) Run(std streams) error {
	b, err := readSmall(c.File)
	if err != nil {
		return err
	}
	a, err := lane.Join(c.Data, b)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "joined chain %s as lane %s of store %s (%s, %s)\n", a.Chain, a.Lane, a.Store, a.Currency, a.Zone)
	return err
}

type lanePINCmd struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"Data directory of the lane."`
}

// Run reads one line and keeps its hash.
func (c lanePINCmd) Run(std streams) error {
	fmt.Fprintf(std.err, "New PIN of the manager (%d to %d digits): ", web.MinPIN, web.MaxPIN)
	defer silence(std.in)()
	line, err := bufio.NewReader(io.LimitReader(std.in, 256)).ReadString('\n')
	if err != nil && line == "" {
		return usageError{"no PIN on standard input"}
	}
	if _, err := lane.LoadIdentity(c.Data); err != nil {
		return err
	}
	pin := web.NewPIN(lane.PINStore(c.Data), time.Now, rand.Reader)
	if err := pin.Set(strings.TrimSpace(line)); err != nil {
		return negative(std, err)
	}
	_, err = fmt.Fprintln(std.out, "the PIN is set")
	return err
}

type laneKeyCmd struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"Data directory of the lane."`
}

// Run makes a new key, has the journal name it under the old one, and puts it in the old one's place.
func (c laneKeyCmd) Run(ctx context.Context, std streams) error {
	name, err := lane.ChangeKey(ctx, c.Data, software(), slog.New(slog.NewTextHandler(std.err, nil)))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "the key has changed with entry %s; HQ learns it from there\n", name)
	return err
}

type laneRecoverCmd struct {
	Data   string `required:"" type:"path" placeholder:"DIR" help:"Data directory of the lane, with the files terminal.* that were kept, and no journal."`
	Second string `required:"" type:"path" placeholder:"DIR" help:"The second medium, as the lane's configuration names it."`
}

// Run makes the journal and says how far it goes.
func (c laneRecoverCmd) Run(ctx context.Context, std streams) error {
	last, err := lane.Recover(ctx, c.Data, c.Second, software(), slog.New(slog.NewTextHandler(std.err, nil)))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "the journal is there again, in a new epoch (%s); when the lane runs it sends HQ what HQ lacks\n", last)
	return err
}

// negative prints an answer that is no, and makes the exit code say so.
func negative(std streams, err error) error {
	fmt.Fprintln(std.err, worded(err))
	return errNegative
}

func software() string { return "tilld " + version }

// logger writes to standard error as the configuration says.
func logger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // the configuration was checked
	}
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// write puts what was asked for into a file of mode 0600, or on standard output.
func write(std streams, file string, b []byte) error {
	if file == "" {
		_, err := std.out.Write(b)
		return err
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return err
	}
	_, err := fmt.Fprintln(std.err, "written:", filepath.Clean(file))
	return err
}

const maxSmall = 4 << 20

// readSmall reads a file that people carry; "-" is not one.
func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(b) > maxSmall {
		err = fmt.Errorf("%s is larger than anything that tilld writes", file)
	}
	return b, err
}
