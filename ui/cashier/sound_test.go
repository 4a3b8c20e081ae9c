package cashier

import (
	"fmt"
	"testing"

	"tilld/agent/payment"
	"tilld/ui/web/webtest"
)

// listen notes every tone that the page gives to the loudspeaker.
const listen = `(() => {
  const Real = AudioContext;
  window.tones = [];
  window.AudioContext = class extends Real {
    createOscillator() {
      const tone = super.createOscillator(), start = tone.start.bind(tone);
      tone.start = (at) => { window.tones.push(tone.frequency.value); start(at); };
      return tone;
    }
  };
})()`

// TestEveryAnswerIsHeard: each answer has a tune of its own, which sounds when the answer comes, and once.
func TestEveryAnswerIsHeard(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.body.dataset.state === "idle" && document.activeElement.id === "amount"`)
	b.Eval(listen)
	b.Type("1280" + webtest.Enter) // a key: before that no browser lets a page be heard
	b.Await(`document.body.dataset.state === "waiting"`)
	if tones := b.Eval("tones.join()"); tones != "" {
		t.Errorf("a sale that waits sounds: %s", tones)
	}
	l.set(func(v *View) { v.State, v.Wallet = Asking, "paypay" })
	b.Await(`document.body.dataset.state === "asking"`)
	if tones := b.Eval("tones.join()"); tones != "" {
		t.Errorf("asking sounds, before there is an answer: %s", tones)
	}
	heard := map[string]string{}
	for i, tt := range []struct {
		name string
		edit func(*View)
	}{
		{"refused", func(v *View) { v.State, v.Reason = Refused, payment.CodeExpired }},
		{"scan again", func(v *View) { v.Notice, v.NoticeNo = "cut", v.NoticeNo+1 }},
		{"pending", func(v *View) { v.State = Pending }},
		{"unknown", func(v *View) { v.State = Unknown }},
		{"same", func(v *View) { v.State = Same }},
		{"told", func(v *View) {
			v.Parked = []Parked{{Ref: ref(0), Amount: v.Amount, Wallet: "paypay", Outcome: payment.Paid}}
		}},
		{"paid", func(v *View) { v.State, v.Reason, v.Notice, v.Wallet = Paid, payment.ReasonNone, "", "house" }},
		{"stopped", func(v *View) { v.State, v.Reason = Stopped, payment.JournalStopped }},
	} {
		b.Eval("tones.length = 0")
		l.set(tt.edit)
		b.Await("tones.length > 0")
		tune := b.Eval("tones.join()") // all of a tune begins in one go
		if other, ok := heard[tune]; ok {
			t.Errorf("%s sounds as %s: %s", tt.name, other, tune)
		}
		heard[tune] = tt.name
		l.set(func(v *View) { v.Unsent = i + 1 }) // the page is told something else
		b.Await(fmt.Sprintf(`document.body.innerText.includes("not yet at head office: %d")`, i+1))
		if again := b.Eval("tones.join()"); again != tune {
			t.Errorf("%s sounds again: %s, first %s", tt.name, again, tune)
		}
	}
}
