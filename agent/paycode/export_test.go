package paycode

// For tests of the parsers by themselves.

// ParseTLV is parseTLV with the objects as tag names and values.
func ParseTLV(b []byte) (names []string, values [][]byte, fault *Fault) {
	list, fault := parseTLV(b, 0)
	for i := range list {
		names, values = append(names, list[i].name()), append(values, list[i].value)
	}
	return names, values, fault
}

// ParseMPM is parseMPM with the fields as tags and values.
func ParseMPM(text string) (tags, values []string, fault *Fault) {
	list, fault := parseMPM(text)
	for _, f := range list {
		tags, values = append(tags, f.tag), append(values, f.value)
	}
	return tags, values, fault
}

// SplitMPM is splitMPM with the fields as tags and values.
func SplitMPM(text string) (tags, values []string, fault *Fault) {
	list, fault := splitMPM(text)
	for _, f := range list {
		tags, values = append(tags, f.tag), append(values, f.value)
	}
	return tags, values, fault
}

// FaultTexts are the sentences of all faults.
func FaultTexts() map[FaultName]string { return faultText }

// RewriteTree takes a code's bytes apart to the last object and writes them anew.
func RewriteTree(b []byte) ([]byte, *Fault) {
	tree, fault := parseTree(b)
	return rewrite(nil, tree), fault
}

func rewrite(b []byte, nodes []node) []byte {
	for i := range nodes {
		n := &nodes[i]
		b = append(b, n.head...)
		if n.split {
			b = rewrite(b, n.inner)
			continue
		}
		b = append(b, n.value...)
	}
	return b
}
