package hqapi

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
	"tilld/sync/settle"
)

// ProofInput names a payment in a batch.
type ProofInput struct {
	ID      string `path:"id" doc:"Identifier of the batch."`
	Payment string `path:"payment" doc:"Identifier of the payment."`
}

// LineProof proves one line. A payment has several when it was, say, voided in the same batch.
type LineProof struct {
	Kind   settle.Kind        `json:"kind" enum:"payment,void,refund,adjustment"`
	Amount int64              `json:"amount" doc:"Minor units."`
	Index  uint64             `json:"index" doc:"Number of the leaf."`
	Size   uint64             `json:"size" doc:"Number of leaves."`
	Leaf   string             `json:"leaf" doc:"What is hashed: the line's CSV record."`
	Path   []settle.EntryHash `json:"path" nullable:"false" doc:"Sibling hashes from the leaf upward (RFC 9162, 2.1.3)."`
}

// ProofView shows that a payment is in a batch, without the other payments.
type ProofView struct {
	Batch       payment.ID       `json:"batch"`
	Payment     payment.ID       `json:"payment"`
	ContentHash settle.EntryHash `json:"content_hash"`
	Proofs      []LineProof      `json:"proofs" nullable:"false"`
}

func (a *API) addProof(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-proof", Method: http.MethodGet, Path: "/v1/settlements/{id}/proof/{payment}", Tags: []string{"settlements"},
		Summary:     "Prove that a payment is in a batch",
		Description: "Each proof leads from the line to the batch's content hash, as in RFC 9162, and tells nothing about other payments.",
		Security:    needs(ScopeRead), Errors: itemErrors,
	}, a.getProof)
}

type proofOutput struct{ Body ProofView }

func (a *API) getProof(ctx context.Context, in *ProofInput) (*proofOutput, error) {
	id, err := parseID("id", in.ID)
	if err != nil {
		return nil, err
	}
	of, err := parseID("payment", in.Payment)
	if err != nil {
		return nil, err
	}
	row, err := a.books.Batch(ctx, id)
	if err != nil {
		return nil, a.failed(ctx, "prove payment", err)
	}
	b, err := a.last.load(a.archive, row.ID)
	if err == nil && b.Root != row.Root {
		err = fmt.Errorf("batch %s: the ledger has the content hash %s, the archive %s", id, row.Root, b.Root)
	}
	if err != nil {
		return nil, a.failed(ctx, "prove payment", err)
	}
	out := &proofOutput{ProofView{Batch: id, Payment: of, ContentHash: b.Root}}
	for _, n := range b.Find(of) {
		p, err := b.Proof(n)
		if err != nil {
			return nil, a.failed(ctx, "prove payment", err)
		}
		l := &b.Lines[n]
		out.Body.Proofs = append(out.Body.Proofs, LineProof{Kind: l.Kind, Amount: l.Amount, Index: p.Index, Size: p.Size, Leaf: p.Leaf, Path: p.Path})
	}
	if len(out.Body.Proofs) == 0 {
		return nil, httpapi.ProblemOf(payment.NotFound, "the payment is not in this batch")
	}
	return out, nil
}

// lastBatch keeps the batch that was proved from last: proofs come in series, and reading a large batch
// back takes a second.
type lastBatch struct {
	mu    sync.Mutex
	batch *settle.Batch
}

// load gives the batch with the identifier; one request at a time reads.
func (l *lastBatch) load(archive Archive, id payment.ID) (*settle.Batch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.batch == nil || l.batch.ID != id {
		b, err := archive.Load(id)
		if err != nil {
			return nil, err
		}
		l.batch = b
	}
	return l.batch, nil
}

// parseID reads an identifier from a path; the error is an answer.
func parseID(what, text string) (payment.ID, error) {
	id, err := payment.ParseID(text)
	if err != nil {
		return payment.ID{}, httpapi.Invalid("path."+what, "want 26 characters such as 01M808TX00X4GR74NP28PC98Y4")
	}
	return id, nil
}
