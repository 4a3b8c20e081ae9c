package paycode

import (
	"slices"
	"strconv"
)

// The data objects that routing looks at (EMVCo CPM 1.0, table 6.1).
const (
	tagPayloadFormat = 0x85
	tagApplication   = 0x61
	tagCommon        = 0x62
	tagOwnOpaque     = 0x63 // transparent data of 61 and 62: never looked into
	tagCommonOpaque  = 0x64
	tagAID           = 0x4f
	tagLabel         = 0x50
	tagTrack2        = 0x57
	tagPAN           = 0x5a
	tagLanguage      = 0x5f2d
	tagLastFour      = 0x9f25
	tagJPQRFreeArea  = 0x99
)

// listed are the other objects of the specification's table for 61 and 62; any further one is let pass with
// a warning, since real codes have them.
var listed = []uint32{
	tagOwnOpaque, tagCommonOpaque, tagAID, tagLabel, tagTrack2, tagPAN, tagLanguage, tagLastFour,
	0x5f20, 0x5f50, 0x9f08, 0x9f19, 0x9f24,
}

// The heads: what the first object, 85, looks like in base 64.
const (
	headEMVCo = "hQVDUFY"  // 85 05 "CPV"
	headJPQR  = "hQVKUFFS" // 85 05 "JPQR"
)

// The payload formats that are known.
const (
	payloadEMVCo = "CPV01"
	payloadJPQR  = "JPQR1"
)

// templates is a code's top level: what EMVCo and JPQR have in common.
type templates struct {
	format       string
	applications [][]object
	common       []object
	warnings     []string
}

// parseTemplates checks the framing of the whole code, transparent data aside.
func parseTemplates(text, format string) (*templates, *Fault) {
	raw, warnings, ok := decodeBase64(text)
	if !ok {
		return nil, &Fault{Name: FaultNotEMVCo}
	}
	top, fault := parseTLV(raw)
	if fault != nil {
		return nil, fault
	}
	if len(top) == 0 || top[0].tag != tagPayloadFormat {
		return nil, &Fault{Name: FaultNotEMVCo}
	}
	if string(top[0].value) != format {
		return nil, &Fault{Name: FaultPayloadFormat}
	}
	t := &templates{format: format, warnings: warnings}
	for _, o := range top[1:] {
		if fault := t.add(o); fault != nil {
			return nil, fault
		}
	}
	if len(t.applications) == 0 {
		return nil, &Fault{Name: FaultNoApplication}
	}
	if len(t.applications) > 2 {
		t.warn("applications", strconv.Itoa(len(t.applications)))
	}
	return t, nil
}

// add takes one object of the top level.
func (t *templates) add(o object) *Fault {
	switch o.tag {
	case tagPayloadFormat:
		return &Fault{FaultDuplicateData, o.name()}
	case tagApplication, tagCommon:
		inner, fault := parseTLV(o.value)
		if fault != nil {
			return fault
		}
		if o.tag == tagApplication {
			if t.common != nil {
				t.warn("template_order", o.name())
			}
			t.applications = append(t.applications, inner)
			return nil
		}
		if t.common != nil {
			t.warn("template_twice", o.name())
		}
		t.common = append(append([]object{}, t.common...), inner...)
	case tagOwnOpaque, tagCommonOpaque:
		t.warn("template_outside", o.name())
	default:
		t.warn("unknown_tag", o.name())
	}
	return nil
}

func (t *templates) warn(name, detail string) {
	w := name + ":" + detail
	if !slices.Contains(t.warnings, w) {
		t.warnings = append(t.warnings, w)
	}
}
