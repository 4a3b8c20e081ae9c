package hq

import (
	"net/http"
	"strings"
	"unicode"

	"tilld/agent/payment"
	"tilld/ui/web"
)

// endShown is how many characters of an identifier's end lists show (web.Tail).
const endShown = 6

// find leads to a payment by its identifier, or by the end of it that lists show; where several end alike, to the
// list of them.
func (p *Page) find(w http.ResponseWriter, r *http.Request) {
	me, err := p.person(r, p.Sessions.Who)
	to := ""
	if err == nil {
		to, err = p.found(r, typedID(r.FormValue("id")))
	}
	if err != nil {
		p.problem(w, r, view{Tab: "payments", Me: me}, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// found is the page of what was looked for.
func (p *Page) found(r *http.Request, text string) (string, error) {
	if len(text) != endShown {
		id, err := payment.ParseID(text)
		if err != nil {
			return "", payment.Errorf(payment.Invalid, "hq.found", "%s", web.Text(p.lang(r), "hq.find.bad"))
		}
		return "/hq/payments/" + id.String(), nil
	}
	list, err := p.Office.Payments(r.Context(), PaymentQuery{End: text, Limit: rowsShown})
	if payment.CodeOf(err) == payment.Invalid {
		err = payment.Errorf(payment.Invalid, "hq.found", "%s", web.Text(p.lang(r), "hq.find.bad"))
	}
	if err != nil {
		return "", err
	}
	for _, row := range list.Rows {
		if row.ID != list.Rows[0].ID {
			return "/hq/payments?end=" + text, nil
		}
	}
	if len(list.Rows) == 0 {
		return "/hq/payments?end=" + text, nil
	}
	return "/hq/payments/" + list.Rows[0].ID.String(), nil
}

// typedID reads an identifier, or a part of one, as people type and paste it: in any case and width, with hyphens and
// blanks, and with the letters that the alphabet of identifiers leaves out for the digits that they look like.
func typedID(text string) string {
	return strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(narrow(text)))
}

// narrow is a short text without hyphens, blanks and dots, in the width that machines write; one that is longer than
// any field is empty.
func narrow(text string) string {
	if len(text) > maxField {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' { // as Japanese keyboards write them
			r -= '！' - '!'
		}
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == 'ー' || r == '…' {
			return -1
		}
		return r
	}, text)
}
