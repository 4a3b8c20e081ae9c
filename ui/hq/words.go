package hq

import (
	"fmt"
	"time"
)

// What other parts of tilld say and the catalogue has words for. A word that is not here yet is shown as it
// came.
var (
	owners = []string{"issuer-disputes", "store", "risk", "finance", OwnerOperations}
	kinds  = []string{
		"code_spent_twice", "payment_repeated", "fork", "terminal_revoked", "evidence_missing", "evidence_unreadable",
		"bad_code", "unknown_issuer", "claims_differ", "policy_unknown", "over_cap", "over_account_cap", "over_share",
		"after_expiry", "other_place", "wrong_place", "revoked", "currency_mismatch", "wallet_not_taken",
		"attempt_unknown", "attempt_contradicts", "refund_contradicts", "malformed",
		"set_aside", "unpostable", "void_unmatched", "void_repeated", "day_differs", "key_refused", "epoch_forked", "epoch_sibling",
		"terminal_twice", "hq_lost",
	}
)

// Owners are the owners to choose from.
func (ExceptionList) Owners() []string { return owners }

// Kinds are the kinds to choose from.
func (ExceptionList) Kinds() []string { return kinds }

// FindDays is how many days back payments are looked for by the end of their identifiers.
func (PaymentList) FindDays() int { return int(FindBack / (24 * time.Hour)) }

// WorstList is the overview's part of the list of terminals.
func (o Overview) WorstList() TerminalList {
	return TerminalList{Rows: o.Worst, PolicyLast: o.PolicyLast}
}

// SeenTone is the colour of how long the terminal has been silent.
func (t Terminal) SeenTone() string {
	if t.Silent <= Lately {
		return "good"
	}
	return "mid"
}

// Fine says that nothing is wrong with what HQ holds of the terminal. A closed shop is silent: that alone
// is nothing wrong.
func (t Terminal) Fine() bool {
	return t.Revoked == "" && !t.Forked && !t.Twice && len(t.Gaps) == 0 && len(t.Gone) == 0 && t.Behind == 0 && t.Waiting == 0 && t.Exceptions == 0 && !t.LastSeen.IsZero()
}

// JustNow says that the terminal was heard less than half a minute ago: counting seconds would only make the page
// flicker.
func (t Terminal) JustNow() bool { return t.Ago() == 0 }

// Ago is how long ago the terminal was heard, to the nearest minute within an hour.
func (t Terminal) Ago() time.Duration {
	if t.Silent < time.Hour {
		return t.Silent.Round(time.Minute)
	}
	return t.Silent
}

// Name is the end of the epoch's number, enough to tell two apart.
func (g Gap) Name() string { return fmt.Sprintf("%06x", g.Epoch&0xffffff) }

// ShortHash is the beginning of the content hash.
func (b Batch) ShortHash() string { return fmt.Sprintf("%x", b.Hash[:min(len(b.Hash), 6)]) }

// NumberedLine is a line with its place in the batch, from 1.
type NumberedLine struct {
	No int
	Line
}

// Numbered are the lines with their places.
func (b BatchDetail) Numbered() []NumberedLine {
	lines := make([]NumberedLine, len(b.Lines))
	for i, l := range b.Lines {
		lines[i] = NumberedLine{b.From + i + 1, l}
	}
	return lines
}
