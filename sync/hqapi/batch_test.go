package hqapi

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/settle"
)

func TestBatchBytes(t *testing.T) {
	b := newBench(t)
	batch, _ := b.sellAndCut(t, 1200, 50)
	whole, err := batch.JSON()
	if err != nil {
		t.Fatal(err)
	}
	path := "/v1/settlements/" + batch.ID.String()
	const csvType = "text/csv; charset=us-ascii; header=present"
	tests := []struct {
		name, path, accept, media string
		want                      []byte
	}{
		{"plain", path, "", "application/json", whole},
		{"suffix", path + ".json", "text/csv", "application/json", whole},
		{"CSV by suffix", path + ".csv", "application/json", csvType, batch.CSV()},
		{"CSV by parameter", path + "?format=csv", "application/json", csvType, batch.CSV()},
		{"both and the same", path + ".csv?format=csv", "", csvType, batch.CSV()},
		{"CSV by Accept", path, "text/csv", csvType, batch.CSV()},
		{"a spreadsheet's Accept", path, "text/csv;q=0.9, application/json;q=0.1", csvType, batch.CSV()},
		{"a browser's Accept", path, "text/html,application/xhtml+xml,*/*;q=0.8", "application/json", whole},
		{"any text", path, "text/*", csvType, batch.CSV()},
		{"all but JSON", path, "*/*, application/json;q=0", csvType, batch.CSV()},
		{"a broken part", path, "nonsense/;, text/csv", csvType, batch.CSV()},
		{"a broken weight", path, "text/csv;q=x, */*;q=0.1", "application/json", whole},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				got := b.get(t, tt.path, "Accept", tt.accept)
				if got.StatusCode != 200 || got.Header.Get("Content-Type") != tt.media || !bytes.Equal(got.body, tt.want) {
					t.Errorf("%s %s:\n%s", got.Status, got.Header.Get("Content-Type"), got.body)
				}
				want := `"` + batch.Root.String() + `"`
				if tt.media == csvType {
					want = `"` + batch.Root.String() + `.csv"`
				}
				if got.Header.Get("ETag") != want || got.Header.Get("Vary") != "Accept" || got.Header.Get("Cache-Control") != "private, no-cache" {
					t.Errorf("headers %v", got.Header)
				}
			}
		})
	}
	wantProblem(t, b.get(t, path, "Accept", "text/html"), 406, "not_acceptable", "text/csv")
	wantProblem(t, b.get(t, path+".xlsx"), 404, "not_found", ".csv")
	wantProblem(t, b.get(t, path+".csv?format=json"), 422, "invalid", "differ")
	wantProblem(t, b.get(t, path+"?format=xml"), 422, "", "format")
	wantProblem(t, b.get(t, strings.ToLower(path)), 422, "invalid", "id: ")
}

func TestBatchConditions(t *testing.T) {
	b := newBench(t)
	batch, _ := b.sellAndCut(t, 1200)
	path := "/v1/settlements/" + batch.ID.String() + ".csv"
	first := b.get(t, path)
	if got := b.get(t, path, "If-None-Match", first.Header.Get("ETag")); got.StatusCode != 304 || len(got.body) != 0 {
		t.Errorf("unchanged: %s", got.Status)
	}
	if got := b.get(t, path, "If-None-Match", `"`+batch.Root.String()+`"`); got.StatusCode != 200 {
		t.Errorf("the JSON's tag for the CSV: %s", got.Status)
	}
	if got := b.get(t, path, "Range", "bytes=10-19", "If-Range", first.Header.Get("ETag")); got.StatusCode != 206 || !bytes.Equal(got.body, first.body[10:20]) {
		t.Errorf("a range: %s %q", got.Status, got.body)
	}
	got := b.do(t, "HEAD", path, b.read, "")
	if got.StatusCode != 200 || len(got.body) != 0 || got.ContentLength != int64(len(first.body)) {
		t.Errorf("HEAD: %s, %d bytes", got.Status, got.ContentLength)
	}
	if want := `attachment; filename=settlement-` + account.Wallet + `-JPY-2026-11-22-1.csv`; got.Header.Get("Content-Disposition") != want {
		t.Errorf("Content-Disposition %q", got.Header.Get("Content-Disposition"))
	}
	if !strings.Contains(b.do(t, "GET", "/metrics", "", "").String(), `route="GET /v1/settlements/{id}",status="3xx"} 1`) {
		t.Error("the 304 is not counted")
	}
}

// counting counts the files that are open.
type counting struct {
	Archive
	open atomic.Int64
}

type counted struct {
	io.ReadSeekCloser
	open *atomic.Int64
}

// Close closes the file once.
func (c counted) Close() error {
	c.open.Add(-1)
	return c.ReadSeekCloser.Close()
}

// Open counts a file.
func (c *counting) Open(id payment.ID, form settle.Form) (io.ReadSeekCloser, error) {
	f, err := c.Archive.Open(id, form)
	if err == nil {
		c.open.Add(1)
		f = counted{f, &c.open}
	}
	return f, err
}

func TestFilesAreClosed(t *testing.T) {
	b := newBench(t)
	batch, _ := b.sellAndCut(t, 1200)
	files := &counting{Archive: b.API.archive}
	b.API.archive = files
	w := httptest.NewRecorder() // unlike over a connection, the handler has ended when the answer is here
	r := httptest.NewRequest("GET", "http://localhost/v1/settlements/"+batch.ID.String(), nil)
	r.Header.Set("Authorization", "Bearer "+b.read)
	b.ServeHTTP(w, r)
	if n := files.open.Load(); w.Code != 200 || n != 0 {
		t.Errorf("%d, and %d files are open", w.Code, n)
	}
}

// String is the body.
func (a answer) String() string { return string(a.body) }

// TestHiddenBatch: what is archived and not committed is not visible; what is committed and not archived
// is a fault of ours.
func TestHiddenBatch(t *testing.T) {
	b := newBench(t)
	batch, sold := b.sellAndCut(t, 1200)
	stray, err := settle.Build(&settle.Cut{Key: settle.Key{Account: account, SettlementDate: 20261201, Number: 1, HQEpoch: 1}, Cause: settle.CauseDay, At: testNow})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.archive.(*settle.Archive).Put(stray); err != nil {
		t.Fatal(err)
	}
	path, proof := "/v1/settlements/", "/proof/"+sold[0].Payment.String()
	wantProblem(t, b.get(t, path+stray.ID.String()), 404, "not_found", "")
	wantProblem(t, b.get(t, path+stray.ID.String()+proof), 404, "not_found", "")
	empty, err := settle.OpenArchive(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b.API.archive = empty
	wantProblem(t, b.get(t, path+batch.ID.String()), 500, "internal", "")
	wantProblem(t, b.get(t, path+batch.ID.String()+proof), 500, "internal", "")
	if !strings.Contains(b.log.String(), settle.ErrNotArchived.Error()) {
		t.Error("a lost archive is not in the log")
	}
}

func TestProof(t *testing.T) {
	b := newBench(t)
	l := b.hq.Lane("s1", "lane-1")
	kept, voided := l.Sell(b.chain.Phone(), 1200), l.Sell(b.chain.Phone(), 50)
	l.Void(voided)
	b.take(t, l, 0)
	refs, err := b.cut(b.hq.Ctx)
	b.hq.Must(err)
	path := "/v1/settlements/" + refs[0].ID.String() + "/proof/"
	for of, lines := range map[payment.ID]int{kept.Payment: 1, voided.Payment: 2} {
		got := into[ProofView](t, b.get(t, path+of.String()))
		if got.ContentHash != refs[0].Root || got.Batch != refs[0].ID || len(got.Proofs) != lines {
			t.Fatalf("%+v", got)
		}
		for _, p := range got.Proofs {
			proof := settle.Proof{Index: p.Index, Size: p.Size, Leaf: p.Leaf, Path: p.Path}
			if err := settle.VerifyProof(refs[0].Root, proof); err != nil {
				t.Error(err)
			}
			proof.Leaf += " "
			if err := settle.VerifyProof(refs[0].Root, proof); !errors.Is(err, settle.ErrProof) {
				t.Errorf("another leaf: %v", err)
			}
		}
	}
	other, sold := b.sellAndCut(t, 7)
	wantProblem(t, b.get(t, path+sold[0].Payment.String()), 404, "not_found", "not in this batch")
	got := into[ProofView](t, b.get(t, "/v1/settlements/"+other.ID.String()+"/proof/"+sold[0].Payment.String()))
	if got.ContentHash != other.Root {
		t.Errorf("the proof of another batch: %+v", got)
	}
	wantProblem(t, b.get(t, path+"nobody"), 422, "invalid", "payment: ")
	b.books.otherRoot = true
	wantProblem(t, b.get(t, path+kept.Payment.String()), 500, "internal", "log")
	wantProblem(t, b.get(t, "/v1/settlements/x/proof/"+kept.Payment.String()), 422, "invalid", "id: ")
}
