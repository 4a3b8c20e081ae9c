package paycode

const (
	alipayPlus       = "alipayplus"
	alipayPlusLength = 24
)

// readAlipayPlus tells the parts of an Alipay+ code of 24 digits: who issued it, what it is for, and the customer's
// identity in it (docs.alipayplus.com, code format). Codes of other lengths have parts of their own.
func readAlipayPlus(text string, reveal bool) Fields {
	if len(text) != alipayPlusLength {
		return nil
	}
	user := text[8:]
	if !reveal {
		user = lastFour(user)
	}
	return Fields{
		{"cii", "code issuer", text[:6]}, {"bti", "business type", text[6:8]}, {"uin", "user's number", user},
	}
}
