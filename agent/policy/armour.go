package policy

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrFile reports a file that is no join request or join answer of this release.
var ErrFile = errors.New("not a tilld join file")

// The first lines of the files that people carry. The number is the file's version.
const (
	requestHeader = "tilld join-request 1"
	answerHeader  = "tilld join-answer 1"
)

// maxFile bounds a file: an answer holds a trust bundle and a policy, in base64.
const maxFile = 2 * MaxDocument

// armour makes signed bytes into two lines of plain text, so that mail, chat and USB sticks carry them.
func armour(header string, signed []byte) []byte {
	return []byte(header + "\n" + base64.StdEncoding.EncodeToString(signed) + "\n")
}

// dearmour reads what armour wrote. Carriage returns and blank lines around are forgiven, since mail
// programs add them; nothing else is.
func dearmour(header string, file []byte) ([]byte, error) {
	if len(file) > maxFile {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrFile, len(file), maxFile)
	}
	text := strings.TrimSpace(strings.ReplaceAll(string(file), "\r\n", "\n"))
	first, rest, _ := strings.Cut(text, "\n")
	if first != header {
		return nil, fmt.Errorf("%w: the first line must be %q%s", ErrFile, header, hint(first))
	}
	if rest == "" || strings.ContainsAny(rest, "\r\n") { // base64's decoder would pass over both
		return nil, fmt.Errorf("%w: after the first line there must be just one more", ErrFile)
	}
	signed, err := base64.StdEncoding.Strict().DecodeString(rest)
	if err != nil {
		return nil, fmt.Errorf("%w: the second line is cut or changed: %w", ErrFile, err)
	}
	return signed, nil
}

// hint helps who took the wrong one of the two files.
func hint(first string) string {
	switch first {
	case requestHeader:
		return "; this is the lane's request, which HQ answers"
	case answerHeader:
		return "; this is HQ's answer, which the lane takes"
	}
	return ""
}
