// Package rule holds what the house wallet's issuer may and may not do: pure functions over values. The clock's
// reading, the sums of an account and what was seen of it come in; a refusal, a stop or an amount comes out. Package
// house keeps the records and asks here before it writes.
//
// What a reader would get wrong: a day is the last 24 hours and never a calendar day. With a limit per calendar day a
// thief who comes at five to twelve takes two of them in ten minutes.
package rule
