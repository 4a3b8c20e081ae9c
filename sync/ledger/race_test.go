//go:build race

package ledger_test

// tries of a property: the race detector makes SQLite thirty times slower, and what it looks for needs no thirty stories
// of each kind. Without it, as `make test` runs them, all are told.
const tries = "6"
