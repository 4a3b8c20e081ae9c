//go:build race

package house_test

// raced says that the race detector watches, which makes SQLite thirty times slower. What it looks for needs neither
// hundreds of stories of the money nor dozens of robberies: without it all are played (see the Makefile).
const raced = true
