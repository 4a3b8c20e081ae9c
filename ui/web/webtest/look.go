package webtest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// inFront makes the page believe that its window is the one in front, as it is for whoever uses it: without that
// Chromium draws no focus.
func inFront() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
}

// Resize gives the window another size.
func (b *Browser) Resize(width, height int) {
	b.t.Helper()
	b.Do("resizing", chromedp.EmulateViewport(int64(width), int64(height)))
	b.Await(fmt.Sprintf(`innerWidth === %d && innerHeight === %d`, width, height))
}

// contrast lists what is too faint on the page: text under 4.5 to 1 (large text under 3 to 1) and the outlines of
// fields and buttons under 3 to 1, as WCAG 2.2 counts it (1.4.3 and 1.4.11, level AA). What is disabled is exempt there.
const contrast = `(() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a)];
  const light = (rgb) => { const [r, g, b] = rgb.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const behind = (el) => {
    const layers = [];
    for (let e = el; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const shade = (el) => { let o = 1; for (let e = el; e; e = e.parentElement) o *= Number(getComputedStyle(e).opacity); return o; };
  const faint = [];
  const judge = (what, el, colour, under, least) => {
    const [r, g, b, a] = parse(colour), got = ratio(over([r, g, b, a * shade(el)], under), under);
    if (got < least) faint.push(what + ": " + got.toFixed(2) + " to 1, " + least + " is wanted (" + colour + " on " + under.map(Math.round) + ")");
  };
  const seen = (el) => el.checkVisibility({ visibilityProperty: true }) && !el.closest(":disabled");
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const el = node.parentElement, text = node.textContent.trim();
    if (!text || !seen(el) || el.closest("script, option")) continue;
    const css = getComputedStyle(el), size = parseFloat(css.fontSize);
    const large = size >= 24 || size >= 18.66 && Number(css.fontWeight) >= 700;
    judge(JSON.stringify(text.slice(0, 40)), el, css.color, behind(el), large ? 3 : 4.5);
  }
  for (const el of document.querySelectorAll("input:not([type=hidden], [type=radio]), select, button, a.button")) {
    if (!seen(el)) continue;
    const css = getComputedStyle(el), under = behind(el.parentElement);
    if (ratio(behind(el), under) >= 3) continue; // it stands out by what fills it
    judge("the outline of " + el.tagName.toLowerCase() + " " + (el.name || el.id || el.textContent.trim()), el, css.borderTopColor, under, 3);
  }
  return JSON.stringify([...new Set(faint)]);
})()`

// Legible fails the test when something on the page is too faint to be read.
func (b *Browser) Legible() {
	b.t.Helper()
	var faint []string
	if err := json.Unmarshal([]byte(b.Eval(contrast)), &faint); err != nil {
		b.t.Fatal(err)
	}
	for _, f := range faint {
		b.t.Errorf("too faint: %s", f)
	}
}
