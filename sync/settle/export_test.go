package settle

// Before lets tests outside of the package stop the archive before a step on the disk.
func (a *Archive) Before(stop func(op, path string) error) { a.before = stop }
