package operator

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
)

// ErrConfig reports a configuration or a credential with which an operator can't be reached.
var ErrConfig = errors.New("operator configuration")

// MaxTimeout is the longest time that one call may be given.
const MaxTimeout = 2 * time.Minute

// Reach is how to get to an operator, the same for all connectors.
type Reach struct {
	BaseURL string           // scheme and host, https unless the host is this machine: "https://api.example.com"; no path
	Timeout time.Duration    // for one call; 0: the connector's own, from the operator's documents
	Roots   *x509.CertPool   // who may have signed the operator's certificate; nil: whom this machine trusts
	Now     func() time.Time // nil: time.Now
	Random  io.Reader        // of nonces; nil: crypto/rand
}

// Validate says what is wrong with it: an ErrConfig.
func (r *Reach) Validate() error {
	u, err := url.Parse(r.BaseURL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return fmt.Errorf("%w: the base URL is not a URL with a host", ErrConfig) // its text may hold a password
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return fmt.Errorf("%w: the base URL of %s must be https", ErrConfig, u.Host)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery || strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("%w: the base URL of %s must be scheme and host alone", ErrConfig, u.Host)
	case r.Timeout < 0 || r.Timeout > MaxTimeout:
		return fmt.Errorf("%w: a time-out of %s is not within 0..%s", ErrConfig, r.Timeout, MaxTimeout)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// filled is r with its defaults.
func (r Reach) filled(timeout time.Duration) Reach {
	if r.Timeout == 0 {
		r.Timeout = timeout
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Random == nil {
		r.Random = rand.Reader
	}
	return r
}
