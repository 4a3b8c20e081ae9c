//go:build !unix

package config

// sameDisk is not known on this system.
func sameDisk(string, string) bool { return false }
