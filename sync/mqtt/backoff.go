package mqtt

import (
	"math/rand/v2"
	"time"
)

// What Backoff stays between, before jitter.
const (
	backoffFirst = time.Second
	backoffMost  = 30 * time.Second
)

// stableAfter is how long a connection must have lasted to count as a success. A broker that
// accepts and then throws the client out at once (a second client with the same ID, a permission)
// must not be asked again without pause. Longer would be wrong: a cluster whose nodes are restarted one after
// the other throws everybody out a few times within a minute.
const stableAfter = 10 * time.Second

// Backoff is the default wait before the next attempt after so many failures in a row (of all the brokers, where there are several): one second,
// doubled each time up to 30, of which a random half is taken off, so that thousands of lanes do
// not come back at the same moment.
func Backoff(failures int) time.Duration {
	return backoff(failures, rand.Float64())
}

// backoff is Backoff with its chance: 0 <= luck < 1.
func backoff(failures int, luck float64) time.Duration {
	d := backoffMost
	if failures < 5 { // 1, 2, 4, 8, 16, then 30
		d = min(d, backoffFirst<<max(failures, 0))
	}
	return d - time.Duration(luck*float64(d/2))
}
