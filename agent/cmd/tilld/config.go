package main

import (
	"fmt"
	"os"

	"tilld/agent/cmd/tilld/internal/config"
)

type configCmd struct {
	Check   configCheckCmd   `cmd:"" help:"Say whether a file is a valid configuration, and of which role."`
	Example configExampleCmd `cmd:"" help:"Print a commented configuration."`
}

type configCheckCmd struct {
	Offline bool   `help:"Check the text alone, and nothing of this machine: for a file that is meant for another one."`
	File    string `arg:"" help:"A lane's, HQ's or an issuer's configuration file." type:"path"`
}

// Help says what is looked at, and as whom.
func (configCheckCmd) Help() string {
	return `Looks at the text, and at what it names on this machine: certificates, keys, credentials, the device profile, the
scanner, the directories. All that is wrong with the text is told at once; what it names is looked at when the text is
right. Whether files may be read and written depends on who asks, so ask as the user that tilld runs as:

    sudo -u tilld tilld config check /etc/tilld/lane.toml

Exit code 1: something would keep tilld, or a part of it, from working. A line that begins with "note" is no such thing.`
}

// Run prints the role, or the faults with file, line and key.
func (c configCheckCmd) Run(std streams) error {
	conf, err := config.Read(c.File)
	if err != nil {
		return negative(std, err)
	}
	what := fmt.Sprintf("%s: a valid configuration for tilld %s", c.File, conf.Role())
	if c.Offline {
		_, err = fmt.Fprintln(std.out, what+"; what it names was not looked at")
		return err
	}
	faults, notes := conf.Here()
	for _, n := range notes {
		if _, err := fmt.Fprintln(std.out, "note:", n); err != nil {
			return err
		}
	}
	if os.Geteuid() == 0 {
		if _, err := fmt.Fprintln(std.out, "note: root may read and write everything; ask as the user that tilld runs as"); err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return faulty(std, faults)
	}
	what += ", and what it names is here"
	if len(notes) > 0 {
		what += ", but for what is noted above"
	}
	_, err = fmt.Fprintln(std.out, what)
	return err
}

// faulty prints faults, one a line, and makes the exit code say so.
func faulty(std streams, faults config.Faults) error {
	for _, f := range faults {
		fmt.Fprintln(std.err, f)
	}
	return errNegative
}

type configExampleCmd struct {
	Role string `arg:"" enum:"lane,hq,issuer" help:"lane, hq or issuer."`
}

// Run prints the example as it is shipped.
func (c configExampleCmd) Run(std streams) error {
	text := map[string]string{config.RoleLane: config.LaneExample, config.RoleHQ: config.HQExample, config.RoleIssuer: config.IssuerExample}[c.Role]
	_, err := fmt.Fprint(std.out, text)
	return err
}
