// Package operatortest is the suite that every connector to a wallet operator passes: over real HTTP, against an operator
// that misbehaves (sync/operator/emulate) and keeps an honest book of what the customer was really charged.
//
// What a reader would get wrong: the suite doesn't show that a connector speaks as the real operator does, only that it
// speaks as its documents were read, and that whatever comes back it never says paid, declined, reversed or refunded when
// the book says otherwise.
package operatortest

import (
	"testing"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

// Setup is a connector, and what its operator can say.
type Setup struct {
	Wallet   emulate.Wallet
	Party    emulate.Party    // the shop, as the emulator knows it
	Currency payment.Currency // that the operator takes
	Shop     operator.Shop
	// Open makes the connector to an operator at reach; with credentials of its own, or others.
	Open func(t testing.TB, reach operator.Reach, good bool) operator.Operator
	// Secrets may show up nowhere, Hidden may not print them.
	Secrets []string
	Hidden  []any
	// Why is what the dialect makes of a cause that it has no word for; nil: it has all.
	Why map[operator.Why]operator.Why
	// AnyCurrency says that the operator decides which currencies it takes.
	AnyCurrency bool
	// NamesCurrency says that answers name the currency, RefundNames that a refund's answer names what it refunds.
	NamesCurrency, RefundNames bool
	// RefundHides says that a query calls a charge refunded from the first part on.
	RefundHides bool
	// CancelsPaid says that a paid charge can be cancelled; else it can only be refunded, always.
	CancelsPaid bool
	// Guards says that the operator refuses the same amount from the same customer within minutes.
	Guards bool
}

// Test runs the suite.
func Test(t *testing.T, s Setup) {
	for _, test := range []struct {
		name string
		run  func(*bench)
	}{
		{"Rules", testRules}, {"Hidden", testHidden}, {"Paid", testPaid}, {"PaidAgain", testPaidAgain}, {"RefOfAnother", testRefOfAnother},
		{"Declined", testDeclined}, {"Duplicate", testDuplicate}, {"NotAsked", testNotAsked},
		{"Lost", testLost}, {"Slow", testSlow}, {"LateAfterCancel", testLateAfterCancel}, {"Foul", testFoul}, {"FoulQuery", testFoulQuery},
		{"Mismatch", testMismatch}, {"Echo", testEcho}, {"Twice", testTwice}, {"OutOfOrder", testOutOfOrder}, {"Stale", testStale},
		{"Refused", testRefused}, {"TLS", testTLS}, {"Redirect", testRedirect}, {"Credentials", testCredentials}, {"Context", testContext},
		{"Confirmed", testConfirmed}, {"SaidNo", testSaidNo}, {"NeverSaid", testNeverSaid},
		{"Cancel", testCancel}, {"CancelWindow", testCancelWindow}, {"CancelNothing", testCancelNothing}, {"CancelLost", testCancelLost}, {"CancelUnheard", testCancelUnheard}, {"CancelBound", testCancelBound},
		{"Refund", testRefund}, {"RefundParts", testRefundParts}, {"RefundLost", testRefundLost}, {"RefundBlind", testRefundBlind}, {"RefundOver", testRefundOver}, {"RefundNothing", testRefundNothing}, {"RefundMismatch", testRefundMismatch},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(newBench(t, s)) })
	}
}
