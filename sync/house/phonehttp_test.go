package house_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
)

// app is a phone's program, over HTTP.
type app struct {
	*housetest.Customer
	url     string
	session string
}

type fields map[string]any

// call asks and decodes, and gives the status.
func (a *app) call(method, path string, in any) (int, fields) {
	a.T.Helper()
	body, err := json.Marshal(in)
	a.Must(err)
	req, err := http.NewRequestWithContext(a.Ctx, method, a.url+house.PhonePrefix+path, bytes.NewReader(body))
	a.Must(err)
	req.Header.Set("Authorization", "Bearer "+a.session)
	res, err := http.DefaultClient.Do(req)
	a.Must(err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	a.Must(err)
	out := fields{}
	if err := json.Unmarshal(raw, &out); err != nil {
		a.T.Fatalf("%s %s: %q", method, path, raw)
	}
	return res.StatusCode, out
}

func (a *app) want(status int, method, path string, in any) fields {
	a.T.Helper()
	got, out := a.call(method, path, in)
	if got != status {
		a.T.Fatalf("%s %s: %d %v, want %d", method, path, got, out, status)
	}
	return out
}

// proof signs as the phone does, over a challenge that it asks for.
func (a *app) proof(p house.Purpose, details ...string) fields {
	a.T.Helper()
	ch, _ := a.want(200, "POST", "/challenge", fields{})["challenge"].(string)
	sig, err := a.Phone.Sign(house.Statement(p, house.Secret(ch), details...))
	a.Must(err)
	return fields{"challenge": ch, "signature": sig}
}

// TestPhone goes through a customer's day over HTTP.
func TestPhone(t *testing.T) {
	o := &outside{}
	b := housetest.New(t, withOutside(o))
	h := httptest.NewServer(b.Issuer.PhoneHandler())
	t.Cleanup(h.Close)
	a := &app{Customer: b.Stranger("hanako"), url: h.URL}
	password := string(a.Password)
	out := a.want(200, "POST", "/accounts", fields{"login": "hanako", "contact": a.Contact, "password": password,
		"key": a.Phone.Public().Compressed(), "proof": a.proof(house.ForEnrol, "hanako", a.Contact)})
	recovery, _ := out["recovery"].([]any)
	if len(recovery) != 8 {
		t.Fatalf("%v", out)
	}
	a.want(422, "POST", "/accounts/confirm", fields{"ticket": "guessed"})
	a.want(200, "POST", "/accounts/confirm", fields{"ticket": string(b.Mail.Last(house.ConfirmTicket, a.Contact).Ticket)})
	a.want(401, "GET", "/account", nil)
	if _, out := a.call("POST", "/sessions", fields{"login": "hanako", "password": password, "proof": a.proof(house.ForSignIn, "taro")}); out["session"] != nil || out["message"] != rule.NotProven.Error() {
		t.Errorf("a wrong proof: %v", out)
	}
	signIn := func() {
		t.Helper()
		a.session, _ = a.want(200, "POST", "/sessions", fields{"login": "hanako", "password": password, "proof": a.proof(house.ForSignIn, "hanako")})["session"].(string)
	}
	signIn()
	topUp := fields{"ref": "T1", "amount": fields{"minor": 3000, "currency": "JPY"}, "source": "card", "proof": a.proof(house.ForTopUp, "T1", "3000", "card")}
	if out := a.want(200, "POST", "/topups", topUp); out["state"] != "credited" {
		t.Errorf("%v", out)
	}
	a.want(200, "POST", "/certificate", fields{"proof": a.proof(house.ForCertificate)})
	view := a.want(200, "GET", "/account", nil)
	if balance, _ := view["balance"].(map[string]any); balance["minor"] != float64(3000) {
		t.Errorf("%v", view)
	}
	out = a.want(200, "POST", "/recovery", fields{"password": password, "proof": a.proof(house.ForRecovery)})
	if recovery, _ = out["recovery"].([]any); len(recovery) != 8 {
		t.Fatalf("%v", out)
	}
	begun := a.want(200, "POST", "/outside", fields{"provider": "id"})
	state, _ := begun["state"].(string)
	finish := func(p house.Purpose) fields {
		return fields{"state": state, "code": "https://id.example u1 " + o.begun[1] + " " + o.begun[2], "proof": a.proof(p, state)}
	}
	link := finish(house.ForLink)
	link["password"] = password
	a.want(200, "POST", "/outside/links", link)
	state, _ = a.want(200, "POST", "/outside", fields{"provider": "id"})["state"].(string)
	a.session, _ = a.want(200, "POST", "/outside/sessions", finish(house.ForOutside))["session"].(string)
	a.want(200, "GET", "/account", nil)
	const next = "hanako@new.example.jp"
	a.want(200, "POST", "/contact", fields{"contact": next, "password": password, "proof": a.proof(house.ForContact, next)})
	a.want(200, "POST", "/contact/prove", fields{"ticket": string(b.Mail.Last(house.NewContactTicket, next).Ticket)})
	a.want(200, "POST", "/contact/keep", fields{"ticket": string(b.Mail.Last(house.KeepContactTicket, a.Contact).Ticket)})
	a.want(200, "POST", "/reset", fields{"login": "hanako"})
	password = "quite another long phrase"
	a.want(200, "POST", "/reset/password", fields{"ticket": string(b.Mail.Last(house.ResetTicket, a.Contact).Ticket), "password": password})
	a.want(401, "GET", "/account", nil)
	old := a.Phone
	a.Phone = housetest.Key(t, "second")
	key := a.Phone.Public().Compressed()
	bind := fields{"login": "hanako", "password": password, "key": key, "new": a.proof(house.ForBindNew, "hanako"), "recovery": recovery[0]}
	a.want(200, "PUT", "/accounts/phone", bind)
	signIn()
	a.Phone = old
	a.want(401, "POST", "/topups", topUp)
	a.want(200, "DELETE", "/sessions", nil)
	a.want(401, "GET", "/account", nil)
}

// TestPhoneForm sends what no phone sends, and looks whether the answer repeats it.
func TestPhoneForm(t *testing.T) {
	b := housetest.New(t, nil)
	for name, body := range map[string]string{
		"no JSON": "password=canary", "unknown name": `{"login":"x","pin":"canary"}`, "two values": `{} {"password":"canary"}`,
		"a number": `{"login":7,"password":"canary"}`, "long": `{"login":"` + strings.Repeat("canary", 5_000) + `"}`,
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", house.PhonePrefix+"/sessions", strings.NewReader(body))
		w := httptest.NewRecorder()
		if b.Issuer.PhoneHandler().ServeHTTP(w, r); w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// FuzzPhoneHTTP sends anything to any path. None fails inside, and none opens a session.
func FuzzPhoneHTTP(f *testing.F) {
	b := housetest.New(f, func(c *house.Config) { c.Limits.Watch.Asks.Count = never })
	h := b.Issuer.PhoneHandler()
	for _, path := range []string{"/challenge", "/accounts", "/sessions", "/accounts/phone", "/reset", "/reset/password", "/outside", "/outside/sessions", "/topups", "/certificate", "/contact"} {
		f.Add("POST", path, `{}`)
		f.Add("PUT", path, `{"login":"hanako","password":"x","key":"AAAA","new":{"challenge":"x","signature":"AA=="}}`)
	}
	f.Add("POST", "/sessions", `{"login":"hanako","password":"x","proof":{"challenge":"x","signature":"AA=="}}`)
	f.Add("POST", "/accounts", `{"login":"hanako","contact":"a@b.cd","password":"a long enough phrase","key":"AgAA","proof":{"challenge":"","signature":null}}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://x"+house.PhonePrefix+path, strings.NewReader(body))
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.7:1"
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code >= 500 || strings.Contains(w.Body.String(), `"session":"`) && w.Code == 200 {
			t.Errorf("%s %s: %d", method, path, w.Code)
		}
	})
}
