//go:build !race

package ledger_test

// tries of a property: each opens a database.
const tries = "30"
