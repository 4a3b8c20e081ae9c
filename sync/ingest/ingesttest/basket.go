package ingesttest

import "tilld/agent/payment"

// SellBasket writes a whole sale whose opening has basket lines.
func (l *Lane) SellBasket(p *Phone, amount int64, lines ...payment.Article) Sold {
	sale := l.OpenBasket(amount, lines...)
	return l.SellWith(p, amount, Change{Sale: sale})
}

// OpenBasket writes the opening of a sale with basket lines.
func (l *Lane) OpenBasket(amount int64, lines ...payment.Article) payment.ID {
	sale := l.chain.ID()
	total := payment.Of(amount, "JPY")
	body := &payment.Body{Cashier: "c1"}
	for _, a := range lines {
		body.Lines, body.SKUs = append(body.Lines, a.Line), append(body.SKUs, a.SKU)
	}
	tenders := []payment.Tender{{Kind: payment.TenderWallet, Amount: amount}, {Kind: payment.TenderPoints, Amount: 5, Name: "nanaco"}}
	l.Add(&payment.SaleOpened{Total: total, Due: total, Tenders: tenders, TenderNames: payment.TenderNames(tenders), Eligible: payment.Eligible{Wallet: amount}},
		Extra{Sale: &sale, Body: body})
	return sale
}
