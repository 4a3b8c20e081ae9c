package paycode

import "slices"

// content is all that a customer's code says, for who explains it. Nothing of it decides on a payment.
type content struct {
	format   Format
	reveal   bool
	hidden   hidden
	fields   Fields
	warnings []string
}

// readContent takes an EMVCo or JPQR code apart, a refused one too as far as its framing goes. Account numbers, and
// a JPQR code's payment number, are shown down to their last four unless they shall be revealed.
func readContent(text string, format Format, reveal bool) *content {
	c := &content{format: format, reveal: reveal}
	raw, _, ok := decodeBase64(text)
	if !ok {
		return c
	}
	tree, fault := parseTree(raw)
	if fault != nil {
		return c // Classify has named it
	}
	if !reveal {
		c.hidden = accounts(tree, format)
	}
	for i := range tree {
		c.show(&tree[i], false)
	}
	c.judge(tree, len(text))
	return c
}

// entry is what is known of an object where it stands.
func (c *content) entry(n *node, inApplication bool) entry {
	if e, ok := jpqrDictionary[n.tag]; ok && c.format == JPQRCPM && inApplication {
		return e
	}
	return dictionary[n.tag]
}

// show adds an object and what is in it. Transparent templates are shown as their bytes too: that is how they
// travel on.
func (c *content) show(n *node, inApplication bool) {
	e := c.entry(n, inApplication)
	if !n.split || n.tag == tagOwnOpaque || n.tag == tagCommonOpaque {
		c.add(n.path, e.name, c.value(n, e))
	}
	if n.split {
		for i := range n.inner {
			c.show(&n.inner[i], n.tag == tagApplication)
		}
		return
	}
	c.showParts(n)
}

func (c *content) add(path, name, value string) {
	c.fields = append(c.fields, Field{path, name, value})
}

// value is text where the dictionary says text and it can be seen, and else hexadecimal.
func (c *content) value(n *node, e entry) string {
	s := upperHex(n.value)
	if e.form.text() {
		if text, ok := asText(n.value); ok {
			s = text
		} else {
			c.warn("not_text", n.path)
		}
	}
	if c.reveal {
		return s
	}
	if n.broken {
		return stars(len(s)) // it could hold anything
	}
	if number, holds := n.account(c.format); holds {
		return c.maskIn(s, number)
	}
	if e.name == "" {
		s = hideLikely(n.value)
	}
	return c.hidden.out(s)
}

// maskIn shows the last four of the account number that stands first in a value; one that can't be read is the
// whole value.
func (c *content) maskIn(s, number string) string {
	i := indexNumber(s, number)
	if i < 0 {
		return lastFour(s)
	}
	end := i + len(number)
	return s[:i] + lastFour(number) + c.hidden.out(s[end:])
}

// showParts adds what an account number's object is made of.
func (c *content) showParts(n *node) {
	if n.tag == tagPAN {
		if pan, ok := accountNumber(n.value); ok {
			c.add(n.path+".pan", "account number", c.number(pan))
		}
		return
	}
	if (n.tag != tagTrack2 && n.tag != tagOtherTrack2) || c.format == JPQRCPM {
		return
	}
	t, ok := splitTrack2(n.value)
	if t.pan != "" {
		c.add(n.path+".pan", "account number", c.number(t.pan))
	}
	if ok {
		c.add(n.path+".expiry_yymm", "expiry, year and month", t.expiry)
		c.add(n.path+".service_code", "service code", t.service)
		c.add(n.path+".discretionary", "discretionary data", c.hidden.out(t.discretionary))
	}
}

func (c *content) number(pan string) string {
	if c.reveal {
		return pan
	}
	return lastFour(pan)
}

func (c *content) warn(name, detail string) {
	if w := name + ":" + detail; !slices.Contains(c.warnings, w) {
		c.warnings = append(c.warnings, w)
	}
}
