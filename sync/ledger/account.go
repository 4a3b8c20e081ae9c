package ledger

import (
	"maps"
	"slices"

	"tilld/sync/wire"
)

// Account is a number of the chart of accounts.
type Account int

// The chart of accounts. ACCOUNTS.md says when each is posted to. The numbers are stored and never reused.
const (
	WalletReceivable  Account = 1100 // what wallets' issuers and operators owe the chain
	SuspenseClaims    Account = 1900 // claims that wait for a decision
	StorePayable      Account = 2100 // what the chain owes its stores, not yet in a batch
	SettlementPayable Account = 2400 // what closed batches say is to be paid out
	SuspenseHeld      Account = 2900 // what stores may get, once it is decided
	LossSpentTwice    Account = 5100 // a code spent twice within policy: the issuer's until resolved
	LossStore         Account = 5200 // over a cap, after expiry, at the wrong place: the store's
	LossUnverified    Account = 5300 // approvals that nothing proves
	LossFork          Account = 5400 // two histories of one journal
	LossStoreBorne    Account = 5290 // the part of 5200 that stores bear: it was not paid to them
)

// Type says on which side an account grows.
type Type string

// The types of account: assets and losses grow by debits, liabilities by credits.
const (
	Asset     Type = "asset"
	Liability Type = "liability"
	Loss      Type = "loss"
)

// AccountInfo is a row of the chart.
type AccountInfo struct {
	Account Account
	Name    string
	Type    Type
}

// Chart lists the accounts in order.
func Chart() []AccountInfo {
	return []AccountInfo{
		{WalletReceivable, "wallet receivable", Asset},
		{SuspenseClaims, "suspense claims", Asset},
		{StorePayable, "store payable", Liability},
		{SettlementPayable, "settlement payable", Liability},
		{SuspenseHeld, "suspense held for stores", Liability},
		{LossSpentTwice, "loss: code spent twice", Loss},
		{LossStore, "loss: outside the policy", Loss},
		{LossStoreBorne, "loss borne by stores", Loss},
		{LossUnverified, "loss: unverifiable approval", Loss},
		{LossFork, "loss: forked journal", Loss},
	}
}

// Kind names why something is an exception. The names are sent to lanes as the reason of a Result, stored,
// and never reused for anything else.
type Kind string

// The kinds of exception.
const (
	SpentTwice         Kind = "code_spent_twice"    // the code paid for another payment already
	PaymentRepeated    Kind = "payment_repeated"    // the payment's identifier was used by another entry
	Fork               Kind = "fork"                // the entry stands in one of two histories of its epoch
	TerminalRevoked    Kind = "terminal_revoked"    // it came after the terminal was revoked
	EvidenceMissing    Kind = "evidence_missing"    // no body, or no code in it
	EvidenceSealed     Kind = "evidence_unreadable" // it can't be unsealed, or is no code
	BadCode            Kind = "bad_code"            // the code's signatures do not hold
	UnknownIssuer      Kind = "unknown_issuer"      // certified by nobody that was trusted then
	ClaimsDiffer       Kind = "claims_differ"       // the code is not the one that the entry speaks of
	PolicyUnknown      Kind = "policy_unknown"      // the entry names a policy that HQ never signed, or an older one than before it
	OverCap            Kind = "over_cap"            // above what one payment may be
	OverAccount        Kind = "over_account_cap"    // above what the account may spend, or how often it may pay, in a day at one lane
	OverShare          Kind = "over_share"          // above the lane's offline share
	AfterExpiry        Kind = "after_expiry"        // the certificate, the code or the policy had run out
	OtherPlace         Kind = "other_place"         // the code was made for another store or lane
	WrongPlace         Kind = "wrong_place"         // the entry names another store or lane than its terminal's
	Revoked            Kind = "revoked"             // account, phone or issuer was revoked by the policy in force
	WrongCurrency      Kind = "currency_mismatch"   // not the currency of policy and certificate
	NotTaken           Kind = "wallet_not_taken"    // the policy in force did not allow the wallet
	AttemptUnknown     Kind = "attempt_unknown"     // HQ's books do not say that the operator was paid: they were put back; the operator is asked
	AttemptContradicts Kind = "attempt_contradicts" // HQ's own attempt says otherwise: declined, taken back, or of another payment
	RefundContradicts  Kind = "refund_contradicts"  // the books and the lane do not say the same of a refund
	Malformed          Kind = "malformed"           // an approval whose amount or names make no sense
	SetAside           Kind = "set_aside"           // holds what this release does not know
	Unpostable         Kind = "unpostable"          // the books refused it: a fault of HQ's own
	VoidUnmatched      Kind = "void_unmatched"      // no such payment to take back, or not this one
	VoidRepeated       Kind = "void_repeated"       // taken back already
	DayDiffers         Kind = "day_differs"         // the lane's totals of a day are not HQ's
	KeyRefused         Kind = "key_refused"         // a key change that HQ can't take
	EpochForked        Kind = "epoch_forked"        // an epoch has two histories: the alarm; its payments are kind fork
	EpochSibling       Kind = "epoch_sibling"       // two epochs continue the same one, or one goes on behind where it was left: perhaps a cloned terminal
	TerminalTwice      Kind = "terminal_twice"      // two journals of the terminal are alive: its data was copied, and both go on
	HQLost             Kind = "hq_lost"             // HQ's books were put back: they lack entries that HQ had acknowledged
)

// Owners decide exceptions.
const (
	OwnerDisputes   = "issuer-disputes"
	OwnerStore      = "store"
	OwnerRisk       = "risk"
	OwnerFinance    = "finance"
	OwnerOperations = "operations"
)

// kinds holds for each kind who decides it, where a loss goes, and what HQ makes of its entry. A kind whose
// loss account is zero concerns no money that was posted.
var kinds = map[Kind]struct {
	owner  string
	loss   Account
	status wire.Status
}{
	SpentTwice:         {OwnerDisputes, LossSpentTwice, wire.Suspense},
	PaymentRepeated:    {OwnerOperations, LossUnverified, wire.Suspense},
	Fork:               {OwnerOperations, LossFork, wire.Suspense},
	TerminalRevoked:    {OwnerOperations, LossUnverified, wire.Suspense},
	EvidenceMissing:    {OwnerRisk, LossUnverified, wire.Suspense},
	EvidenceSealed:     {OwnerRisk, LossUnverified, wire.Suspense},
	BadCode:            {OwnerRisk, LossUnverified, wire.Suspense},
	UnknownIssuer:      {OwnerRisk, LossUnverified, wire.Suspense},
	ClaimsDiffer:       {OwnerRisk, LossUnverified, wire.Suspense},
	PolicyUnknown:      {OwnerOperations, LossUnverified, wire.Suspense},
	OverCap:            {OwnerStore, LossStore, wire.Suspense},
	OverAccount:        {OwnerStore, LossStore, wire.Suspense},
	OverShare:          {OwnerStore, LossStore, wire.Suspense},
	AfterExpiry:        {OwnerStore, LossStore, wire.Suspense},
	OtherPlace:         {OwnerStore, LossStore, wire.Suspense},
	WrongPlace:         {OwnerOperations, LossUnverified, wire.Suspense},
	Revoked:            {OwnerStore, LossStore, wire.Suspense},
	WrongCurrency:      {OwnerStore, LossStore, wire.Suspense},
	NotTaken:           {OwnerStore, LossStore, wire.Suspense},
	AttemptUnknown:     {OwnerOperations, LossUnverified, wire.Suspense},
	AttemptContradicts: {OwnerOperations, LossUnverified, wire.Suspense},
	RefundContradicts:  {OwnerOperations, 0, wire.Rejected},
	Malformed:          {OwnerOperations, 0, wire.Rejected},
	SetAside:           {OwnerOperations, 0, wire.Suspense},
	Unpostable:         {OwnerOperations, 0, wire.Suspense},
	VoidUnmatched:      {OwnerOperations, 0, wire.Rejected},
	VoidRepeated:       {OwnerOperations, 0, wire.Rejected},
	DayDiffers:         {OwnerFinance, 0, wire.Recorded},
	KeyRefused:         {OwnerOperations, 0, wire.Rejected},
	EpochForked:        {OwnerOperations, 0, wire.Recorded},
	EpochSibling:       {OwnerOperations, 0, wire.Recorded},
	TerminalTwice:      {OwnerOperations, 0, wire.Recorded},
	HQLost:             {OwnerOperations, 0, wire.Recorded},
}

// Owner is who decides exceptions of this kind.
func (k Kind) Owner() string { return kinds[k].owner }

// Loss is the account that a loss of this kind goes to; 0: there is no money in it.
func (k Kind) Loss() Account { return kinds[k].loss }

// Status is what HQ makes of an entry with this exception.
func (k Kind) Status() wire.Status { return kinds[k].status }

// Known says whether k is one of the kinds above.
func (k Kind) Known() bool { _, ok := kinds[k]; return ok }

// Kinds lists every kind of exception, in order.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kinds)) }
