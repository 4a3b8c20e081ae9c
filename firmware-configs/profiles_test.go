package firmware

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryBuiltInProfileLoads(t *testing.T) {
	names := Names()
	if !slices.Contains(names, Generic) {
		t.Fatalf("built in: %q, without %q", names, Generic)
	}
	for _, name := range names {
		p, err := Load(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Name != name || p.Description == "" || p.Source == "" {
			t.Errorf("%s.toml: name %q, description %q, source %q: all are wanted, the name as the file's", name, p.Name, p.Description, p.Source)
		}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: Validate: %v", name, err)
		}
	}
}

func TestGenericIsWhatItSays(t *testing.T) {
	p, err := Load(Generic)
	if err != nil {
		t.Fatal(err)
	}
	wire := Serial{Baud: 115200, DataBits: 8, Parity: ParityNone, StopBits: 1, Flow: FlowNone}
	if p.Serial != wire {
		t.Errorf("serial is %+v, want %+v", p.Serial, wire)
	}
	f := p.Framing
	if !slices.Equal(f.Suffixes, []Suffix{SuffixCR, SuffixCRLF, SuffixETX}) || f.AIM != Optional || f.MaxFrame != 4096 {
		t.Errorf("framing is %+v", f)
	}
	if f.IdleGap != 200*time.Millisecond || f.Blanking != 300*time.Millisecond {
		t.Errorf("idle gap %v, blanking %v", f.IdleGap, f.Blanking)
	}
}

func TestLoadFromAPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counter.toml")
	if err := os.WriteFile(path, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Load(path)
	if err != nil || p.Name != "x" {
		t.Fatalf("got %+v, %v", p, err)
	}
}

func TestLoadUnknown(t *testing.T) {
	for _, name := range []string{"no-such-model", "../generic", "./nowhere.toml", ""} {
		_, err := Load(name)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Load(%q): %v, want fs.ErrNotExist", name, err)
		}
	}
	if _, err := Load("no-such-model"); err == nil || !strings.Contains(err.Error(), Generic) {
		t.Errorf("error %q does not say which profiles there are", err)
	}
}
