// Package operator speaks to those who run wallets: it asks for money, finds out what became of a request, cancels
// and refunds. Each operator is a small adapter; what they have in common is here: one enum of outcomes, and the rules
// by which time decides (Rules).
//
//	                     Confirming ──┐ Query
//	         Pay            ▲         ▼
//	Charge ───────▶ Unknown ┴──▶ Paid | Declined        Cancel          Refund
//	                  │  ▲         │ ────────────▶ Reversed   ───────▶ Refunded
//	                  └──┘ Query   │                 ▲ TooLate: a refund is what is left
//	                               └─────────────────┘
//
// What a reader would get wrong: a call that failed has not failed to charge. Whatever a connector can't prove to be
// otherwise is Unknown: a time-out, a 5xx, a body that can't be read, an answer about another amount. NotSent is said
// only when no byte of the request left this machine. And Absent, an operator's "no such charge", says nothing about a
// request that is still on its way: see Rules.AbsentIsFinal.
//
// An Operator keeps no state of its own and decides nothing: whoever asks writes down first what it is about to ask,
// and asks again until the outcome is final.
package operator
