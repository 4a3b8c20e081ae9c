package phone

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	qrcode "github.com/skip2/go-qrcode"
)

// TestThePictureIsTheCode reads the modules back from the picture and compares them with the encoder's own.
func TestThePictureIsTheCode(t *testing.T) {
	for scale := 1; scale <= maxScale; scale += 3 {
		p := newPurse()
		srv, _ := serve(t, p)
		do(t, srv, "GET", "/phone", nil)
		resp, body := do(t, srv, "GET", fmt.Sprintf("/phone/code.png?n=1&scale=%d", scale), nil)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "image/png" {
			t.Fatalf("%s %s", resp.Status, resp.Header.Get("Content-Type"))
		}
		img, err := png.Decode(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q, err := qrcode.New(text(17), qrcode.Medium)
		if err != nil {
			t.Fatal(err)
		}
		if q.VersionNumber != widestM {
			t.Fatalf("a code at every limit is of version %d", q.VersionNumber)
		}
		wantModules(t, img, scale, q.Bitmap())
	}
}

// wantModules fails unless each module is one square of a single colour, the right one.
func wantModules(t *testing.T, img image.Image, scale int, want [][]bool) {
	t.Helper()
	if got := img.Bounds(); got.Dx() != len(want[0])*scale || got.Dy() != len(want)*scale {
		t.Fatalf("the picture is %v for %d modules", got, len(want))
	}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, a := img.At(x, y).RGBA()
			if dark := r == 0 && g == 0 && b == 0; a != 0xffff || dark != want[y/scale][x/scale] || !dark && r+g+b != 3*0xffff {
				t.Fatalf("at scale %d the pixel %d,%d is %v", scale, x, y, img.At(x, y))
			}
		}
	}
}

func TestLongCodesAreDrawnAtLevelL(t *testing.T) {
	long := strings.Repeat("A", 700)
	q, err := qrcode.New(long, qrcode.Low)
	if err != nil {
		t.Fatal(err)
	}
	m, err := draw(House, long)
	if err != nil || len(m) != len(q.Bitmap()) {
		t.Errorf("%d modules, %v", len(m), err)
	}
	if m, err := draw(App, strings.Repeat("é", 3000)); err == nil {
		t.Errorf("a text that fits no QR code has %d modules", len(m))
	}
}

// TestEAN13 holds the bars against the digits' widths as the standard's table has them.
func TestEAN13(t *testing.T) {
	// 5901234123457, the example of many descriptions, as widths of bars and spaces.
	const want = "111" + "3112" + "1123" + "1222" + "2122" + "1411" + "2311" + "11111" + "2221" + "2122" + "1411" + "1132" + "1231" + "1312" + "111"
	m, ok := ean13("5901234123457")
	if !ok || len(m) != eanHeight+2*eanQuietAbove || len(m[0]) != 95+eanQuietLeft+eanQuietRight {
		t.Fatalf("%d rows, %v", len(m), ok)
	}
	var widths strings.Builder
	row, run := m[eanQuietAbove][eanQuietLeft:len(m[0])-eanQuietRight], 0
	for i, dark := range row {
		run++
		if i+1 == len(row) || row[i+1] != dark {
			fmt.Fprint(&widths, run)
			run = 0
		}
	}
	if got := widths.String(); got != want {
		t.Errorf("widths\n%s, want\n%s", got, want)
	}
	for _, bad := range []string{"", "5901234123456", "590123412345", "59012341234570", "590123412345x", "５９０１２３４１２３４５７"} {
		if _, ok := ean13(bad); ok {
			t.Errorf("%q is drawn as a product's number", bad)
		}
	}
}
