package phone

import (
	"bytes"
	"fmt"
	"image/png"
	"testing"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

func TestPhoneByKeyboardAlone(t *testing.T) {
	p := newPurse()
	srv, _ := serve(t, p)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	ready := `document.readyState === "complete" && document.querySelector("#code")?.complete`
	b.Await(ready)
	b.WantText("code no. 17")
	p.called()
	b.Type("1")
	b.Await(`document.body.innerText.includes("code no. 18 · ✓ no. 17 was held to L01 at 12:34")`)
	b.Type("n")
	b.Await(`document.body.innerText.includes("code no. 19 · ✓ no. 17 was held to L01")`)
	b.Type("o")
	b.Await(`document.querySelector(".handset.old") && document.body.innerText.includes("code no. 17")`)
	b.Type("2")
	b.Await(`document.body.innerText.includes("held to L02")`)
	b.Type("c")
	b.Await(`document.querySelector("#network").textContent.includes("Restore")`)
	b.Type("g")
	b.Await(`document.body.innerText.includes("4901234567894")`)
	b.Type("q")
	b.Await(`document.querySelector(".handset h2").textContent === "✓ Paid ¥8,400: approval"`)
	b.Type("2")
	b.Await(`document.querySelector(".handset h2").textContent.includes("approval") && document.body.innerText.includes("held to L02")`) // it stays
	b.Type("w")
	b.Await(`document.querySelector("#phone").value === "ben"`)
	b.Type("w")
	b.Await(`document.querySelector("#phone").value === "paypay" && document.querySelector(".handset h2").textContent === "PayPay"`)
	p.ask("paypay", 700)
	b.Await(`document.querySelector("#ask-yes") !== null && document.body.innerText.includes("Pay ¥700?")`)
	b.Type("x")
	b.Await(`document.querySelector("#ask-yes") === null`)
	p.ask("wechat", 900)
	b.Await(`document.querySelector("#ask-yes") !== null && document.body.innerText.includes("WeChat Pay asks its customer")`)
	b.Type("y")
	b.Await(`document.querySelector("#ask-yes") === null`)
	b.Focus("#mode-paypay")
	b.Type("s") // a list's own key: the first that begins so
	b.Await(`document.querySelector("#mode-paypay").value === "silent"`)
	b.Focus("#right")
	b.Type(webtest.Enter)
	b.Await(`document.querySelector("#right").textContent === "As long as usual"`)
	b.Focus("#scanner-L02")
	b.Type(webtest.Enter)
	b.Await(`document.querySelector("#scanner-L02").textContent === "Plug in" && document.activeElement.id === "scanner-L02"`)
	b.Type("2")
	b.Await(`document.querySelector("#message").textContent === "the scanner of L02 is unplugged"`)
	one, two := "hold L01 ZY:1"+text(17)[4:6]+" 186", "hold L02 ZY:1"+text(17)[4:6]+" 186"
	want := one + "; fresh aiko S0001; fresh aiko S0001; " + two + "; cut true; goods; pay aiko L02; hold L02 ZZ:1" + text(90)[4:6] + " c8; fresh ben S0001; fresh paypay ; confirm paypay Rpaypay false; confirm wechat Rwechat true; behave paypay silent; fresh paypay ; right true; plug L02 false; hold L02 900081 18"
	if got := p.called(); got != want {
		t.Errorf("the wallet was asked\n%q, want\n%q", got, want)
	}
}

// TestADoubleClickHoldsOnce: the second click lands on the button that the live view has put in the first one's place.
func TestADoubleClickHoldsOnce(t *testing.T) {
	p := newPurse()
	srv, _ := serve(t, p)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.WantText("code no. 17")
	p.called()
	b.Click("#hold-L01", 1)
	b.Await(`document.body.innerText.includes("no. 17 was held to L01")`)
	b.Click("#hold-L01", 2)
	b.Type("2")
	b.Await(`document.body.innerText.includes("no. 18 was held to L02")`)
	one, two := "hold L01 ZY:1"+text(17)[4:6]+" 186", "hold L02 ZY:1"+text(18)[4:6]+" 186"
	if got, want := p.called(), one+"; fresh aiko S0001; "+two+"; fresh aiko S0001"; got != want {
		t.Errorf("the wallet was asked\n%q, want\n%q", got, want)
	}
	b.Click("#hold-L02", 1)
	b.Await(`document.body.innerText.includes("no. 19 was held to L02")`)
}

func TestCountdown(t *testing.T) {
	p := newPurse()
	srv, _ := serve(t, p)
	b := webtest.New(t, 1024, 768)
	p.pass(time.Since(p.now)) // the browser counts by the machine's own clock
	b.Open(srv.URL)
	b.Await(`Number(document.querySelector("[data-seconds]").textContent) > 20 && document.querySelector("progress").value > 20`)
	b.Await(`Number(document.querySelector("[data-seconds]").textContent) < 29`)
	p.pass(30 * time.Second)
	b.Await(`document.body.innerText.includes("code no. 18")`)
}

// TestTheScreenShowsTheCode takes a picture of the page and reads the code's modules from its pixels.
func TestTheScreenShowsTheCode(t *testing.T) {
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		p := newPurse()
		srv, _ := serve(t, p)
		b := webtest.New(t, size[0], size[1])
		b.Open(srv.URL)
		b.Await(`document.querySelector("#code")?.complete && document.querySelector("#code").naturalWidth > 0`)
		place := b.Eval(`(() => { const r = document.querySelector("#code").getBoundingClientRect(); return [r.x, r.y, r.width, r.height].join(" "); })()`)
		natural := b.Eval(`document.querySelector("#code").currentSrc + " " + document.querySelector("#code").naturalWidth`)
		var x, y, w, h float64
		if _, err := fmt.Sscan(place, &x, &y, &w, &h); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(b.Screen()))
		if err != nil {
			t.Fatal(err)
		}
		q, err := qrcode.New(text(17), qrcode.Medium)
		if err != nil {
			t.Fatal(err)
		}
		want := q.Bitmap()
		module := w / float64(len(want))
		if module != float64(int(module)) || module < 4 || w != h {
			t.Errorf("%v: a module is %v pixels (%s, %s)", size, module, place, natural)
		}
		for row := range want {
			for col := range want[row] {
				at := func(n int, from float64) int { return int(from + (float64(n)+0.5)*module) }
				r, _, _, _ := img.At(at(col, x), at(row, y)).RGBA()
				if dark := r < 0x8000; dark != want[row][col] {
					t.Fatalf("%v: module %d,%d is wrong on the screen", size, col, row)
				}
			}
		}
	}
}

func TestEveryViewFits(t *testing.T) {
	p := newPurse()
	srv, page := serve(t, p)
	all := views(t)
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		for _, lang := range web.Langs {
			b.Open(srv.URL)
			b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
			b.Open(srv.URL + "/try")
			b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.readyState === "complete"`, lang))
			b.Fits(false)
			b.Legible()
			b.Picture(fmt.Sprintf("try-%s-%d", lang, size[0]))
			for name, v := range all {
				page.screen.mu.Lock()
				page.screen.shown, page.screen.held, page.screen.number = v.shown, v.Last, page.screen.number+1
				page.screen.chosen, page.screen.phone, page.screen.app, page.screen.place = true, v.Phone, v.App, v.Place
				p.set(v)
				page.screen.mu.Unlock()
				b.Open(srv.URL + "/phone")
				b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.readyState === "complete"`, lang))
				failed := t.Failed()
				b.Fits(true)
				b.Legible()
				if t.Failed() && !failed {
					t.Logf("the first of these is %s in %s at %d", name, lang, size[0])
				}
				b.Picture(fmt.Sprintf("phone-%s-%s-%d", name, lang, size[0]))
			}
		}
	}
}
