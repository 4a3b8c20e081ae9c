// Package emulate plays the wallet operators: one HTTP server that speaks each wallet's dialect, checks signatures as
// the operator would, and keeps one honest book of what customers were really charged. Demos, integrators' trials and
// the connectors' tests (sync/operator/operatortest) ask it over real HTTP; it can be told to misbehave in all the ways
// that operators and the networks before them do (Fault).
//
// What a reader would get wrong: a fault changes what is answered, or when, and never the book. Whoever wants to know
// what became of a charge asks the Book, not the answers.
//
// The dialects are written from the operators' public documents, as the connectors are (their package comments name the
// sources), and not from the operators' own servers: that both agree shows that a connector does what we read, not that
// we read rightly. It holds no real credential and moves no money; everything is in memory and bounded.
package emulate
