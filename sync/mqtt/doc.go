// Package mqtt is the road between a lane and HQ: a client for plain MQTT 3.1.1 and a broker that
// runs in the process.
//
// The broker is a road, not a record. A nil error from Publish, and the broker's PUBACK behind it,
// mean that bytes left this process; they prove nothing about HQ. Brokers acknowledge and drop for
// a missing permission, for a reader that is slow and when nobody listens. Only what HQ signs says
// that HQ has something.
//
// Nothing is kept for a client that is away: sessions are clean on both sides, there is no store in
// the client, and what was under way when a connection ends may have arrived or not. Whoever sends
// must be ready to send again, and whoever receives to receive twice.
//
// To suit every broker (NATS, Mosquitto, RabbitMQ, EMQX, HiveMQ) there are no shared subscriptions,
// no retained messages, no wills, nothing of version 5, no white space in topics and no message
// over MaxMessage.
package mqtt
