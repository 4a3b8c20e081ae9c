//go:build !unix

package files

// Writable is found out by writing, on this system.
func Writable(string) error { return nil }
