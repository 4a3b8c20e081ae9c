package mqtt

import (
	"crypto/rand"
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

// users are all who may sign in: the owner, who may everything, the named ones, and without any of these one
// whom nobody can name and who stands for everybody else.
func (c *BrokerConfig) users(owner Credential) (users []*server.User, guest string) {
	users = append(users, &server.User{Username: owner.Name, Password: owner.Password})
	named := c.Users
	if len(named) == 0 {
		guest = "guest-" + rand.Text()
		named = []User{{Credential{guest, rand.Text()}, c.Guests}}
	}
	for _, u := range named {
		users = append(users, &server.User{Username: u.Name, Password: u.Password, Permissions: u.permissions()})
	}
	return users, guest
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
