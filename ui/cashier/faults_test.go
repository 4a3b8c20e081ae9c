package cashier

import (
	"encoding/json"
	"fmt"
	"testing"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

// faulty is a lane with everything wrong at once that can be: the line down and the scanner out for days, the share used
// up, the journal there twice, HQ's books lost, sales that the till left behind, operators that do not answer, and sales put
// aside.
func faulty(v View, scanner Scanner) View {
	v.Online, v.HQSince, v.Scanner, v.ScannerSince = false, noon.AddDate(0, 0, -12), scanner, noon.AddDate(0, 0, -12)
	v.Works, v.Risk, v.Unsent, v.Uncompleted, v.Twice, v.Lost = None, Gone, 1234, 123, true, true
	v.Asks, v.Down = true, []string{"paypay", "linepay", longName}
	if v.Parked == nil {
		v.Parked = parked()[:3]
	}
	return v
}

// broken lists what is wrong with the header and the banners: a header that grew (by more than the line that long names
// take), what is not wholly on the screen, and what lies on something else.
const broken = `(() => {
  const wrong = [], box = (e) => e.getBoundingClientRect(), text = (e) => JSON.stringify(e.innerText);
  const pills = [...document.querySelectorAll(".pill")], place = document.querySelector(".place"), strip = document.querySelector(".strip");
  const line = box(pills[0]).height, lines = box(place).width > innerWidth / 3 ? 2 : 1;
  if (pills.length !== 4) wrong.push(pills.length + " pills");
  if (pills.some((p) => Math.abs(box(p).top - box(pills[0]).top) > 1)) wrong.push("the pills need more than a line");
  if (box(strip).height > (lines + .9) * line) wrong.push("the header is " + box(strip).height + " high, a pill " + line);
  const parts = [...strip.querySelectorAll(".place, .place + span, .pill"), ...document.querySelectorAll(".banner > *")];
  for (const e of parts) {
    const r = box(e);
    if (r.left < 0 || r.right > innerWidth || e.scrollWidth > e.clientWidth + 1 && e.clientWidth) wrong.push(text(e) + " is cut off");
  }
  const list = document.querySelector(".parked"), rows = [...list.querySelectorAll("li")];
  if (rows.length <= 3 && !list.innerText.includes("32-") && list.scrollHeight > list.clientHeight) wrong.push("the list is " + (list.scrollHeight - list.clientHeight) + " too high");
  for (const e of list.querySelectorAll("h2, .bar > *, p, button")) if (box(e).right > box(list).right || box(e).left < box(list).left) wrong.push(text(e) + " sticks out of the list");
  parts.push(list);
  const answer = document.querySelector(".answer"), over = answer.scrollHeight - answer.clientHeight;
  if (over > 1) wrong.push("the answer is " + over + " too high");
  parts.push(answer);
  parts.forEach((a, i) => { for (const b of parts.slice(i + 1)) {
    const x = box(a), y = box(b);
    if (Math.min(x.right, y.right) - Math.max(x.left, y.left) > 1 && Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top) > 1) wrong.push(text(a) + " lies on " + text(b));
  } });
  return JSON.stringify(wrong);
})()`

// holds fails the test where the page in front does not hold together.
func holds(t *testing.T, b *webtest.Browser, what string) {
	t.Helper()
	b.Fits(true)
	var wrong []string
	if err := json.Unmarshal([]byte(b.Eval(broken)), &wrong); err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Errorf("%s: %s", what, w)
	}
}

// TestAllFaultsAtOnceFit: on a bad day, too, the header is as high as on a good one, everything is on the screen, and
// nothing on anything else.
func TestAllFaultsAtOnceFit(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		b.Open(srv.URL)
		for _, lang := range web.Langs {
			b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
			for name, v := range views() {
				if v.Starting { // it shows no fault but its own
					continue
				}
				l.set(func(now *View) { *now = faulty(v, ScannerLost) })
				b.Open(srv.URL)
				b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.body.dataset.state === %q`, lang, v.State))
				holds(t, b, fmt.Sprintf("%s in %s at %d", name, lang, size[0]))
				b.Picture(fmt.Sprintf("cashier-faults-%s-%s-%d", name, lang, size[0]))
			}
			refused := views()["refused-much-pos"]
			for i, scanner := range []Scanner{ScannerStart, ScannerBusy, ScannerDenied, ScannerLost} {
				l.set(func(now *View) { *now = faulty(refused, scanner); now.Notice, now.NoticeNo = "tworeads", uint64(i+1) })
				b.Await(fmt.Sprintf(`document.querySelector(".view").dataset.notice === "%d"`, i+1))
				holds(t, b, fmt.Sprintf("%s in %s at %d", scanner, lang, size[0]))
				b.Picture(fmt.Sprintf("cashier-faults-scanner-%s-%s-%d", scanner, lang, size[0]))
			}
			b.Legible()
			for _, reason := range payment.Reasons() {
				l.set(func(now *View) { now.Reason = reason })
				b.Await(fmt.Sprintf(`document.querySelector(".why").textContent === %q`, web.Text(lang, "reason."+reason.String())))
				holds(t, b, fmt.Sprintf("%s in %s at %d", reason, lang, size[0]))
				if reason == payment.OverShareSum { // the longest words
					b.Picture(fmt.Sprintf("cashier-faults-longest-%s-%d", lang, size[0]))
				}
			}
		}
	}
}
