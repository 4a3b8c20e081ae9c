package ledger

import (
	"context"
	"database/sql"
)

// ask asks a constant question that comes with every message or round. It stays prepared on each reading connection:
// to prepare it took longer than to answer it. A text that is put together each time must not come here, for it would
// never be let go.
func (s *Store) ask(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if st, ok := s.asked.Load(query); ok {
		return st.(*sql.Stmt).QueryContext(ctx, args...)
	}
	fresh, err := s.readers.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	st, ok := s.asked.LoadOrStore(query, fresh)
	if ok {
		_ = fresh.Close() // somebody was faster; nothing depends on this one
	}
	return st.(*sql.Stmt).QueryContext(ctx, args...)
}

func (s *Store) closeAsked() (errs []error) {
	s.asked.Range(func(_, st any) bool {
		errs = append(errs, st.(*sql.Stmt).Close())
		return true
	})
	return errs
}
