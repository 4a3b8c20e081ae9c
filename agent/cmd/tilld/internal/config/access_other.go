//go:build !unix

package config

// writable is found out by writing, on this system.
func writable(string) error { return nil }

// sameDisk is not known on this system.
func sameDisk(string, string) bool { return false }
