// Package checkout decides: the sale as one explicit state machine, and the rules by which a lane takes a
// signed code without asking HQ. Apply is pure. The clock's reading, the policy, what the journal looked up
// and the identifiers come in as values; facts to be journalled and an answer for the screen come out.
//
//	                 Scan: refused
//	                  ┌─────────┐
//	OpenSale          ▼         │ Scan: approved         Complete
//	────────▶ Open ─▶ Refused ──┴──────────────▶ Paid ─────────────▶ Completed
//	           │         │                         │                     │
//	           └────┬────┘ Cancel                  └──────────┬──────────┘ Void
//	                ▼                                         ▼
//	            Cancelled                                  Voided
//
// An opaque code is its operator's to check, so HQ is asked. The intent is written down first, and an attempt ends by HQ's
// word or by being given up, never by silence:
//
//	                           Heard: paid
//	Open, Refused ──Scan──▶ asked ─────────────▶ Paid             asked is one of three phases:
//	      ▲                 │ │ │                                                 Heard
//	      │ Heard: not paid │ │ │ Park: the lane is free          Asking ──▶ Pending ◀──▶ Unknown
//	      ├─────────────────┘ │ ▼                                   └──Late: AskFor is over──▲
//	      │ GiveUp            │ State.Parked ──Heard: paid──────────────▶ settled ──Dismiss──▶ off the list
//	      └───────────────────┘            └──Heard: not paid, GiveUp──▶ and SaleCancelled
//
// GiveUp is what "taken back" is here: by the cashier, or by time (WaitFor). Reversed is written, the sale can be paid
// otherwise at once, and HQ gives back whatever comes of the attempt. Dismiss completes a sale that was paid and was opened
// at this lane. FallBack leaves Asking too: of a signed code HQ has not spoken in time, so the attempt is given up and the
// lane decides by itself, which leads to Paid or Refused as a Scan does.
//
// Open and Refused wait for a code (Refused remembers why the last one was not taken). From every other
// phase, and from Idle at the start, OpenSale begins the next sale; a sale that was paid and not completed
// stays so in the journal and can be completed later by its ID.
//
// Scan asks the rules in this order and stops at the first that refuses; what is cheap and what the cashier
// can do least about comes first:
//
//	lane         JournalStopped, NoPolicy, TerminalRevoked
//	sale         CurrencyMismatch, AmountNotEligible
//	code         UnknownCode, MalformedCode, UnknownIssuer, BadSignature, WalletDisabled, OnlineOnly
//	revocation   IssuerRevoked, KeyRevoked, AccountRevoked
//	time         ClockUntrusted, CertificateNotYet, CertificateExpired, CodeExpired, CodeFromFuture
//	place        OtherPlace
//	replay       CodeUsed, CounterNotAbove
//	right        CurrencyMismatch (of the certificate), OfflineTooLong, OverPaymentCap, UnboundAboveCap,
//	             OverAccountCap, OverAccountCount, OverShareSum, OverShareCount: policy.LaneTerms.Judge, which HQ asks again
//
// Three answers are no refusals and are not journalled. A code that is no payment code (goods, a carrier, a
// point card) is for the shop's POS. The very code that paid last is answered "already taken", with that
// payment: cashiers scan twice, and a red screen would make them charge twice. And any other payment code, shown
// after the sale was paid, is answered with that payment too, and that it was not charged itself.
//
// Where nobody can be asked, the customer's own phone can: Offer has the sale shown as a QR code, the phone pays it at the
// wallet's issuer, and the issuer's signed approval is scanned in Open or Refused. An approval is good for one payment of
// one lane, which the lane itself has named and journalled before it was shown; so it needs no clock, and can't be an old
// one. The rules about it, in their order:
//
//	lane         JournalStopped, NoPolicy, TerminalRevoked
//	approval     MalformedCode, UnknownIssuer, BadSignature
//	offer        ApprovalElsewhere, ApprovalUsed, ApprovalEnded, ApprovalDiffers
//	issuer       WalletDisabled, IssuerRevoked
//
// One that no sale waits for is answered with what becomes of the money: its issuer gives it back.
//
// What a reader would get wrong: nothing happened until the drafts are in the journal. The caller must not
// show an answer, nor keep the returned state, before that.
//
// Where the rules come to OnlineOnly ("code"), HQ is asked if the policy lets it, HQ answers and the clock is right; else
// the reason is OnlineOnly, HQAway or ClockUntrusted.
package checkout
