//go:build unix

package lane

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/payment"
)

// patience ends a test that hangs.
const patience = 30 * time.Second

// until waits for a view. It is shown anew with every change.
func (r *rig) until(what string, ok func(View) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for changed := r.lane.Changes(ctx); !ok(r.lane.View()); {
		select {
		case <-changed:
		case <-ctx.Done():
			r.t.Fatalf("waited in vain until %s: stopped %v, room %v", what, r.lane.View().Stopped, r.lane.View().Room)
		}
	}
}

func (r *rig) wantNoSale(says string) {
	r.t.Helper()
	_, _, err := r.lane.OpenSale(r.t.Context(), NewSale{Sale: newSale(100)})
	if payment.CodeOf(err) != payment.Retry || !strings.Contains(payment.MessageOf(err), says) {
		r.t.Errorf("a sale: %v, want Retry that says %q", err, says)
	}
}

func (r *rig) wantSale() {
	r.t.Helper()
	r.sale(100)
	if v := r.scan(r.phone(9).code()); v.Phase != checkout.Paid {
		r.t.Errorf("a sale: %+v", v.Answer)
	}
	r.ok(r.lane.Next(r.t.Context()))
}

// TestLittleRoom: when little is free the lane says so without being asked for a sale, begins none, lets end what
// has begun, and goes on by itself when there is room.
func TestLittleRoom(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 40)
	r := bare(t)
	r.free = func(string) (uint64, error) { return free.Load(), nil }
	r.begin(nil)
	r.wantSale()
	r.sale(500)
	free.Store(journal.MinRoom - 1)
	r.until("there is no room", func(v View) bool { return errors.Is(v.Room, journal.ErrNoRoom) })
	if v := r.scan(r.phone(1).code()); v.Phase != checkout.Paid || v.Stopped != nil {
		t.Errorf("the sale that had begun: %+v, %v", v.Answer, v.Stopped)
	}
	r.ok(r.lane.Next(t.Context()))
	r.wantNoSale("MiB free")
	free.Store(journal.MinRoom)
	r.pass(probeEvery)
	r.until("there is room", func(v View) bool { return v.Room == nil })
	r.wantSale()

	free.Store(0)
	r.restart()
	if v := r.lane.View(); !errors.Is(v.Room, journal.ErrNoRoom) {
		t.Errorf("after a start: %v", v.Room)
	}
	r.wantNoSale("MiB free")
}

// heard passes on what is logged under a message.
type heard struct {
	slog.Handler
	message string
	lines   chan struct{}
}

func (h *heard) Enabled(context.Context, slog.Level) bool { return true }

func (h *heard) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.message {
		select {
		case h.lines <- struct{}{}:
		default:
		}
	}
	return nil
}

// envDisk makes this test binary meet a full disk: no file may grow beyond a limit, which is a process's.
const envDisk = "TILLD_TEST_FULL_DISK"

// TestFullDisk: a disk that takes nothing more, found out by nobody's sale. The lane does not call itself ready as
// long as it is full, also when it is started on it, and goes on by itself.
func TestFullDisk(t *testing.T) {
	if os.Getenv(envDisk) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v", "-test.timeout=2m")
		cmd.Env = append(os.Environ(), envDisk+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	failed := &heard{Handler: slog.DiscardHandler, message: "the journal could not be reopened", lines: make(chan struct{}, 1)}
	r := bare(t)
	r.log = failed
	r.begin(nil)
	r.wantSale()

	lift := full(t, 8<<10)
	r.pass(2 * saveClock) // something is written that nobody sees
	r.until("the lane says so", func(v View) bool { return v.Stopped != nil && errors.Is(v.Room, journal.ErrNoRoom) })
	for range 2 {
		r.pass(reopenMost + time.Second)
		<-failed.lines
		if v := r.lane.View(); v.Stopped == nil || !errors.Is(v.Room, journal.ErrNoRoom) {
			t.Errorf("on a full disk: stopped %v, room %v", v.Stopped, v.Room)
		}
		r.wantNoSale("can't")
	}
	lift()
	r.pass(reopenMost + time.Second)
	r.until("it sells again", func(v View) bool { return v.Stopped == nil && v.Room == nil })
	r.wantSale()

	r.sale(300) // left open: to be cancelled at the start
	r.stop()
	lift = full(t, 64<<10) // SQLite opens no log without what it keeps in shared memory
	r.open()
	r.until("it says so at its start", func(v View) bool { return errors.Is(v.Room, journal.ErrNoRoom) })
	r.wantNoSale("can't")
	lift()
	for r.lane.View().Stopped != nil || r.lane.View().Room != nil {
		r.pass(reopenMost)
		<-r.lane.Changes(t.Context())
	}
	r.wantSale()
}

// full lets no file grow beyond a size, until it is lifted.
func full(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
			t.Fatal(err)
		}
	}
}
