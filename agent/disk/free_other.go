//go:build unix && !linux && !darwin && !freebsd

package disk

import "errors"

// Free is not known here.
func Free(string) (uint64, error) { return 0, errors.ErrUnsupported }
