package paycode

import (
	"bytes"
	"slices"
	"strings"
)

// application is a usable payment application of a code.
type application struct {
	objects []object
	aid     []byte
	pan     string // digits; empty: none, or none that can be read
	rows    []*Row
}

// readEMVCo reads what begins like an EMVCo code.
func readEMVCo(text string, o *Options) *Classification {
	if !strings.HasPrefix(text, headEMVCo) {
		return nil
	}
	t, fault := parseTemplates(text, payloadEMVCo)
	if fault != nil {
		return invalid(EMVCoCPM, fault)
	}
	apps := t.usable()
	if len(apps) == 0 {
		return invalid(EMVCoCPM, &Fault{Name: FaultNoUsableApplication})
	}
	chosen := 0
	for i := range apps {
		apps[i].rows = o.match(&subject{EMVCoCPM, upperHex(apps[i].aid), apps[i].pan})
	}
	if i := slices.IndexFunc(apps, func(a application) bool { return a.enabled(o) }); i > 0 {
		chosen = i
	}
	if fault := t.duplicates(apps, chosen); fault != nil {
		return invalid(EMVCoCPM, fault)
	}
	c := &Classification{Kind: Payment, Format: EMVCoCPM}
	rows := slices.Clone(apps[chosen].rows)
	for i := range apps {
		if i != chosen {
			rows = append(rows, apps[i].rows...)
		}
	}
	c.Candidates, c.Warnings = o.candidates(rows), t.warnings
	return c
}

// enabled says whether the store takes a wallet of the application.
func (a *application) enabled(o *Options) bool {
	return slices.ContainsFunc(a.rows, func(r *Row) bool { _, ok := o.place(r.Wallet); return ok })
}

// usable gives the applications that have a name of 5 to 16 bytes; others are skipped, as the
// specification says.
func (t *templates) usable() (apps []application) {
	for _, objects := range t.applications {
		aid, ok := find(objects, tagAID)
		if !ok || len(aid) < minAID || len(aid) > maxAID {
			t.warn("template_skipped", tagName(tagAID))
			continue
		}
		a := application{objects: objects, aid: aid}
		if a.pan = t.number(objects); a.pan == "" {
			a.pan = t.number(t.common)
		}
		apps = append(apps, a)
	}
	for _, o := range slices.Concat(append(slices.Clone(t.applications), t.common)...) {
		if !dictionary[o.tag].poi {
			t.warn("unknown_tag", o.name())
		}
	}
	return apps
}

// number is the account number in 57 or else 5A.
func (t *templates) number(objects []object) string {
	if value, ok := find(objects, tagTrack2); ok {
		if track, _ := splitTrack2(value); track.pan != "" {
			return track.pan
		}
		t.warn("not_an_account_number", tagName(tagTrack2))
	}
	if value, ok := find(objects, tagPAN); ok {
		if pan, ok := accountNumber(value); ok {
			return pan
		}
		t.warn("not_an_account_number", tagName(tagPAN))
	}
	return ""
}

// duplicates refuses a primitive object that is given twice over the chosen application and the common data;
// in an application that was not chosen it is only told.
func (t *templates) duplicates(apps []application, chosen int) *Fault {
	for i := range apps {
		seen := map[uint32]bool{}
		for _, o := range slices.Concat(apps[i].objects, t.common) {
			if !o.primitive() || !seen[o.tag] {
				seen[o.tag] = true
				continue
			}
			if i == chosen {
				return (&Fault{Name: FaultDuplicateData, Tag: o.name()}).from(o.start())
			}
			t.warn(string(FaultDuplicateData), o.name())
		}
	}
	return nil
}

// readSuspectEMVCo names the fault of what has not EMVCo's head but must have been meant as such a code: base
// 64 whose first byte is tag 85 and which holds a payload format. It is asked after the table, since the
// specification wants other formats tried before a code is called bad.
func readSuspectEMVCo(text string, _ *Options) *Classification {
	raw, _, ok := decodeBase64(text)
	if !ok || len(raw) == 0 || raw[0] != tagPayloadFormat || !bytes.Contains(raw[:min(len(raw), 16)], []byte("CPV")) {
		return nil
	}
	_, fault := parseTemplates(text, payloadEMVCo)
	if fault == nil {
		fault = &Fault{Name: FaultNotEMVCo}
	}
	return invalid(EMVCoCPM, fault)
}
