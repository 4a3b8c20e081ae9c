package phone

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"

	qrcode "github.com/skip2/go-qrcode"
)

// modules is a code as it is drawn, row by row, with the quiet zone around it; true is dark.
type modules [][]bool

// widestM is the highest QR version that a phone shows well at level M; what needs more is drawn at level L.
const widestM = 12

// draw chooses how a code is drawn: a product's EAN-13 as bars, all else as a QR code. The house wallet's
// texts are of the alphanumeric mode, which the encoder finds by itself.
func draw(kind Kind, text string) (modules, error) {
	if kind == Goods {
		if bars, ok := ean13(text); ok {
			return bars, nil
		}
	}
	q, err := qrcode.New(text, qrcode.Medium)
	if err == nil && q.VersionNumber > widestM {
		q, err = qrcode.New(text, qrcode.Low)
	}
	if err != nil {
		return nil, fmt.Errorf("drawing a code: %w", err)
	}
	return q.Bitmap(), nil
}

// PNG draws each module as a square of so many pixels, so that no edge is blurred.
func (m modules) PNG(scale int) ([]byte, error) {
	img := image.NewPaletted(image.Rect(0, 0, len(m[0])*scale, len(m)*scale), color.Palette{color.White, color.Black})
	for y := range img.Rect.Dy() {
		row := m[y/scale]
		for x := range img.Rect.Dx() {
			if row[x/scale] {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

// fit is the largest scale at which the code is no wider than so many pixels.
func (m modules) fit(width int) int { return max(1, width/len(m[0])) }

// EAN-13 (ISO/IEC 15420): the bars of digits 0..9 in number set A, seven modules each, the first in the
// highest bit. Set C is A with light and dark changed over, set B is C read backwards. The first digit is
// not drawn: it chooses the sets of the next six, where a 1 is set B.
var (
	setA    = [10]byte{0x0d, 0x19, 0x13, 0x3d, 0x23, 0x31, 0x2f, 0x3b, 0x37, 0x0b}
	leading = [10]byte{0x00, 0x0b, 0x0d, 0x0e, 0x13, 0x19, 0x1c, 0x15, 0x16, 0x1a}
)

const (
	eanQuietLeft, eanQuietRight = 11, 7
	eanHeight, eanQuietAbove    = 60, 4
)

// ean13 draws a product's number; ok is false for what is none, wrong check digits included.
func ean13(text string) (m modules, ok bool) {
	if len(text) != 13 {
		return nil, false
	}
	sum := 0
	for i := range 13 {
		d := int(text[i]) - '0'
		if d < 0 || d > 9 {
			return nil, false
		}
		sum += d * (1 + 2*(i%2))
	}
	if sum%10 != 0 {
		return nil, false
	}
	row := make([]bool, eanQuietLeft, eanQuietLeft+95+eanQuietRight)
	add := func(pattern byte, width int) {
		for i := width - 1; i >= 0; i-- {
			row = append(row, pattern>>i&1 == 1)
		}
	}
	add(0b101, 3)
	for i := 1; i <= 6; i++ {
		add(left(text[i]-'0', leading[text[0]-'0']>>(6-i)&1 == 1), 7)
	}
	add(0b01010, 5)
	for i := 7; i <= 12; i++ {
		add(^setA[text[i]-'0']&0x7f, 7)
	}
	add(0b101, 3)
	row = append(row, make([]bool, eanQuietRight)...)
	for y := range eanHeight + 2*eanQuietAbove {
		if y < eanQuietAbove || y >= eanHeight+eanQuietAbove {
			m = append(m, make([]bool, len(row)))
			continue
		}
		m = append(m, row)
	}
	return m, true
}

// left is a digit's pattern in set A or B.
func left(digit byte, setB bool) byte {
	a := setA[digit]
	if !setB {
		return a
	}
	var b byte
	for i := range 7 {
		b |= (^a >> i & 1) << (6 - i)
	}
	return b
}
