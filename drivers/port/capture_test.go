package port

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseCapture(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name, in string
		want     []Step
		err      string
	}{
		{"empty", "\n  \n# nothing\n", nil, ""},
		{"all of it", "send \"ab\\r\"\nwait 20ms\nwait 1ms\nhex 5d 51 31\n  wait 5ms\n",
			[]Step{{0, []byte("ab\r")}, {21 * ms, []byte("]Q1")}, {5 * ms, nil}}, ""},
		{"unknown word", "\nsned \"x\"", nil, "capture line 2: unknown step \"sned\""},
		{"no quotes", "send x", nil, "capture line 1: send wants a quoted string"},
		{"half a byte", "hex 5", nil, "capture line 1: "},
		{"no unit", "wait 5", nil, "capture line 1: "},
		{"back in time", "wait -5ms", nil, "capture line 1: negative pause"},
		{"for ever", "wait 59m\nwait 59m", nil, "capture line 2: a pause longer than 1h0m0s"},
		{"endless line", "send \"" + strings.Repeat("x", 70000), nil, "capture: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseCapture(strings.NewReader(tt.in))
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) || got != nil {
					t.Fatalf("got %v, %v; want the error %q", got, err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func FuzzParseCapture(f *testing.F) {
	f.Add("send \"ab\\r\"\nwait 20ms\nhex 5d 51 31\n")
	f.Add("wait 1h\nwait 1ns\nsend \"\"")
	f.Add("hex\nhex  \nsend `raw`")
	f.Fuzz(func(t *testing.T, in string) {
		steps, err := ParseCapture(strings.NewReader(in))
		if err != nil && steps != nil {
			t.Fatalf("an error and %d steps", len(steps))
		}
		for i, s := range steps {
			if s.Wait < 0 || s.Wait > maxCaptureWait || (len(s.Data) == 0 && i < len(steps)-1) {
				t.Fatalf("step %d is %v", i, s)
			}
		}
	})
}

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := []Step{{0, []byte("abc")}, {time.Second, []byte("d")}, {2 * time.Second, nil}}
		p := Replay("a capture", steps, nil)
		start, b := time.Now(), make([]byte, 2)
		for _, want := range []struct {
			text string
			at   time.Duration
		}{{"ab", 0}, {"c", 0}, {"d", time.Second}} {
			n, err := p.Read(b)
			if got, at := string(b[:n]), time.Since(start); err != nil || got != want.text || at != want.at {
				t.Errorf("got %q after %v, %v; want %q after %v", got, at, err, want.text, want.at)
			}
		}
		if _, err := p.Read(b); !errors.Is(err, ErrUnplugged) || time.Since(start) != 3*time.Second {
			t.Errorf("ends after %v with %v", time.Since(start), err)
		}
		if string(steps[0].Data) != "abc" || p.Device() != "a capture" {
			t.Errorf("the capture was changed: %v of %s", steps, p.Device())
		}
		if n, err := p.Write(b); n != 2 || err != nil {
			t.Errorf("write says %d, %v", n, err)
		}
	})
}

func TestReplayCloseWakesARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Replay("a capture", []Step{{time.Hour, []byte("x")}}, nil)
		read := make(chan error, 1)
		go func() {
			_, err := p.Read(make([]byte, 1))
			read <- err
		}()
		synctest.Wait()
		start := time.Now()
		for range 2 {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-read; !errors.Is(err, ErrClosed) || time.Since(start) != 0 {
			t.Errorf("woken after %v by %v", time.Since(start), err)
		}
		if _, err := p.Write([]byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("write says %v", err)
		}
	})
}
