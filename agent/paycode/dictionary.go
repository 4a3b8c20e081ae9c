package paycode

// form is how a data object's value is written, in EMV's words.
type form uint8

const (
	formB   form = iota // bytes
	formN               // digits, two in a byte
	formCN              // digits, two in a byte, filled up with F
	formAN              // letters and digits
	formANS             // any characters; shown as text when they can be
)

func (f form) text() bool { return f == formAN || f == formANS }

// entry is what is known of a tag. Lengths are in bytes; 0 at the top means any.
type entry struct {
	name     string
	form     form
	min, max int
	poi      bool // of the objects that EMVCo CPM's table 6.1 allows in 61 and 62, with their transparent templates
}

// dictionary has the objects of EMVCo CPM (annex A, tables 6.1 and A.1), and behind them those of EMV Book 3, annex
// A, that wallets put into the transparent templates. Any other tag is shown by its number.
var dictionary = map[uint32]entry{
	tagPayloadFormat: {"payload format", formAN, 5, 5, false},
	tagApplication:   {"application template", formB, 0, 0, false},
	tagCommon:        {"common data template", formB, 0, 0, false},
	tagOwnOpaque:     {"application's transparent data", formB, 0, 0, true},
	tagCommonOpaque:  {"common transparent data", formB, 0, 0, true},
	tagAID:           {"application name", formB, minAID, maxAID, true},
	tagLabel:         {"application label", formANS, 1, 16, true},
	tagTrack2:        {"track 2", formB, 1, 19, true},
	tagPAN:           {"account number", formCN, 1, 10, true},
	tagHolder:        {"cardholder's name", formANS, 2, 26, true},
	tagLanguage:      {"languages", formAN, 2, 8, true},
	tagIssuerURL:     {"issuer URL", formANS, 1, 0, true},
	0x9f08:           {"application version", formB, 2, 2, true},
	0x9f19:           {"token requestor", formN, 6, 6, true},
	0x9f24:           {"payment account reference", formAN, 29, 29, true},
	tagLastFour:      {"last four of the account number", formN, 2, 2, true},

	tagTrack1:       {name: "track 1", form: formANS},
	tagOtherTrack2:  {name: "track 2"},
	0x5f24:          {name: "expiry", form: formN},
	0x5f25:          {name: "effective date", form: formN},
	0x5f28:          {name: "issuer's country", form: formN},
	0x5f2a:          {name: "currency", form: formN},
	0x5f30:          {name: "service code", form: formN},
	0x5f34:          {name: "account number's sequence", form: formN},
	0x5f36:          {name: "currency's exponent", form: formN},
	0x82:            {name: "application interchange profile"},
	0x84:            {name: "dedicated file name"},
	0x87:            {name: "application priority"},
	0x95:            {name: "terminal verification results"},
	0x9a:            {name: "date", form: formN},
	0x9b:            {name: "transaction status"},
	0x9c:            {name: "transaction type", form: formN},
	0x9f02:          {name: "amount", form: formN},
	0x9f03:          {name: "other amount", form: formN},
	0x9f06:          {name: "application identifier"},
	0x9f07:          {name: "application usage control"},
	0x9f09:          {name: "application version of the terminal"},
	0x9f0d:          {name: "issuer action code, default"},
	0x9f0e:          {name: "issuer action code, denial"},
	0x9f0f:          {name: "issuer action code, online"},
	0x9f10:          {name: "issuer application data"},
	0x9f11:          {name: "issuer's code table", form: formN},
	0x9f12:          {name: "application's preferred name", form: formANS},
	0x9f1a:          {name: "terminal's country", form: formN},
	0x9f1e:          {name: "device's serial number", form: formAN},
	0x9f21:          {name: "time", form: formN},
	0x9f26:          {name: "application cryptogram"},
	0x9f27:          {name: "cryptogram information"},
	0x9f33:          {name: "terminal capabilities"},
	0x9f34:          {name: "cardholder verification results"},
	0x9f35:          {name: "terminal type", form: formN},
	0x9f36:          {name: "transaction counter"},
	0x9f37:          {name: "unpredictable number"},
	0x9f41:          {name: "transaction's sequence", form: formN},
	0x9f42:          {name: "application's currency", form: formN},
	0x9f74:          {name: "issuer's token"}, // in QRIS codes
	tagJPQRFreeArea: {name: "free area"},
}

// jpqrDictionary is what differs inside the application template of a JPQR code: all of it is text.
var jpqrDictionary = map[uint32]entry{
	tagAID:          {name: "operator code", form: formANS},
	tagTrack2:       {name: "payment number", form: formANS},
	tagJPQRFreeArea: {name: "free area", form: formANS},
}
