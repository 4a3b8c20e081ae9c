// Package authorise is HQ's side of an online payment: it asks the wallet operator on behalf of a lane, and owns every
// attempt from the moment at which it is written down until nothing can come of it any more.
//
//	          Ask                                        Complete
//	────────▶ Asked ─┬─▶ Paid ─────────────────────────────────────▶ Completed
//	            ▲│   │    │ Reverse
//	            ││   │    ▼                   ┌─ the operator charged after all
//	            ││   ├─▶ Reversing ──▶ Closed ┘
//	            ││   │    │ ▲   └────▶ Manual: a person credits the customer
//	            │▼   │    │ │ Reverse, or nobody answered in time
//	         Confirming, Doubtful
//	                 │
//	                 └─▶ Declined
//
// Undo (a void, or a loss that a person decided on) leads from Completed to Reversing. A lane's Complete that comes when
// HQ does not know yet that it was paid makes the attempt claimed; the operator's word then leads to Completed at once.
//
// Step is pure: an attempt, an event and the time come in, the attempt as it is now comes out, and with it what is to
// be done next and when (Call, Due). A Desk writes that down, and only then does it: behind a crash the row says what
// may have been asked, and the Desk finds out. So the same code runs a payment that takes a second and one that takes
// a day.
//
// What keeps a customer from being charged twice, or charged for nothing (the design's "one charge"):
//
//   - A charge is sent once. What became of it is found out by queries, never by sending it again.
//   - The row is there before the operator is asked, so no charge is unknown to HQ.
//   - Of one payment at most one attempt is open or paid (Store.Begin).
//   - A reversal of an attempt that HQ has not heard of leaves a tombstone under its reference: the request that it
//     overtook is never asked. A request that comes later than its lane waits for (Request.NotAfter) isn't either.
//   - An attempt that was taken back is looked at once more when the operator can't have anything of it on its way any
//     longer (operator.Rules.AbsentIsFinal): some approve after a cancel.
//   - What the lane may have taken for paid (Claim) is not given up when the operator does not answer: HQ's books may have
//     been put back to before it knew, and the goods be gone.
//   - What is completed is taken back by a void or a person's decision alone (Undo).
//   - What is paid and of which the lane says nothing is reported, and never taken back on silence alone: the goods may
//     be gone.
//
// What a reader would get wrong: the customer's code is nowhere in here but in Request. It dies with the request; after
// a crash a charge can't be sent any more, and need not be.
package authorise
