package web

import (
	"strings"
	"testing"
)

// glossary lists keys that name one thing: they read the same on every page.
var glossary = map[string][]string{
	"booked at head office":   {"cashier.row.posted", "hq.state.posted"},
	"taken back":              {"cashier.row.voided", "hq.state.voided"},
	"taken back, the column":  {"manager.voids", "hq.line.void"},
	"the chain's own wallet":  {"wallet.house", "phone.house"},
	"head office is reached":  {"manager.hq.on", "hq.broker.on", "phone.network.ok"},
	"head office":             {"manager.hq", "hq.title", "phone.hq"},
	"lane":                    {"cashier.title", "hq.lane"},
	"wallet":                  {"cashier.today.wallet", "hq.wallet"},
	"amount":                  {"cashier.amount", "cashier.today.amount", "hq.amount"},
	"sum":                     {"manager.sum", "hq.sum"},
	"the day, by wallet":      {"manager.today", "hq.today"},
	"a day without payments":  {"cashier.today.none", "hq.today.none"},
	"the rules' version":      {"manager.policy", "hq.policy"},
	"since":                   {"manager.hq.since", "hq.since", "phone.network.since"},
	"sign in":                 {"manager.signin", "hq.signin.go"},
	"sign out":                {"manager.signout", "hq.signout"},
	"manager":                 {"manager.title", "cashier.key.manager"},
	"take a payment back":     {"cashier.void.title", "cashier.back.title"},
	"nothing is known of it":  {"cashier.unknown.why", "cashier.parked.unknown"},
	"written off":             {"hq.state.lost", "hq.outcome.loss"},
	"lanes with two journals": {"hq.only.forked", "hq.forked"},
}

// parts lists phrases that stand whole in others.
var parts = map[string][]string{
	"hq.date":        {"manager.date"},
	"manager.open":   {"cashier.uncompleted"},
	"manager.unsent": {"cashier.unsent"},
	"wallet.house":   {"cashier.offline.full", "cashier.offline.small", "cashier.offline.asks", "cashier.house.none", "cashier.house.small", "reason.online_only.do", "reason.hq_away.do"},
	// what this screen says when money is there, quoted where a cashier is told to wait for it
	"cashier.paid.word": {"cashier.pending.do", "cashier.unknown.fine", "cashier.showing.fine"},
}

// dropped are words for which another one was chosen: the same thing had two names on two pages.
var dropped = map[string]map[string]string{
	"en":      {"Secret": "token", "secret": "token"},
	"ja":      {"計上": "記帳", "シークレット": "トークン", "お客さま": "お客様", "発行者": "発行元", "発行会社": "運営会社 or 発行元", "口座": "アカウント"},
	"zh-Hant": {"櫃台": "收銀台", "代碼": "付款碼 or 條碼", "發行者": "發行機構", "自有錢包": "本店錢包", "自家錢包": "本店錢包", "密鑰": "權杖"},
}

func TestOneThingHasOneName(t *testing.T) {
	for _, lang := range Langs {
		for what, keys := range glossary {
			for _, key := range keys {
				first, text := catalogues[lang][keys[0]], catalogues[lang][key]
				if text == "" || !strings.EqualFold(text, first) {
					t.Errorf("%s: %s is %q (%s) and %q (%s)", lang, what, first, keys[0], text, key)
				}
			}
		}
		for part, wholes := range parts {
			for _, whole := range wholes {
				word, text := strings.TrimSpace(strings.NewReplacer("{0}", "").Replace(catalogues[lang][part])), catalogues[lang][whole]
				if word == "" || !strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
					t.Errorf("%s: %s (%q) does not say %q (%s)", lang, whole, text, word, part)
				}
			}
		}
		for key, text := range catalogues[lang] {
			for old, now := range dropped[lang] {
				if strings.Contains(text, old) {
					t.Errorf("%s: %s says %s, where others say %s: %q", lang, key, old, now, text)
				}
			}
		}
	}
}
