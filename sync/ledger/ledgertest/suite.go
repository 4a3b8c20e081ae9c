package ledgertest

import (
	"context"
	"testing"
	"time"

	"tilld/sync/ingest/ingesttest"
)

// Open makes an empty ledger for one test, whose clock is now.
type Open func(t *testing.T, now func() time.Time) Ledger

// Run runs the suite against ledgers that open makes.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*Bench)
	}{
		{"Terminals", testTerminals}, {"Documents", testDocuments}, {"VersionsRise", testVersionsRise}, {"VoidSettled", testVoidSettled}, {"Tokens", testTokens}, {"HQEpoch", testHQEpoch},
		{"Record", testRecord}, {"Overlap", testOverlap}, {"Gap", testGap}, {"UnknownTerminal", testUnknownTerminal},
		{"Beats", testBeats}, {"Entries", testEntries}, {"Forget", testForget},
		{"KeyChange", testKeyChange}, {"ForeignKey", testForeignKey}, {"RetiredKey", testRetiredKey}, {"KeyBehindFork", testKeyBehindFork},
		{"Fork", testFork}, {"ForkBeforeJudging", testForkBeforeJudging}, {"ForkFromTheStart", testForkFromTheStart},
		{"ManyForks", testManyForks}, {"Unrelated", testUnrelated}, {"ForkResolved", testForkResolved}, {"Siblings", testSiblings}, {"Roots", testRoots},
		{"Lost", testLost}, {"LostHQEpoch", testLostHQEpoch}, {"LostForGood", testLostForGood}, {"NothingLost", testNothingLost},
		{"Twins", testTwins}, {"TwinsWithOtherClocks", testTwinsWithOtherClocks}, {"NoTwins", testNoTwins}, {"AlarmEnds", testAlarmEnds}, {"PutBackJournal", testPutBackJournal},
		{"Post", testPost}, {"JudgeOnce", testJudgeOnce}, {"Training", testTraining}, {"SetAside", testSetAside},
		{"SpentTwice", testSpentTwice}, {"PaymentRepeated", testPaymentRepeated}, {"AccountDay", testAccountDay}, {"AccountOfAnotherWallet", testAccountOfAnotherWallet}, {"AccountEpochs", testAccountEpochs}, {"PolicyGoesBack", testPolicyGoesBack}, {"Refused", testRefused},
		{"Void", testVoid}, {"VoidWhereverItStands", testVoidWherever}, {"VoidUnmatched", testVoidUnmatched}, {"VoidFoul", testVoidFoul},
		{"DayClose", testDayClose}, {"DayCloseInAFork", testDayCloseInAFork}, {"RevokedTerminal", testRevokedTerminal},
		{"Resolve", testResolve}, {"ManyDecided", testManyDecided}, {"ResolveRefuses", testResolveRefuses}, {"ResolveSpent", testResolveSpent}, {"Lists", testLists},
		{"Cut", testCut}, {"CutInParts", testCutInParts}, {"CutTwice", testCutTwice}, {"AfterTheCut", testAfterTheCut},
		{"AdoptedBatch", testAdoptedBatch}, {"SettledBeforeTheRestore", testSettledBefore}, {"ForkedAfterTheRestore", testForkedAfter}, {"BatchConflicts", testBatchConflicts}, {"Coverage", testCoverage},
		{"Share", testShare}, {"ShareByArrivals", testShareByArrivals}, {"ShareInAFork", testShareInAFork}, {"ShareAfterTheRestore", testShareRestored},
		{"Online", testOnline}, {"OnlineUnknown", testOnlineUnknown}, {"OnlineContradicts", testOnlineContradicts}, {"OnlineReversed", testOnlineReversed},
		{"OnlineForked", testOnlineForked}, {"OnlineTwice", testOnlineTwice}, {"OnlineForkMeanwhile", testOnlineForkMeanwhile}, {"OnlineRevoked", testOnlineRevoked},
		{"ShareOfATwin", testShareOfATwin}, {"ShareOfUnknownHeads", testShareOfUnknownHeads},
		{"OnlinePutBack", testOnlinePutBack}, {"OnlineSettledFork", testOnlineSettledFork}, {"OnlineSettledTwin", testOnlineSettledTwin}, {"OnlineForgotten", testOnlineForgotten}, {"OnlineRaces", testOnlineRaces}, {"OnlineShare", testOnlineShare}, {"OnlineTakenBackAgain", testOnlineTakenBackAgain},
		{"Figures", testFigures}, {"FiguresOfADate", testFiguresOfADate}, {"Erase", testErase}, {"EraseEvidence", testEraseEvidence}, {"EraseUntold", testEraseUntold},
		{"Points", testPoints}, {"PointsOnce", testPointsOnce}, {"PointsOfALoss", testPointsOfALoss}, {"EraseMember", testEraseMember},
		{"Carried", testCarried}, {"CarriedRepeated", testCarriedRepeated}, {"CarriedFindings", testCarriedFindings},
		{"Present", testPresent}, {"ApprovedAfterAll", testApprovedAfterAll}, {"IssuerWord", testIssuerWord}, {"SettledUntil", testSettledUntil},
		{"Refund", testRefund}, {"RefundDrawn", testRefundDrawn}, {"RefundOffline", testRefundOffline}, {"RefundRefused", testRefundRefused}, {"RefundKept", testRefundKept}, {"RefundEntries", testRefundEntries}, {"RefundPutBack", testRefundPutBack}, {"RefundForked", testRefundForked},
		{"AnyOrder", testAnyOrder}, {"AnyStory", testAnyStory},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := ingesttest.NewChain(t)
			again := func() Ledger { return open(t, func() time.Time { return c.Now }) }
			test.run(&Bench{T: t, Ledger: again(), Chain: c, Ctx: context.Background(), Again: again})
		})
	}
}
