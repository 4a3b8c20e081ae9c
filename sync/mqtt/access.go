package mqtt

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// ErrAnonymous refuses a broker that machines beyond this one could use without saying who they are.
var ErrAnonymous = errors.New("mqtt: beyond loopback everybody signs in: with a name and password, or with a certificate")

// Rights are the topics that somebody may use at a Broker, as filters. What no filter covers is refused: a
// subscription by its SUBACK, a message silently, as MQTT 3.1.1 has it.
type Rights struct {
	Publish, Subscribe []string

	all bool // the owner's
}

// A Credential is a name and its password.
type Credential struct{ Name, Password string }

// A User signs in by name and password.
type User struct {
	Credential
	Rights
}

// check refuses what nobody could mean.
func (r Rights) check() error {
	for _, list := range [][]string{r.Publish, r.Subscribe} {
		for _, filter := range list {
			if err := checkFilter(filter); err != nil {
				return err
			}
		}
	}
	return nil
}

// permissions are the rights as the server has them.
func (r Rights) permissions() *server.Permissions {
	if r.all {
		return nil
	}
	return &server.Permissions{Publish: allow(r.Publish), Subscribe: allow(r.Subscribe)}
}

// allow writes filters the server's way. An empty list would allow everything; so nothing is denied ">".
func allow(filters []string) *server.SubjectPermission {
	if len(filters) == 0 {
		return &server.SubjectPermission{Deny: []string{">"}}
	}
	p := &server.SubjectPermission{}
	for _, f := range filters {
		p.Allow = append(p.Allow, subject(f))
	}
	return p
}

// subject is a filter as the server writes it. Topics of Rights are plain: no level is empty and none holds a
// dot, which the server would write otherwise.
func subject(filter string) string {
	return strings.NewReplacer("/", ".", "+", "*", "#", ">").Replace(filter)
}

// A door lets clients in and tells the server their rights. The server's own way of checking passwords would take
// one that looks like a hash for a hash.
type door struct {
	users map[string]User
	guest *Rights // of whoever gives neither name nor password; nil: he stays out
}

// door lets in the owner, who may everything, the named users, and guests when nobody is named.
func (c *BrokerConfig) door(owner Credential) *door {
	d := &door{users: map[string]User{owner.Name: {Credential: owner, Rights: Rights{all: true}}}}
	for _, u := range c.Users {
		d.users[u.Name] = u
	}
	if len(c.Users) == 0 {
		d.guest = &c.Guests
	}
	return d
}

// Check answers the server, for each client that connects.
func (d *door) Check(c server.ClientAuthentication) bool {
	rights, ok := d.rights(c.GetOpts().Username, c.GetOpts().Password)
	if ok {
		c.RegisterUser(&server.User{Username: c.GetOpts().Username, Permissions: rights.permissions()})
	}
	return ok
}

func (d *door) rights(name, password string) (Rights, bool) {
	if name == "" && password == "" && d.guest != nil {
		return *d.guest, true
	}
	u, ok := d.users[name]
	given, want := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(u.Password)) // takes as long whatever fits
	return u.Rights, subtle.ConstantTimeCompare(given[:], want[:]) == 1 && ok
}

// checkAccess refuses rights that can't be written and guests from elsewhere.
func (c *BrokerConfig) checkAccess(host string) error {
	seen := map[string]bool{}
	for _, u := range c.Users {
		if u.Name == "" || u.Password == "" || seen[u.Name] {
			return fmt.Errorf("mqtt: broker's user %q: want a name of its own and a password", u.Name)
		}
		seen[u.Name] = true
		if err := u.check(); err != nil {
			return fmt.Errorf("mqtt: broker's user %q: %w", u.Name, err)
		}
	}
	if len(c.Users) == 0 && !isLoopback(host) && !certified(c.TLS) {
		return fmt.Errorf("%w: listening on %s", ErrAnonymous, c.Listen)
	}
	return c.Guests.check()
}

// certified says that whoever connects has shown a certificate.
func certified(c *tls.Config) bool {
	return c != nil && c.ClientAuth == tls.RequireAndVerifyClientCert
}
