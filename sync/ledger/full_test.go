package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// TestFull: a full disk has a name, nothing of what was to be written is there, and with room the ledger goes on.
func TestFull(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, filepath.Join(t.TempDir(), "hq.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	limit := func(pages int) {
		t.Helper()
		if err := s.w.conn.QueryRowContext(ctx, fmt.Sprintf("PRAGMA max_page_count=%d", pages)).Scan(&pages); err != nil {
			t.Fatal(err)
		}
	}
	doc := Document{Kind: PolicyDocument, Version: 1, Sealed: bytes.Repeat([]byte("x"), 1<<20)}
	limit(1) // SQLite takes the pages that there are for the least
	if err := s.AddDocument(ctx, doc); !errors.Is(err, ErrFull) {
		t.Errorf("on a full disk: %v, want ErrFull", err)
	}
	if n, err := s.Newest(ctx, PolicyDocument); err != nil || n != 0 {
		t.Errorf("version %d is there, %v", n, err)
	}
	limit(1 << 20)
	if err := s.AddDocument(ctx, doc); err != nil {
		t.Errorf("with room: %v", err)
	}
}
