package config

// Files looks at the files that a lane reads at its start: certificates, keys, credentials, device profile, and
// whether the second medium is there.
func (c *Lane) Files() Faults {
	l := looker{from: c.from}
	l.tls("broker.tls", c.Broker.TLS, false)
	l.tls("hq.tls", c.HQ.TLS, false)
	l.credentials("broker.credentials_file", c.Broker.CredentialsFile, false)
	l.profile("scanner.profile", c.Scanner)
	l.second("second", c.Second)
	return l.faults.sorted()
}

// Here looks at all that the file names. What is no fault and worth knowing is a note: a scanner that is not
// plugged in now is an ordinary thing, and the program waits for it.
func (c *Lane) Here() (faults, notes Faults) {
	l := looker{from: c.from, faults: c.Files()}
	l.data("data", c.Data, "tilld lane init makes it")
	l.device("scanner.path", c.Scanner.Path)
	l.made("scanner.locks", c.Scanner.Locks)
	if c.Second != "" && sameDisk(c.Second, c.Data) {
		l.note("second", "%s is on the same disk as data, and would be lost with it", c.Second)
	}
	return l.faults.sorted(), l.notes.sorted()
}

// Files looks at the files that HQ reads at its start: certificates, keys and credentials.
func (c *HQ) Files() Faults { return c.look().faults.sorted() }

func (c *HQ) look() *looker {
	l := &looker{from: c.from}
	if c.Embedded.Listen != "" {
		l.tls("embedded_broker.tls", c.Embedded.TLS, true)
		l.credentials("embedded_broker.credentials_file", c.Embedded.CredentialsFile, true)
	} else {
		l.tls("broker.tls", c.Broker.TLS, false)
		l.credentials("broker.credentials_file", c.Broker.CredentialsFile, false)
	}
	l.tls("serve.tls", c.Serve.TLS, true)
	l.operators(c.Operators, c.Shops, c.Wallets())
	return l
}

// Here looks at all that the file names.
func (c *HQ) Here() (faults, notes Faults) {
	l := c.look()
	l.unused(c.Wallets(), c.issuers())
	l.data("data", c.Data, "tilld hq init makes it")
	return l.faults.sorted(), l.notes.sorted()
}
