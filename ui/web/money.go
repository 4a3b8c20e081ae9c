package web

import (
	"strings"

	"tilld/agent/payment"
)

// tillDecimals is how many decimals a counter shows where that differs from ISO 4217: nobody pays in
// hundredths of a New Taiwan dollar.
var tillDecimals = map[payment.Currency]int{"TWD": 0}

var signs = map[payment.Currency]string{
	"JPY": "¥", "TWD": "NT$", "USD": "$", "CNY": "CN¥", "HKD": "HK$", "EUR": "€", "GBP": "£", "KRW": "₩",
}

// Money writes an amount as people of the language read it: "¥1,200", in Japanese "1,200円".
func Money(lang string, m payment.Money) string {
	show, ok := tillDecimals[m.Currency]
	if !ok {
		show = m.Currency.Exponent()
	}
	number := m.Decimal(show)
	sign := ""
	if strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	number = sign + group(number)
	if lang == "ja" && m.Currency == "JPY" {
		return number + "円"
	}
	if s, ok := signs[m.Currency]; ok {
		return strings.Replace(number, sign, sign+s, 1)
	}
	return number + " " + string(m.Currency)
}

// group puts a comma between thousands.
func group(number string) string {
	whole, frac, point := strings.Cut(number, ".")
	var b strings.Builder
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if point {
		b.WriteString("." + frac)
	}
	return b.String()
}
