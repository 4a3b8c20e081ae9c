package config

import (
	"regexp"
	"strings"
	"testing"
)

const issuerAlone = "data = \"/d\"\n[messages]\nkind = \"spool\"\nspool = \"/s\"\n"

// TestIssuerErrorsNameLineAndKey, as a lane's and HQ's do.
func TestIssuerErrorsNameLineAndKey(t *testing.T) {
	c, err := ReadIssuer(write(t, issuerAlone))
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Limits.Rules(); r.TopUp != 20_000 || r.Currency != "JPY" || r.Validate() != nil {
		t.Errorf("%+v", r)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"no way to customers", strings.Replace(issuerAlone, `"spool"`, `"pigeon"`, 1), ":3: messages.kind: "},
		{"no spool", strings.Replace(issuerAlone, "spool = ", "# ", 1), "messages.spool: missing"},
		{"mail in the clear", strings.Replace(issuerAlone, `"spool"`, `"smtp"`, 1) + "[messages.smtp]\naddress = \"h:25\"\nfrom = \"a@b.example\"\nsecurity = \"none\"\n", ":8: messages.smtp.security: "},
		{"mail of nobody", strings.Replace(issuerAlone, `"spool"`, `"smtp"`, 1) + "[messages.smtp]\naddress = \"h:25\"\nfrom = \"a\"\n", ":7: messages.smtp.from: "},
		{"a pretend bank", issuerAlone + "[funding]\nphones = \"bank\"\n", ":6: funding.phones: "},
		{"a chain without its root", issuerAlone + "[chain]\nname = \"kita\"\n", ":6: chain.name: name and root go together"},
		{"phones without TLS", issuerAlone + "[phones]\naddress = \"0.0.0.0:1\"\n", ":6: phones.address: "},
		{"HQ without TLS", issuerAlone + "[gateway]\naddress = \"0.0.0.0:1\"\n", ":6: gateway.address: "},
		{"limits that don't fit", issuerAlone + "[limits]\ntop_up = 90000\n", "a day's or the balance's limit is below that of one"},
		{"another currency by halves", issuerAlone + "[limits]\ncurrency = \"TWD\"\n", "missing: of another currency"},
		{"no currency", issuerAlone + "[limits]\ncurrency = \"yen\"\n", ":6: limits.currency: "},
		{"a long time", issuerAlone + "[limits]\ncooling = \"a day\"\n", ":6: limits.cooling: "},
		{"below nothing", issuerAlone + "[limits]\nspend = -1\n", "limits: spend is -1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, tt.text)
			if _, err := ReadIssuer(file); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	c, err = ReadIssuer(write(t, issuerAlone+"[limits]\ntop_up = 1000\ncooling = \"48h\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Limits.Rules(); r.TopUp != 1000 || r.Cooling.Hours() != 48 {
		t.Errorf("%+v", r)
	}
	if _, err := ReadLane(write(t, issuerAlone)); err == nil || !strings.Contains(err.Error(), "tilld issuer -c") {
		t.Errorf("an issuer's file as a lane's: %v", err)
	}
}

// TestExampleIssuerBehindTheSigns: who takes the comment signs away has a configuration.
func TestExampleIssuerBehindTheSigns(t *testing.T) {
	text := regexp.MustCompile(`(?m)^# (\[|[a-z_]+ = )`).ReplaceAllString(IssuerExample, "$1")
	if _, err := ReadIssuer(write(t, text)); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}
