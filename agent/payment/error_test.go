package payment

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestErrorText(t *testing.T) {
	tests := []struct {
		name, text, message string
		err                 error
		code                Code
		is                  error
	}{
		{"none", "", "", nil, "", nil},
		{"without a cause", "journal.Append: invalid: no sale 7", "no sale 7", Errorf(Invalid, "journal.Append", "no sale %d", 7), Invalid, nil},
		{"the cause is said once", "x.Y: retry: disk: EOF", "disk: EOF", Errorf(Retry, "x.Y", "disk: %w", io.EOF), Retry, io.EOF},
		{"two causes", "x.Y: conflict: EOF and short write", "EOF and short write", Errorf(Conflict, "x.Y", "%w and %w", io.EOF, io.ErrShortWrite), Conflict, io.ErrShortWrite},
		{"a cause for the log alone", "x.Y: internal: try again: EOF", "try again", &Error{Code: Internal, Op: "x.Y", Msg: "try again", Err: io.EOF}, Internal, io.EOF},
		{"wrapped", "opening: x.Y: forbidden: no", "no", fmt.Errorf("opening: %w", Errorf(Forbidden, "x.Y", "no")), Forbidden, nil},
		{"not classified", "EOF", "something went wrong on this machine; see its log", io.EOF, Internal, io.EOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := CodeOf(tt.err); got != tt.code {
				t.Errorf("code %q, want %q", got, tt.code)
			}
			if tt.err == nil {
				return
			}
			if got := tt.err.Error(); got != tt.text {
				t.Errorf("text %q, want %q", got, tt.text)
			}
			if got := MessageOf(tt.err); got != tt.message {
				t.Errorf("message %q, want %q", got, tt.message)
			}
			if tt.is != nil && !errors.Is(tt.err, tt.is) {
				t.Errorf("is not %v", tt.is)
			}
		})
	}
}
