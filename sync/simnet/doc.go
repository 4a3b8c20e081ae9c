// Package simnet is virtual time and a bad broker, for tests that run a whole system from one seed.
//
// A Loop is the time: events happen one after the other in one goroutine, by their moment and then by the order
// in which they were asked for. A Broker carries messages between clients as MQTT does with clean sessions, and
// as badly as Faults say: it loses, repeats, delays, overtakes, damages, sends under another's topic, takes and
// forgets, and brings back what it carried last week.
//
// A reader would easily get this wrong: Send without an error says nothing. Most brokers that were tried
// acknowledge what they then lose, so this one never says that anything was lost.
package simnet
