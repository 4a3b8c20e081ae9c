package signed

// For tests that build codes by hand.
var (
	Encode45 = encode45
	Decode45 = decode45
)

// The external data and the limit of the binary form.
const (
	CertContext = certContext
	CodeContext = codeContext
	MaxBytes    = maxBytes
)
