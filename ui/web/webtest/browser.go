// Package webtest drives the pages in a real Chromium, for tests only. A machine without Chromium fails the
// test: what people see is never skipped.
package webtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience bounds every wait for the page; a machine under load is slow, and a page that never comes is a
// failure.
const patience = 30 * time.Second

// Browser is one tab.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// New starts Chromium with a window of the given size, and stops it with the test.
func New(t testing.TB, width, height int) *Browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatal("no Chromium on this machine: `make deps` installs it")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(width, height),
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("force-device-scale-factor", "1"),
		chromedp.WSURLReadTimeout(patience),
	)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, closeTab := chromedp.NewContext(alloc)
	t.Cleanup(func() { closeTab(); stop() })
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), int64(height)), inFront()); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return &Browser{t: t, ctx: ctx}
}

// Do runs actions, bounded in time.
func (b *Browser) Do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v\nthe page says: %s", what, err, b.peek())
	}
}

func (b *Browser) peek() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// Open goes to a page and waits for its body.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.Do("opening "+url, chromedp.Navigate(url), chromedp.WaitReady("body"))
	b.Await(`document.readyState === "complete"`) // keys typed before that are lost
}

// Await waits until a JavaScript expression is true, across a change of page too.
func (b *Browser) Await(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(50*time.Millisecond)))
		if err == nil {
			return
		}
		if ctx.Err() != nil || !(strings.Contains(err.Error(), "context") || strings.Contains(err.Error(), "navigated")) {
			b.t.Fatalf("waiting for %s: %v\nthe page says: %s", expression, err, b.peek())
		}
	}
}

// Type sends keys to whatever has the focus, as a keyboard does: a key that the page takes for itself
// writes no character, which chromedp.KeyEvent would write all the same.
func (b *Browser) Type(keys string) {
	b.t.Helper()
	b.Do("typing", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, r := range keys {
			events := kb.Encode(r)
			if len(events) == 3 { // down, character, up
				events[0].Text, events[0].UnmodifiedText = events[1].Text, events[1].UnmodifiedText
				events = []*input.DispatchKeyEventParams{events[0], events[2]}
			}
			for _, e := range events {
				if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, *e); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// Enter, Escape, Tab and Down are keys for Type; F is a function key.
const (
	Enter  = kb.Enter
	Escape = kb.Escape
	Tab    = kb.Tab
	Down   = kb.ArrowDown
	F2     = kb.F2
	F3     = kb.F3
	F4     = kb.F4
	F6     = kb.F6
	F7     = kb.F7
	F8     = kb.F8
	F9     = kb.F9
)

// Focus moves the focus to an element, as many presses of Tab would. It is found and focused within the page, in one go: a live
// page may put another in its place at any moment.
func (b *Browser) Focus(selector string) {
	b.t.Helper()
	b.Await(fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (e) e.focus(); return e !== null && document.activeElement === e; })()`, selector))
}

// Click presses the mouse's button on the middle of an element; nth is 2 for the second half of a double click.
func (b *Browser) Click(selector string, nth int) {
	b.t.Helper()
	var x, y float64
	at := b.Eval(fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return (r.x + r.width / 2) + " " + (r.y + r.height / 2); })()`, selector))
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		b.t.Fatalf("%s is at %s: %v", selector, at, err)
	}
	b.Do("clicking "+selector, chromedp.MouseClickXY(x, y, chromedp.ClickCount(nth)))
}

// Eval is the string value of a JavaScript expression.
func (b *Browser) Eval(expression string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatalf("evaluating %s: %v", expression, err)
	}
	return s
}

// Text is what the page shows.
func (b *Browser) Text() string { b.t.Helper(); return b.Eval("document.body.innerText") }

// WantText fails the test unless the page shows every one of the texts.
func (b *Browser) WantText(want ...string) {
	b.t.Helper()
	text := b.Text()
	for _, w := range want {
		if !strings.Contains(text, w) {
			b.t.Errorf("the page does not show %q; it shows:\n%s", w, text)
		}
	}
}

// Picture keeps a screenshot when TILLD_SCREENSHOTS names a directory.
func (b *Browser) Picture(name string) {
	b.t.Helper()
	dir := os.Getenv("TILLD_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), b.Screen(), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Screen is what the window shows, as a PNG.
func (b *Browser) Screen() []byte {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatalf("taking a picture: %v", err)
	}
	return png
}

// Fits fails the test when the page must be scrolled sideways, or (whole) at all.
func (b *Browser) Fits(whole bool) {
	b.t.Helper()
	if got := b.Eval(`document.documentElement.scrollWidth <= innerWidth`); got != "true" {
		b.t.Error("the page is wider than the screen")
	}
	if whole && b.Eval(`[...document.querySelectorAll(".answer")].every(e => e.scrollHeight <= e.clientHeight + 1) && document.documentElement.scrollHeight <= innerHeight`) != "true" {
		b.t.Error("the page is higher than the screen")
	}
}
