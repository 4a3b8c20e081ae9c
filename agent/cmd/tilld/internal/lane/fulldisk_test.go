//go:build unix

package lane

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// envDisk makes this test binary meet a full disk: no file may grow beyond a limit, which is a process's.
const envDisk = "TILLD_TEST_FULL_DISK"

// TestStartOnAFullDisk: SQLite opens no journal on a full disk. The lane says why on its page and in /healthz, and
// opens by itself when there is room.
func TestStartOnAFullDisk(t *testing.T) {
	if os.Getenv(envDisk) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestStartOnAFullDisk$", "-test.v", "-test.timeout=2m")
		cmd.Env = append(os.Environ(), envDisk+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	first := joined(t, "127.0.0.1:0")
	cfg, url := first.cfg, "http://"+first.PagesAddr()
	cfg.Listen.Pages = first.PagesAddr()
	first.close()

	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 8 << 10, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	type opened struct {
		*Node
		err error
	}
	got := make(chan opened, 1)
	go func() {
		n, err := Open(t.Context(), cfg, "test", first.log)
		got <- opened{n, err}
	}()
	awaitAnswer(t, url+"/healthz", http.StatusServiceUnavailable, "storage full")
	awaitAnswer(t, url+"/", http.StatusOK, "<main")
	awaitAnswer(t, url+"/live", http.StatusOK, "disk is full")
	if resp, err := http.Post(url+"/sale", "application/x-www-form-urlencoded", strings.NewReader("amount=100")); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a sale: %v, %v", resp, err)
	}
	select {
	case o := <-got:
		t.Fatalf("it opened: %v", o.err)
	default:
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	o := <-got
	if o.err != nil {
		t.Fatal(o.err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	awaitAnswer(t, url+"/healthz", http.StatusOK, "ok")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// awaitAnswer asks until the answer begins so; of a stream it reads the beginning.
func awaitAnswer(t *testing.T, url string, status int, holds string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := "no answer"
	for {
		if code, text, err := askOnce(ctx, url, holds); err == nil {
			if last = text; code == status && strings.Contains(text, holds) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %s", url, last)
		}
	}
}

func askOnce(ctx context.Context, url, holds string) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b := make([]byte, 4<<10)
	for !strings.Contains(text, holds) {
		n, err := resp.Body.Read(b)
		text += string(b[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, "", err
		}
	}
	return resp.StatusCode, text, nil
}
