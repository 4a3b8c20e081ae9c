package main

import (
	"fmt"

	"tilld/agent/cmd/tilld/internal/config"
)

type configCmd struct {
	Check   configCheckCmd   `cmd:"" help:"Say whether a file is a valid configuration, and of which role."`
	Example configExampleCmd `cmd:"" help:"Print a commented configuration."`
}

type configCheckCmd struct {
	File string `arg:"" help:"A lane's or HQ's configuration file." type:"path"`
}

// Run prints the role, or the first fault with file, line and key.
func (c configCheckCmd) Run(std streams) error {
	role, err := config.Check(c.File)
	if err != nil {
		fmt.Fprintln(std.err, err)
		return errNegative
	}
	_, err = fmt.Fprintf(std.out, "%s: a valid configuration for tilld %s\n", c.File, role)
	return err
}

type configExampleCmd struct {
	Role string `arg:"" enum:"lane,hq" help:"lane or hq."`
}

// Run prints the example as it is shipped.
func (c configExampleCmd) Run(std streams) error {
	text := config.LaneExample
	if c.Role == "hq" {
		text = config.HQExample
	}
	_, err := fmt.Fprint(std.out, text)
	return err
}
