package paycode

import "strings"

// readJPQR reads what begins like a JPQR code, where 4F, 57 and 99 are text: the operator's code, the payment's
// number, and a free area that is the operator's own.
func readJPQR(text string, o *Options) *Classification {
	if !strings.HasPrefix(text, headJPQR) {
		return nil
	}
	t, fault := parseTemplates(text, payloadJPQR)
	if fault != nil {
		return invalid(JPQRCPM, fault)
	}
	if fault := t.duplicates([]application{{objects: t.applications[0]}}, 0); fault != nil {
		return invalid(JPQRCPM, fault)
	}
	operator, _ := find(t.applications[0], tagAID)
	c := &Classification{Kind: Payment, Format: JPQRCPM, Warnings: t.warnings}
	c.Candidates = o.candidates(o.match(&subject{format: JPQRCPM, key: string(operator)}))
	if len(operator) == 0 {
		c.Warnings = append(c.Warnings, "no_operator_code:"+tagName(tagAID))
	}
	return c
}
