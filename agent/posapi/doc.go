// Package posapi is the lane's HTTP API for the shop's own POS program: it opens a sale, hears how it went,
// and says that it has the outcome.
//
//	POS                        lane
//	 ├─ POST /v1/sales ─────────▶ open        the customer shows a code
//	 │◀─ event sale.paid ──────── paid        or code.refused, and the next code
//	 └─ POST …/complete ────────▶ completed   until then the sale is listed as not completed
//
// A reader would easily get this wrong: neither an HTTP error nor a silent stream says that a sale is unpaid.
// The sale itself does (GET /v1/sales/{id}), and an Idempotency-Key makes opening one safe to repeat. Events
// are a convenience: who missed some is told so, and looks at the sales.
//
// Everybody on this machine may call the API and nobody else: Serve takes a loopback listener only, and the
// guard that the caller puts in front (ui/web has it) refuses foreign names and origins.
package posapi
