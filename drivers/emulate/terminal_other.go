//go:build !unix

package emulate

import (
	"os"

	"github.com/creack/pty"
)

// terminal does not exist on a system without pseudo-terminals.
type terminal struct {
	name   string
	master *os.File
	gone   chan struct{}
}

func openTerminal() (*terminal, error) { return nil, pty.ErrUnsupported }

func (t *terminal) close() {}
