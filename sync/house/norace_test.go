//go:build !race

package house_test

// raced says that the race detector watches.
const raced = false
