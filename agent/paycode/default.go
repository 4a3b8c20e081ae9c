package paycode

// Sources that several rows share.
const (
	ri25r   = "ri25r.hatenablog.jp/entry/2020/02/26/221302 (February 2020, seen on Android)"
	jeepay  = "jeequan/jeepay JeepayKit.getPayWayCodeByBarCode"
	wixtar  = "private-api-docs.wixtar.com"
	decoded = "decoded public samples; no issuer document read"
)

// SmartCode is JCB's rails, which carry several wallets: named when the wallet itself is not known.
const SmartCode = "smartcode"

// HouseWallet is the name of the chain's own wallet in the default table.
const HouseWallet = "house"

// DefaultTable is the rules as they were known in November 2026: seed data for HQ's policy, which replaces it
// without a release. Many rows rest on one source, some of them years old; each says so. FamiPay, T-point, Edy,
// WAON, iPASS Money and Lakala have no row: no source gives their prefix and length.
func DefaultTable() *Table {
	var t Table
	for _, rows := range [][]Row{houseRows(), japanRows(), smartCodeRows(), chinaRows(), taiwanRows(), emvcoRows()} {
		t.Rows = append(t.Rows, rows...)
	}
	return &t
}

func houseRows() []Row {
	return []Row{
		{Wallet: HouseWallet, Format: Signed, Offline: true, Confidence: ConfidenceVerified, Source: "paycode/signed/FORMAT.md"},
		{
			Wallet: "nanaco", Kind: Loyalty, Format: Numeric, Market: "JP", Class: Digits, Prefixes: []string{"7600"}, MinLength: 16, MaxLength: 16,
			Confidence: ConfidenceVerified, Source: "sawadyrr5/PyNanaco, hiroxto/nanaco-gift-auto-register; samples fail Luhn; payment is by FeliCa only",
		},
	}
}

// digits is a numeric row of one length or of a range.
func digits(wallet, market string, least, most uint16, c Confidence, source string, prefixes ...string) Row {
	return Row{
		Wallet: wallet, Format: Numeric, Market: market, Class: Digits, Prefixes: prefixes,
		MinLength: least, MaxLength: most, Confidence: c, Source: source,
	}
}

func japanRows() []Row {
	line := digits("linepay", "JP", 19, 19, ConfidenceReported, "length: developers.line.biz; prefix: "+ri25r+"; the service ended in April 2025", "9000000000")
	line.ValidFrom, line.ValidTo = 20190801, 20250430
	origami := digits("origami", "JP", 22, 22, ConfidenceReported, ri25r+"; the service closed in 2020", "90000001")
	origami.ValidTo = 20200630
	dbarai := digits("dbarai", "JP", 22, 22, ConfidenceReported, ri25r+"; its QR is JPQR", "90000002")
	dbarai.Symbology = Code128
	return []Row{
		digits("paypay", "JP", 24, 24, ConfidenceVerified, ri25r+"; a stored sample; the same text in bar code and QR", "9000818188"),
		line,
		digits("rakutenpay", "JP", 16, 16, ConfidenceReported, ri25r, "900001"),
		dbarai,
		origami,
	}
}

// smartCodeRows are the 315899 family: two more digits tell the wallet.
func smartCodeRows() []Row {
	const length = 19
	merpay := digits("merpay", "JP", length, length, ConfidenceVerified, ri25r+"; kenmaz/JPQRReader sample; its QR is EMVCo", "31589900")
	aupay := digits("aupay", "JP", length, length, ConfidenceReported, ri25r+"; its QR has a format of its own", "31589921")
	merpay.Symbology, aupay.Symbology = Code128, Code128
	family := digits(SmartCode, "JP", length, length, ConfidenceReported, ri25r+"; code-pay.info; the family where the wallet is not known", "315899")
	family.Fallback = true
	return []Row{
		merpay, aupay,
		digits("yuchopay", "JP", length, length, ConfidenceDoubtful, ri25r+"; length taken from the family",
			"31589931", "31589932", "31589933", "31589934", "31589935", "31589936", "31589937", "31589938", "31589939", "31589940"),
		digits("pring", "JP", length, length, ConfidenceDoubtful, ri25r+"; length taken from the family", "31589995"),
		family,
	}
}

func chinaRows() []Row {
	alipay := []string{"25", "26", "27", "28", "29", "30"}
	const plus = "docs.alipayplus.com code_scanning_payment_standards_mpp/code_format"
	later := func(r Row) Row { r.Priority = 10; return r }
	return []Row{
		digits("alipay", "CN", 16, 24, ConfidenceVerified, jeepay+"; smartwalle/alipay", alipay...),
		later(digits("alipayplus", "", 24, 24, ConfidenceVerified, plus+": issuer 6, type 2, number 16", alipay...)),
		later(digits("alipayplus", "", 25, 32, ConfidenceReported, plus+": lengths kept for later, not to be refused", alipay...)),
		later(digits("alipayplus", "", 19, 19, ConfidenceVerified, plus+": legacy; the 17 and 18 digits are left to alipay", "28")),
		digits("wechat", "CN", 18, 18, ConfidenceVerified, jeepay+"; yabandpay", "10", "11", "12", "13", "14", "15"),
		digits("unionpay", "CN", 19, 19, ConfidenceVerified, jeepay+"; another source narrows to 621-628", "62"),
		digits("bestpay", "CN", 18, 18, ConfidenceReported, "one repository: 51 and 16 digits", "51"),
		digits("webank", "CN", 19, 19, ConfidenceReported, "one repository: 5678 and 15 digits", "5678"),
		digits("baidu", "CN", 16, 18, ConfidenceDoubtful, "one repository: 31 and 14 to 16 digits; an old wallet", "31"),
	}
}

func taiwanRows() []Row {
	text := func(wallet string, length uint16, class Class, c Confidence, source string, prefixes ...string) Row {
		return Row{
			Wallet: wallet, Format: Text, Market: "TW", Class: class, Prefixes: prefixes,
			MinLength: length, MaxLength: length, Confidence: c, Source: source,
		}
	}
	icash := digits("icashpay", "TW", 18, 18, ConfidenceDoubtful, "Rytass/Utils README: a sample that Alipay's rule takes too", "2800")
	icash.Priority = 20
	twqr := text("twqr", 22, Alnum, ConfidenceDoubtful, "no layout published; goes by Taiwan Pay's prefix only if the acquirer says so", "96")
	twqr.Priority = 20
	easy := digits("easywallet", "TW", 20, 20, ConfidenceReported, wixtar, "9980")
	line := digits("linepay", "TW", 18, 18, ConfidenceVerified, "developers.line.biz, developers-pay.line.me; no prefix published")
	thai := digits("linepay", "TH", 12, 12, ConfidenceVerified, "developers.line.biz, developers-pay.line.me; no prefix published")
	line.Fallback, thai.Fallback = true, true
	return []Row{
		text("jkopay", 18, Alnum, ConfidenceVerified, "open-doc.jkos.com POS payment API, CardToken: 22 and 16 random", "22"),
		text("icashpay", 18, Upper, ConfidenceReported, "public-api-docs.wixtar.com; another adapter has 18 digits", "IC"),
		icash,
		text("pxpay", 18, Alnum, ConfidenceReported, wixtar, "P2U"),
		easy,
		text("taiwanpay", 22, Alnum, ConfidenceReported, wixtar+"; mixed case", "96"),
		twqr, line, thai,
	}
}

func emvcoRows() []Row {
	emvco := func(wallet, market, aid string, c Confidence, source string) Row {
		return Row{Wallet: wallet, Format: EMVCoCPM, Market: market, Prefixes: []string{aid}, Confidence: c, Source: source}
	}
	merpay := emvco("merpay", "JP", "A000000065039202", ConfidenceVerified, "kenmaz/JPQRReader sample of 2019")
	merpay.PANPrefixes = []string{"31589900"}
	jcb := emvco(SmartCode, "JP", "A000000065", ConfidenceReported, "JCB's registered identifier; "+decoded)
	jcb.Fallback = true
	return []Row{
		merpay, jcb,
		emvco("unionpay", "CN", "A000000333", ConfidenceVerified, decoded),
		emvco("qris", "ID", "A0000006022020", ConfidenceVerified, decoded),
		emvco("napas", "VN", "A0000007271010", ConfidenceVerified, decoded),
		emvco("gcash", "PH", "4743415348", ConfidenceReported, "ingonoka/qrdata: transit tickets"),
	}
}
