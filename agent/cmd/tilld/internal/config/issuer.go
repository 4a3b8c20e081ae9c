package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
	"tilld/sync/wire"
)

// RoleIssuer is the house wallet's issuer.
const RoleIssuer = "issuer"

// Gateway is where HQ reaches the issuer.
type Gateway struct {
	Address   string `toml:"address"`    // empty: 127.0.0.1:7951; off loopback only with tls
	TokenFile string `toml:"token_file"` // one line, what HQ shows, mode 0600; empty: gateway.token in data
	TLS       TLS    `toml:"tls"`        // with ca, HQ shows a certificate besides
}

// The kinds of messengers.
const (
	MessagesSMTP  = "smtp"
	MessagesSpool = "spool"
)

// Messages is how customers are told.
type Messages struct {
	Kind     string `toml:"kind"`     // smtp, or spool: files in a directory, for a trial
	Language string `toml:"language"` // en, ja or zh-Hant; empty: en
	Spool    string `toml:"spool"`    // directory of spool
	SMTP     SMTP   `toml:"smtp"`
}

// SMTP is a mail server that takes our mail.
type SMTP struct {
	Address         string `toml:"address"`          // host:port
	Security        string `toml:"security"`         // tls from the first byte (port 465), or starttls; empty: tls
	From            string `toml:"from"`             // our address
	CredentialsFile string `toml:"credentials_file"` // one line user:password, mode 0600; empty: the server asks for none
	CA              string `toml:"ca"`               // who signs the server's certificate; empty: whom the system trusts
}

// The sources of top-ups.
const (
	FundingNone = "none"
)

// Funding says where money for top-ups comes from when a phone asks for one. No bank is connected by this release.
type Funding struct {
	Phones string `toml:"phones"` // none: a phone's own top-up is refused; empty: none
}

// Chain is whose lanes' offers the issuer takes: a customer pays at the own phone what a lane without HQ offers.
type Chain struct {
	Name string `toml:"name"` // as tilld hq init was told; empty: no offers are taken
	Root string `toml:"root"` // file of HQ's root.pub
}

// IssuerLimits are rule.Limits as a file gives them; what is left out is rule.Defaults, which are yen.
type IssuerLimits struct {
	Currency     string `toml:"currency"` // ISO 4217; empty: JPY. Of another one every amount must be given
	TopUp        int64  `toml:"top_up"`
	TopUpDay     int64  `toml:"top_up_day"`
	Balance      int64  `toml:"balance"`
	Spend        int64  `toml:"spend"`
	SpendDay     int64  `toml:"spend_day"`
	Unbound      int64  `toml:"unbound"`
	CoolingTopUp int64  `toml:"cooling_top_up"`
	CoolingSpend int64  `toml:"cooling_spend"`
	OfflineCap   int64  `toml:"offline_cap"`

	OfflinePercent int64  `toml:"offline_percent"`
	CertHours      int64  `toml:"certificate_hours"`
	Cooling        string `toml:"cooling"`    // such as "24h"
	SyncDelay      string `toml:"sync_delay"` // how long after a certificate's end its payments can still come in
}

// Issuer configures `tilld issuer`.
type Issuer struct {
	Data           string       `toml:"data"`
	Phones         Serve        `toml:"phones"`
	Gateway        Gateway      `toml:"gateway"`
	Messages       Messages     `toml:"messages"`
	Funding        Funding      `toml:"funding"`
	Chain          Chain        `toml:"chain"`
	Limits         IssuerLimits `toml:"limits"`
	KnownPasswords string       `toml:"known_passwords"` // file of passwords that are known from elsewhere, one a line; empty: the worst only
	Log            Log          `toml:"log"`

	from source
}

// Role is RoleIssuer.
func (*Issuer) Role() string { return RoleIssuer }

// ReadIssuer reads and checks the issuer's file, as ReadLane does.
func ReadIssuer(file string) (*Issuer, error) {
	from, err := readSource(file, RoleIssuer)
	if err != nil {
		return nil, err
	}
	c := &Issuer{
		Phones:   Serve{Address: "127.0.0.1:7950"},
		Gateway:  Gateway{Address: "127.0.0.1:7951"},
		Messages: Messages{Language: "en", SMTP: SMTP{Security: "tls"}},
		Funding:  Funding{Phones: FundingNone},
		Limits:   IssuerLimits{Currency: "JPY"},
		Log:      defaultLog,
		from:     from,
	}
	return decode(from, c, c.check)
}

func (c *Issuer) check() Faults {
	return slices.Concat(
		gather(checkDir("data", c.Data), checkPath("known_passwords", c.KnownPasswords), checkPath("gateway.token_file", c.Gateway.TokenFile)),
		checkServer("phones.address", c.Phones.Address, "phones.tls", c.Phones.TLS),
		checkServer("gateway.address", c.Gateway.Address, "gateway.tls", c.Gateway.TLS),
		c.Messages.check(), gather(c.Funding.check()), c.Chain.check(), c.Limits.check(), checkLog(c.Log),
	)
}

func (m *Messages) check() (faults Faults) {
	if e := checkLanguage(m.Language); e != nil {
		e.Key = "messages.language"
		faults = append(faults, e)
	}
	switch m.Kind {
	case MessagesSpool:
		return append(faults, gather(checkDir("messages.spool", m.Spool))...)
	case MessagesSMTP:
		return append(faults, m.SMTP.check()...)
	}
	return append(faults, &Error{Key: "messages.kind", Msg: fmt.Sprintf("%q: want smtp or spool; without a way to customers nobody can confirm an account", m.Kind)})
}

func (s *SMTP) check() Faults {
	const key = "messages.smtp."
	faults := gather(checkAddress(key+"address", s.Address), checkPath(key+"credentials_file", s.CredentialsFile), checkPath(key+"ca", s.CA))
	if s.Security != "tls" && s.Security != "starttls" {
		faults = append(faults, &Error{Key: key + "security", Msg: fmt.Sprintf("%q: want tls or starttls: tickets don't travel in the clear", s.Security)})
	}
	if _, r := rule.Contact(s.From); r != rule.None {
		faults = append(faults, &Error{Key: key + "from", Msg: fmt.Sprintf("%q is no mail address", s.From)})
	}
	return faults
}

func (c *Chain) check() Faults {
	if (c.Name == "") != (c.Root == "") {
		return Faults{&Error{Key: "chain.name", Msg: "name and root go together"}}
	}
	if c.Name != "" && wire.CheckName("chain", c.Name) != nil {
		return Faults{&Error{Key: "chain.name", Msg: fmt.Sprintf("%q: want 1 to 32 of A-Z a-z 0-9 _ -, beginning with a letter or digit", c.Name)}}
	}
	return gather(checkPath("chain.root", c.Root))
}

func (f *Funding) check() *Error {
	if f.Phones == FundingNone {
		return nil
	}
	return &Error{Key: "funding.phones", Msg: fmt.Sprintf("%q: want none; no bank is connected by this release, money comes in as cash at the tills", f.Phones)}
}

func (l *IssuerLimits) check() Faults {
	for key, text := range map[string]string{"limits.cooling": l.Cooling, "limits.sync_delay": l.SyncDelay} {
		if d, err := time.ParseDuration(text); text != "" && (err != nil || d <= 0) {
			return Faults{&Error{Key: key, Msg: fmt.Sprintf(`%q: want a length of time such as "24h"`, text)}}
		}
	}
	if _, err := payment.ParseCurrency(l.Currency); err != nil {
		return Faults{&Error{Key: "limits.currency", Msg: fmt.Sprintf("%q is no currency of ISO 4217", l.Currency)}}
	}
	if l.Currency != "JPY" {
		for key, n := range l.amounts() {
			if *n.given == 0 {
				return Faults{&Error{Key: "limits." + key, Msg: "missing: of another currency than JPY every amount must be given"}}
			}
		}
	}
	rules := l.Rules()
	if err := rules.Validate(); err != nil {
		return Faults{&Error{Key: "limits", Msg: strings.TrimPrefix(err.Error(), rule.ErrLimits.Error()+": ")}}
	}
	return nil
}

// amounts pairs what is given with where it goes.
func (l *IssuerLimits) amounts() map[string]struct {
	given *int64
	into  func(*rule.Limits) *int64
} {
	type pair = struct {
		given *int64
		into  func(*rule.Limits) *int64
	}
	return map[string]pair{
		"top_up":         {&l.TopUp, func(r *rule.Limits) *int64 { return &r.TopUp }},
		"top_up_day":     {&l.TopUpDay, func(r *rule.Limits) *int64 { return &r.TopUpDay }},
		"balance":        {&l.Balance, func(r *rule.Limits) *int64 { return &r.Balance }},
		"spend":          {&l.Spend, func(r *rule.Limits) *int64 { return &r.Spend }},
		"spend_day":      {&l.SpendDay, func(r *rule.Limits) *int64 { return &r.SpendDay }},
		"unbound":        {&l.Unbound, func(r *rule.Limits) *int64 { return &r.Unbound }},
		"cooling_top_up": {&l.CoolingTopUp, func(r *rule.Limits) *int64 { return &r.CoolingTopUp }},
		"cooling_spend":  {&l.CoolingSpend, func(r *rule.Limits) *int64 { return &r.CoolingSpend }},
		"offline_cap":    {&l.OfflineCap, func(r *rule.Limits) *int64 { return &r.OfflineCap }},
	}
}

// Rules are the limits as the issuer takes them, the file's over the defaults.
func (l *IssuerLimits) Rules() rule.Limits {
	r := rule.Defaults()
	r.Currency = payment.Currency(l.Currency)
	for _, a := range l.amounts() {
		if *a.given != 0 {
			*a.into(&r) = *a.given
		}
	}
	if l.OfflinePercent != 0 {
		r.OfflinePercent = l.OfflinePercent
	}
	if l.CertHours != 0 {
		r.CertHours = int(l.CertHours)
	}
	if d, err := time.ParseDuration(l.Cooling); err == nil { // check has refused what can't be read
		r.Cooling = d
	}
	if d, err := time.ParseDuration(l.SyncDelay); err == nil {
		r.SyncDelay = d
	}
	return r
}

// Files looks at the files that the issuer reads at its start.
func (c *Issuer) Files() Faults {
	l := looker{from: c.from}
	l.tls("phones.tls", c.Phones.TLS, true)
	l.tls("gateway.tls", c.Gateway.TLS, true)
	if c.Gateway.TokenFile != "" {
		l.secret("gateway.token_file", c.Gateway.TokenFile)
	}
	if c.Chain.Root != "" {
		l.readable("chain.root", c.Chain.Root)
	}
	if c.KnownPasswords != "" {
		l.readable("known_passwords", c.KnownPasswords)
	}
	if c.Messages.Kind == MessagesSMTP {
		l.tls("messages.smtp", TLS{CA: c.Messages.SMTP.CA}, false)
		l.credentials("messages.smtp.credentials_file", c.Messages.SMTP.CredentialsFile, false)
	}
	return l.faults.sorted()
}

// Here looks at all that the file names.
func (c *Issuer) Here() (faults, notes Faults) {
	l := looker{from: c.from, faults: c.Files()}
	l.data("data", c.Data, "tilld issuer init makes it")
	if c.Messages.Kind == MessagesSpool {
		l.made("messages.spool", c.Messages.Spool)
		l.note("messages.kind", "spool tells no customer anything: it is for a trial")
	}
	return l.faults.sorted(), l.notes.sorted()
}
