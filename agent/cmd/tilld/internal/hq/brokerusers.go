package hq

import (
	"tilld/agent/payment"
	"tilld/sync/mqtt"
	"tilld/sync/wire"
)

// brokerUsers are those who may sign in at HQ's own broker. One who is named as a terminal may use that
// terminal's topics and no other's; any other name is one that lanes share.
func brokerUsers(list []mqtt.Credential) []mqtt.User {
	var users []mqtt.User
	for _, c := range list {
		rights := anyLane
		if terminal, err := payment.ParseID(c.Name); err == nil {
			rights = mqtt.Rights{Publish: []string{wire.UpTopic(terminal), wire.AskTopic(terminal)}, Subscribe: []string{wire.DownTopic(terminal), wire.AllTopic}}
		}
		users = append(users, mqtt.User{Credential: c, Rights: rights})
	}
	return users
}

// anyLane is what a lane needs of whose terminal the broker knows nothing. What it says is not believed for
// that: HQ goes by signatures.
var anyLane = mqtt.Rights{Publish: []string{wire.UpFilter(-1), wire.AskFilter(-1)}, Subscribe: []string{wire.DownFilter, wire.AllTopic}}
