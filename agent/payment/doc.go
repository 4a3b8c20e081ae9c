// Package payment is the vocabulary of tilld: money, identifiers, dates, the sale and its payments, the
// facts a lane signs, the reasons it refuses and the errors it reports.
//
// It does no I/O and knows no other package of the project. The integer keys on the fact types are not
// storage detail: a fact is what a terminal signs, so its keys are part of the signed format and are never
// reused (see Fact).
package payment
