package paycode

import (
	"slices"
	"strconv"
)

// The data objects that something is done with (EMVCo CPM 1.0, tables 3.1 and 6.1; the two other tracks: EMV Book 3 and
// the contactless kernels).
const (
	tagPayloadFormat = 0x85
	tagApplication   = 0x61
	tagCommon        = 0x62
	tagOwnOpaque     = 0x63 // transparent data of 61 and 62: never looked into
	tagCommonOpaque  = 0x64
	tagAID           = 0x4f
	tagLabel         = 0x50
	tagTrack1        = 0x56
	tagTrack2        = 0x57
	tagOtherTrack2   = 0x9f6b
	tagPAN           = 0x5a
	tagHolder        = 0x5f20
	tagLanguage      = 0x5f2d
	tagIssuerURL     = 0x5f50
	tagLastFour      = 0x9f25
	tagJPQRFreeArea  = 0x99
)

// The shortest and the longest name of an application, in bytes; one with another is skipped.
const (
	minAID = 5
	maxAID = 16
)

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
	others       bool // an object of another kind was seen: applications and common data should come before
	warnings     []string
}

// parseTemplates checks the framing of the whole code, transparent data aside.
func parseTemplates(text, format string) (*templates, *Fault) {
	raw, warnings, ok := decodeBase64(text)
	if !ok {
		return nil, &Fault{Name: FaultNotEMVCo}
	}
	top, fault := parseTLV(raw, 0)
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
		return (&Fault{Name: FaultDuplicateData, Tag: o.name()}).from(o.start())
	case tagApplication, tagCommon:
		inner, fault := parseTLV(o.value, o.at)
		if fault != nil {
			return fault
		}
		if t.others || o.tag == tagApplication && t.common != nil {
			t.warn("template_order", o.name())
		}
		if o.tag == tagApplication {
			t.applications = append(t.applications, inner)
			return nil
		}
		if t.common != nil {
			t.warn("template_twice", o.name())
		}
		t.common = append(append([]object{}, t.common...), inner...)
	case tagOwnOpaque, tagCommonOpaque:
		t.others = true
		t.warn("template_outside", o.name())
	default:
		t.others = true
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
