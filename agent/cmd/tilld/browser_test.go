package main

import (
	"fmt"
	"testing"

	"tilld/ui/web/webtest"
)

// TestBrowser is the cashier's day in a real browser, by keyboard alone, on the shipped program: a sale, a
// refusal, an outage and the recovery.
func TestBrowser(t *testing.T) {
	s := newStage(t, 1, roomy)
	l := s.lanes[0]
	s.online(l)
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		picture := func(name string) { b.Picture(fmt.Sprintf("story-%s-%d", name, size[0])) }
		state := func(want string) {
			t.Helper()
			b.Await(fmt.Sprintf(`document.body.dataset.state === %q`, want))
		}
		show := func(code string) {
			t.Helper()
			s.pause(blankingOver)
			s.must(l.scanner.Send(code))
		}
		b.Open("http://" + l.pages)
		state("idle")
		b.Type("1280" + webtest.Enter)
		state("waiting")
		p := s.phone()
		code := p.code()
		show(code)
		state("paid")
		b.WantText("PAID", "¥1,280")
		picture("paid")
		b.Type(webtest.Enter)
		state("idle")

		b.Type("300" + webtest.Enter)
		state("waiting")
		show("4901234567894")
		b.Await(`document.body.innerText.includes("not a payment code")`)
		show(s.phone().oldCode())
		state("refused")
		b.WantText("NOT PAID", "too old")
		picture("refused")

		s.line.Cut()
		b.Await(`document.body.innerText.includes("no line")`)
		b.WantText("No line to head office since", "house wallet goes on working")
		show(p.code())
		state("paid")
		b.WantText("not yet at head office")
		picture("offline")
		b.Type(webtest.Enter)
		state("idle")
		s.line.Restore()
		b.Await(`document.body.innerText.includes("All payments at head office") && document.body.innerText.includes("connected")`)
		picture("back")

		b.Type(webtest.F2)
		b.Await(`document.querySelectorAll("tbody tr").length >= 2 && !document.body.innerText.includes("at the lane")`)
		b.WantText("¥1,280", "¥300")
		picture("today")
	}
}
