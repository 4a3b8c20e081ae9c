package hq

import (
	"regexp"
	"strings"

	"tilld/agent/payment"
	"tilld/ui/web"
)

// identifier finds what may be a payment's identifier in a text.
var identifier = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)

// Piece is a part of an exception's detail: text, or with Payment set a payment's identifier.
type Piece struct {
	Text    string
	Payment bool
}

// Pieces is the detail with the identifiers of payments told apart, so that they can be links. Joined they are
// the detail.
func (x *Exception) Pieces() []Piece {
	var list []Piece
	rest := x.Detail
	for at := identifier.FindStringIndex(rest); at != nil; at = identifier.FindStringIndex(rest) {
		if at[0] > 0 {
			list = append(list, Piece{Text: rest[:at[0]]})
		}
		_, err := payment.ParseID(rest[at[0]:at[1]])
		list = append(list, Piece{Text: rest[at[0]:at[1]], Payment: err == nil})
		rest = rest[at[1]:]
	}
	if rest != "" {
		list = append(list, Piece{Text: rest})
	}
	return list
}

// wallets are the identifiers of wallets that the catalogue has names for.
var wallets = web.Named("wallet.")

// walletOf is the identifier of the wallet that a person named: lists show the name, and what is shown can be
// asked for, in any language. Anything else is taken for an identifier.
func walletOf(name string) string {
	for _, id := range wallets {
		for _, lang := range web.Langs {
			if strings.EqualFold(name, web.Word(lang, "wallet."+id, id)) {
				return id
			}
		}
	}
	return name
}
