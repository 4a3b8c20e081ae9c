// Package hqapi is HQ's HTTP API: settlement batches, payments, terminals and exceptions, for finance,
// operations and the programs that work for them.
//
// Who asks shows a bearer token, whose secret HQ never stores; what it may do is in its scopes. Lists are
// pulled by cursor. A reader would easily get this wrong: a settlement batch is not rendered from the
// ledger. Its bytes come raw from the archive, the same each time, and its ETag is the content hash.
//
// The server listens on loopback, or elsewhere with TLS, and refuses anything else (see Listen).
package hqapi
