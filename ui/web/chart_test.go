package web

import "testing"

func TestBars(t *testing.T) {
	got, err := Bars{Labels: []string{"09", "10"}, Sums: []int64{12050, 0}, Currency: "TWD"}.JSON()
	if want := `{"x":[0,1],"y":[12050,0],"labels":["09","10"],"scale":100}`; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	got, err = Bars{Currency: "JPY"}.JSON()
	if want := `{"x":[],"y":[],"labels":[],"scale":1}`; err != nil || got != want {
		t.Errorf("an empty one: %s, %v, want %s", got, err, want)
	}
	if got, err := (Bars{Labels: []string{"09"}}).JSON(); err == nil {
		t.Errorf("a label without its sum: %s", got)
	}
}
