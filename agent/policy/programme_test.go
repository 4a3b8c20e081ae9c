package policy

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"tilld/agent/payment"
)

func TestEarned(t *testing.T) {
	for _, tt := range []struct {
		points   uint32
		per      int64
		rounding Rounding
		eligible int64
		want     int64
	}{
		{1, 200, "", 199, 0}, {1, 200, "", 200, 1}, {1, 200, "", 399, 1}, {1, 200, RoundDown, 400, 2},
		{1, 200, RoundNearest, 99, 0}, {1, 200, RoundNearest, 100, 1}, {1, 3, RoundNearest, 1, 0}, {1, 3, RoundNearest, 2, 1},
		{1, 200, RoundUp, 1, 1}, {1, 200, RoundUp, 200, 1}, {5, 100, "", 150, 7},
		{1, 100, "", 0, 0}, {1, 100, "", -100, 0}, {1, 100, "", payment.MaxMinor + 1, 0}, {10_000, 1, "", payment.MaxMinor, maxEarned},
	} {
		p := Programme{Name: "x", Points: tt.points, Per: tt.per, Rounding: tt.rounding}
		if got := p.Earned(tt.eligible); got != tt.want {
			t.Errorf("%d for %d, %q: %d earns %d, want %d", tt.points, tt.per, tt.rounding, tt.eligible, got, tt.want)
		}
	}
}

// TestEarnedIsExact holds the arithmetic against one without bounds, and more never earns less.
func TestEarnedIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Programme{
			Points: rapid.Uint32Range(1, 10_000).Draw(t, "points"), Per: rapid.Int64Range(1, payment.MaxMinor).Draw(t, "per"),
			Rounding: rapid.SampledFrom([]Rounding{"", RoundDown, RoundNearest, RoundUp}).Draw(t, "rounding"),
		}
		e := rapid.Int64Range(1, payment.MaxMinor-1).Draw(t, "eligible")
		n := new(big.Int).Mul(big.NewInt(e), big.NewInt(int64(p.Points)))
		switch p.Rounding {
		case RoundNearest: // a half is up
			n.Mul(n, big.NewInt(2)).Add(n, big.NewInt(p.Per)).Div(n, big.NewInt(2*p.Per))
		case RoundUp:
			n.Add(n, big.NewInt(p.Per-1)).Div(n, big.NewInt(p.Per))
		default:
			n.Div(n, big.NewInt(p.Per))
		}
		if got := p.Earned(e); got != min(n.Int64(), maxEarned) {
			t.Fatalf("%+v: %d earns %d, want %s", p, e, got, n)
		}
		if p.Earned(e) > p.Earned(e+1) {
			t.Fatalf("%+v: more than %d earns less", p, e)
		}
	})
}

func TestProgrammes(t *testing.T) {
	good := Programme{Name: "nanaco", Points: 1, Per: 200}
	for _, tt := range []struct {
		key  string
		list []Programme
	}{
		{"", []Programme{good, {Name: "vpoint", Points: 10_000, Per: payment.MaxMinor, Rounding: RoundUp}}},
		{"programme", make([]Programme, maxProgrammes+1)},
		{"programme[0].name", []Programme{{Name: "N", Points: 1, Per: 1}}},
		{"programme[1].name", []Programme{good, good}},
		{"programme[0].points", []Programme{{Name: "x", Per: 1}}},
		{"programme[0].points", []Programme{{Name: "x", Points: 10_001, Per: 1}}},
		{"programme[0].per", []Programme{{Name: "x", Points: 1}}},
		{"programme[0].per", []Programme{{Name: "x", Points: 1, Per: payment.MaxMinor + 1}}},
		{"programme[0].rounding", []Programme{{Name: "x", Points: 1, Per: 1, Rounding: "even"}}},
	} {
		d := starter()
		d.Programmes = tt.list
		err := d.Validate()
		f, _ := err.(*fieldError)
		if (err == nil) != (tt.key == "") || f != nil && f.key != tt.key {
			t.Errorf("%q: %v", tt.key, err)
		}
	}
	d := starter()
	d.Programmes = []Programme{good}
	if d.Programme("nanaco") != nil {
		t.Error("a programme with points switched off")
	}
	d.Features = []string{Points}
	if d.Programme("nanaco") == nil || d.Programme("vpoint") != nil {
		t.Error("not the programmes of the policy")
	}
	src, err := RenderTOML(d)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseTOML("p", src)
	if err != nil || len(back.Programmes) != 1 || back.Programmes[0] != good {
		t.Errorf("%v, %+v", err, back)
	}
}
