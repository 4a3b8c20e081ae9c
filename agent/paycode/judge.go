package paycode

import "strings"

// maxReadable is how much of a code every reader must take (EMVCo CPM 4.1.1.1); more may not be read.
const maxReadable = 512

// home is the template that an object belongs into, where there is but one.
var home = map[uint32]uint32{tagOwnOpaque: tagApplication, tagCommonOpaque: tagCommon}

// judge warns of what differs from the specification and stops no payment: real codes do differ. What Classify
// has warned of already it leaves out.
func (c *content) judge(tree []node, size int) {
	if size > maxReadable {
		c.warn("longer_than", "512")
	}
	if c.format == JPQRCPM {
		c.judgeJPQR(tree)
		return
	}
	var applications []*node
	var common *node
	for i := range tree {
		switch n := &tree[i]; n.tag {
		case tagApplication:
			applications = append(applications, n)
		case tagCommon:
			common = n
		default:
			if n.broken && home[n.tag] == 0 {
				c.warn("not_a_template", n.path)
			}
			continue
		}
		c.judgeTemplate(&tree[i])
	}
	if common != nil && len(applications) == 1 {
		c.warn("common_data_for_one_application", common.path)
	}
	for _, n := range applications {
		c.judgeAccount(n, common)
	}
}

// judgeTemplate looks at the objects of 61 or 62. What is inside 63 and 64 is not judged: it belongs to the payment
// system.
func (c *content) judgeTemplate(t *node) {
	times := map[uint32]int{}
	for i := range t.inner {
		n := &t.inner[i]
		if where, ok := home[n.tag]; ok && where != t.tag {
			c.warn("misplaced", n.path)
		}
		if times[n.tag]++; times[n.tag] > 1 && !n.primitive() {
			c.warn("template_twice", n.path)
		}
		if e := dictionary[n.tag]; e.poi {
			c.judgeValue(n, e)
		}
	}
}

// judgeValue compares a value with what tables 6.2, 6.3 and A.1 say of it.
func (c *content) judgeValue(n *node, e entry) {
	if size := len(n.value); size < e.min || (e.max > 0 && size > e.max) {
		c.warn("value_length", n.path)
	}
	if !n.formed(e) {
		c.warn("value_form", n.path)
	}
}

// formed says whether a value has the characters that it should have.
func (n *node) formed(e entry) bool {
	text := string(n.value)
	switch {
	case n.tag == tagTrack2:
		_, ok := splitTrack2(n.value)
		return ok
	case n.tag == tagPAN:
		_, ok := accountNumber(n.value)
		return ok
	case n.tag == tagLanguage: // pairs of letters, ISO 639-1
		return len(text)%2 == 0 && all(text, isLetter)
	case n.tag == tagIssuerURL:
		return strings.HasPrefix(text, "tel:") || strings.HasPrefix(text, "mailto:")
	case n.tag == tagLabel: // of the special characters, only the space
		return all(text, func(b byte) bool { return isDigit(b) || isLetter(b) || b == ' ' })
	case e.form == formN:
		return all(upperHex(n.value), isDigit)
	case e.form == formAN: // the payment account reference: capitals and digits
		return all(text, func(b byte) bool { return isDigit(b) || isUpper(b) })
	case e.form == formANS:
		return all(text, func(b byte) bool { return ' ' <= b && b <= '~' })
	}
	return true
}

// judgeAccount demands an account number, and the same one in both places.
func (c *content) judgeAccount(application, common *node) {
	objects := application.objects()
	if common != nil {
		objects = append(objects, common.objects()...)
	}
	track, hasTrack := find(objects, tagTrack2)
	number, hasNumber := find(objects, tagPAN)
	if !hasTrack && !hasNumber {
		c.warn("no_account_number", application.path)
	}
	t, _ := splitTrack2(track)
	pan, ok := accountNumber(number)
	if ok && t.pan != "" && pan != t.pan {
		c.warn("account_numbers_differ", application.path)
	}
}

// judgeJPQR demands the payment's number. The guideline's own table of lengths is not public.
func (c *content) judgeJPQR(tree []node) {
	for i := range tree {
		if n := &tree[i]; n.tag == tagApplication {
			if _, ok := find(n.objects(), tagTrack2); !ok {
				c.warn("no_payment_number", n.path)
			}
		}
	}
}
