package clock

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// machine is a till under a tester's hands: true time, a wall clock that can be set, a boot-time clock.
type machine struct {
	now    time.Time     // the truth, and HQ's clock
	offset time.Duration // of the wall clock
	booted time.Time
	boots  int
	broken bool // the boot-time clock can't be read
}

func newMachine() *machine { return &machine{now: start, booted: start.Add(-time.Minute)} }

func (m *machine) pass(d time.Duration) { m.now = m.now.Add(d) }

func (m *machine) reboot(off time.Duration) {
	m.pass(off)
	m.boots++
	m.booted = m.now
}

func (m *machine) boot() time.Duration { return m.now.Sub(m.booted) }

func (m *machine) source() Source {
	return Source{
		Wall: func() time.Time { return m.now.Add(m.offset) },
		Boot: func() (time.Duration, error) {
			if m.broken {
				return 0, errors.New("no clock")
			}
			return m.boot(), nil
		},
		BootID: string(rune('a'+m.boots%26)) + string(rune('a'+m.boots/26)),
	}
}

func TestJudge(t *testing.T) {
	anchor := Anchor{HQTime: start.UnixMilli(), Boot: 60_000, BootID: "one", Wall: start.UnixMilli()}
	mark := Mark{Time: start.Add(time.Hour).UnixMilli(), Boot: 3_660_000, BootID: "one"}
	known := Saved{Anchor: anchor, Mark: mark}
	at := func(wall, boot time.Duration, id string) Moment {
		return Moment{Wall: start.Add(wall), Boot: boot, BootID: id}
	}
	tests := []struct {
		name  string
		saved Saved
		m     Moment
		trust Trust
		now   time.Duration // from start
		age   time.Duration
	}{
		{"HQ never spoke", Saved{}, at(5*time.Hour, time.Minute, "one"), Untrusted, 5 * time.Hour, 0},
		{"anchored", known, at(2*time.Hour, 2*time.Hour+time.Minute, "one"), Anchored, 2 * time.Hour, 2 * time.Hour},
		{"anchored, wall clock set back a year", known, at(-365*24*time.Hour, 2*time.Hour+time.Minute, "one"), Anchored, 2 * time.Hour, 2 * time.Hour},
		{"anchored, wall clock set forward a year", known, at(365*24*time.Hour, 2*time.Hour+time.Minute, "one"), Anchored, 2 * time.Hour, 2 * time.Hour},
		{"restarted", known, at(2*time.Hour, time.Minute, "two"), Restarted, 2 * time.Hour, 2 * time.Hour},
		{"restarted, a second behind the floor", known, at(time.Hour-time.Second, time.Minute, "two"), Restarted, time.Hour, time.Hour},
		{"restarted, just within the slack", known, at(time.Hour-Slack, time.Minute, "two"), Restarted, time.Hour, time.Hour},
		{"restarted, beyond the slack", known, at(time.Hour-Slack-time.Millisecond, time.Minute, "two"), Untrusted, time.Hour, time.Hour},
		{"restarted, before HQ's time", Saved{Anchor: anchor}, at(-time.Hour, time.Minute, "two"), Untrusted, 0, 0},
		{"restarted, at HQ's time", Saved{Anchor: anchor}, at(0, time.Minute, "two"), Restarted, 0, 0},
		{"the same start, boot time went back", known, at(2*time.Hour, time.Second, "one"), Restarted, 2 * time.Hour, 2 * time.Hour},
		{"boot time can't be read", known, at(2*time.Hour, 0, ""), Restarted, 2 * time.Hour, 2 * time.Hour},
		{"two starts without a name are not one", Saved{Anchor: Anchor{HQTime: anchor.HQTime, Boot: 1}}, at(2*time.Hour, time.Hour, ""), Restarted, 2 * time.Hour, 2 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Judge(tt.saved, tt.m)
			if r.Trust != tt.trust || !r.Now.Equal(start.Add(tt.now)) || r.Age != tt.age {
				t.Errorf("got %v, now %v, age %v; want %v, now %v, age %v", r.Trust, r.Now, r.Age, tt.trust, start.Add(tt.now), tt.age)
			}
			if r.Ever == tt.saved.Anchor.IsZero() {
				t.Errorf("Ever is %v", r.Ever)
			}
			if (r.EntryAge() > 0) != (tt.trust == Anchored) {
				t.Errorf("EntryAge is %d with trust %v", r.EntryAge(), tt.trust)
			}
		})
	}
}

func TestFloorGrowsWithBootTime(t *testing.T) {
	m := newMachine()
	c := New(m.source(), Saved{})
	if _, err := c.Anchor(m.now, m.boot()); err != nil {
		t.Fatal(err)
	}
	m.reboot(time.Hour)
	c = New(m.source(), c.Saved())
	if r := c.Read(); r.Trust != Restarted || r.Age != time.Hour {
		t.Fatalf("after the restart: %v, age %v", r.Trust, r.Age)
	}
	m.pass(time.Hour)
	m.offset = -10 * time.Minute // later than HQ's word, and still a clock that was set back
	r := c.Read()
	if r.Trust != Untrusted || r.Behind != 10*time.Minute || !r.Now.Equal(m.now) || r.Age != 2*time.Hour {
		t.Errorf("got %v, behind %v, age %v", r.Trust, r.Behind, r.Age)
	}
	if r.Step != -10*time.Minute {
		t.Errorf("the step is %v", r.Step)
	}
	if r = c.Read(); r.Step != 0 {
		t.Errorf("the same step is told twice: %v", r.Step)
	}
}

func TestHQPutsAFastClockRight(t *testing.T) {
	m := newMachine()
	c := New(m.source(), Saved{})
	if _, err := c.Anchor(m.now, m.boot()); err != nil {
		t.Fatal(err)
	}
	m.offset = 24 * time.Hour
	m.reboot(time.Minute)
	c = New(m.source(), c.Saved())
	c.Read()
	m.offset = 0
	if r := c.Read(); r.Trust != Untrusted {
		t.Fatalf("the clock went back a day and is %v", r.Trust)
	}
	if _, err := c.Anchor(m.now, m.boot()); err != nil {
		t.Fatal(err)
	}
	if r := c.Read(); r.Trust != Anchored || r.Age != 0 || !r.Now.Equal(m.now) {
		t.Errorf("after HQ spoke: %v, age %v, now %v", r.Trust, r.Age, r.Now)
	}
}

func TestAnchor(t *testing.T) {
	tests := []struct {
		name string
		hq   time.Time
		sent time.Duration // from now, by the boot-time clock
		prep func(*machine, *Clock)
		err  error
	}{
		{"at once", start, 0, nil, nil},
		{"an answer after 30 s", start, -MaxRoundTrip, nil, nil},
		{"too slow", start, -MaxRoundTrip - time.Millisecond, nil, ErrSlow},
		{"from the future", start, time.Millisecond, nil, ErrBoot},
		{"before the machine started", start, -2 * time.Minute, nil, ErrBoot},
		{"no boot-time clock", start, 0, func(m *machine, _ *Clock) { m.broken = true }, ErrBoot},
		{"overtaken", start, -10 * time.Second, func(m *machine, c *Clock) {
			if _, err := c.Anchor(start, m.boot()-5*time.Second); err != nil {
				t.Fatal(err)
			}
		}, ErrEarlier},
		{"no year of ours", time.Unix(0, 0), 0, nil, ErrSaved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine()
			c := New(m.source(), Saved{})
			if tt.prep != nil {
				tt.prep(m, c)
			}
			before := c.Saved()
			_, err := c.Anchor(tt.hq, m.boot()+tt.sent)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err != nil && c.Saved() != before {
				t.Error("a refused answer changed the clock")
			}
			if err == nil {
				if r := c.Read(); r.Trust != Anchored || r.Age != -tt.sent {
					t.Errorf("got %v, age %v; want the age of the question, %v", r.Trust, r.Age, -tt.sent)
				}
			}
		})
	}
}

// TestNothingRevives throws random hands at the clocks: between two answers of HQ no reading's estimate is
// before an earlier one's and no age shrinks, whatever is set, restarted or suspended; with HQ's word in
// this start of the machine both are exact.
func TestNothingRevives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		c := New(m.source(), Saved{})
		var last Reading
		var asked time.Time // when the question left that HQ answered last
		exact := false      // the same start of the machine, and its boot-time clock could be read ever since
		check := func() {
			r := c.Read()
			if last.Ever && !r.Ever {
				t.Fatal("forgot that HQ spoke")
			}
			if last.Ever && r.Now.Before(last.Now.Truncate(time.Millisecond)) {
				t.Fatalf("now went back from %v to %v (%v)", last.Now, r.Now, r.Trust)
			}
			if r.Age < last.Age.Truncate(time.Millisecond) {
				t.Fatalf("the age shrank from %v to %v (%v)", last.Age, r.Age, r.Trust)
			}
			if exact && (r.Trust != Anchored || r.Age.Truncate(time.Millisecond) != m.now.Sub(asked).Truncate(time.Millisecond) || r.Now.Before(m.now.Add(-time.Millisecond))) {
				t.Fatalf("HQ spoke, and %v: age %v of %v, now %v of %v", r.Trust, r.Age, m.now.Sub(asked), r.Now, m.now)
			}
			last = r
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { check() },
			"pass, or sleep": func(t *rapid.T) {
				m.pass(time.Duration(rapid.Int64Range(0, 36*3600*1000).Draw(t, "ms")) * time.Millisecond)
			},
			"set the wall clock": func(t *rapid.T) {
				m.offset = time.Duration(rapid.Int64Range(-72*3600, 72*3600).Draw(t, "s")) * time.Second
			},
			"restart": func(t *rapid.T) {
				m.reboot(time.Duration(rapid.Int64Range(0, 7200).Draw(t, "off")) * time.Second)
				exact = false
				c = New(m.source(), reload(t, c.Saved()))
			},
			"restart the process": func(t *rapid.T) { c = New(m.source(), reload(t, c.Saved())) },
			"lose the boot-time clock": func(t *rapid.T) {
				m.broken = rapid.Bool().Draw(t, "broken")
				exact = exact && !m.broken
			},
			"HQ answers": func(t *rapid.T) {
				sent, left := m.boot(), m.now
				m.pass(time.Duration(rapid.Int64Range(0, 20).Draw(t, "up")) * time.Second)
				hq := m.now
				m.pass(time.Duration(rapid.Int64Range(0, 20).Draw(t, "down")) * time.Second)
				if _, err := c.Anchor(hq, sent); err == nil {
					last, asked, exact = Reading{}, left, true
				}
			},
		})
	})
}

func reload(t *rapid.T, s Saved) Saved {
	b, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := LoadSaved(b)
	if err != nil || got != s {
		t.Fatalf("saved %+v, loaded %+v, %v", s, got, err)
	}
	return got
}

func TestLoadSaved(t *testing.T) {
	good := Saved{
		Anchor: Anchor{HQTime: start.UnixMilli(), Boot: 1, BootID: "a", Wall: start.UnixMilli()},
		Mark:   Mark{Time: start.UnixMilli(), Boot: 1, BootID: "a"},
	}
	tests := []struct {
		name   string
		change func(*Saved)
		err    error
	}{
		{"as it was saved", func(*Saved) {}, nil},
		{"nothing yet", func(s *Saved) { *s = Saved{} }, nil},
		{"HQ in 1999", func(s *Saved) { s.Anchor.HQTime = earliest - 1 }, ErrSaved},
		{"HQ in 2200", func(s *Saved) { s.Anchor.HQTime, s.Mark.Time = latest+1, latest+1 }, ErrSaved},
		{"a mark before the anchor", func(s *Saved) { s.Mark.Time-- }, ErrSaved},
		{"a boot time below zero", func(s *Saved) { s.Anchor.Boot = -1 }, ErrSaved},
		{"a boot time beyond all", func(s *Saved) { s.Mark.Boot = maxBoot + 1 }, ErrSaved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := good
			tt.change(&s)
			b, err := s.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := LoadSaved(b); !errors.Is(err, tt.err) || err == nil && got != s {
				t.Errorf("got %+v, %v", got, err)
			}
			if _, err := LoadSaved(append(b, '1')); !errors.Is(err, ErrSaved) {
				t.Errorf("with a byte more: %v", err)
			}
		})
	}
}

func FuzzLoadSaved(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte(`{"anchor":{"hq_time":1795338000000,"boot":60000,"boot_id":"a","wall":1795338000000},"mark":{"time":1795338000000,"boot":60000,"boot_id":"a"}}`))
	f.Add([]byte(`{"anchor":{"hq_time":-1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := LoadSaved(b)
		if err != nil {
			if s != (Saved{}) || !errors.Is(err, ErrSaved) {
				t.Fatalf("%+v with %v", s, err)
			}
			return
		}
		out, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := LoadSaved(out); err != nil || again != s {
			t.Fatalf("%+v, then %+v, %v", s, again, err)
		}
		Judge(s, Moment{Wall: start, Boot: time.Hour, BootID: "a"})
	})
}

func TestSystem(t *testing.T) {
	src, err := System()
	if err != nil {
		t.Fatal(err)
	}
	c := New(src, Saved{})
	a, b := c.Boot(), c.Boot()
	if d := time.Since(c.Wall()); d.Abs() > time.Second {
		t.Errorf("the wall clock is off by %v", d)
	}
	if a <= 0 || b < a || len(src.BootID) != 36 {
		t.Errorf("boot time %v then %v in start %q", a, b, src.BootID)
	}
	if other, err := System(); err != nil || other.BootID != src.BootID {
		t.Errorf("one start of the machine has two names: %q, %q, %v", src.BootID, other.BootID, err)
	}
	if _, err := c.Anchor(src.Wall(), c.Boot()); err != nil {
		t.Fatal(err)
	}
	if r := c.Read(); r.Trust != Anchored || r.Drift.Abs() > time.Second {
		t.Errorf("got %v, drift %v", r.Trust, r.Drift)
	}
}
