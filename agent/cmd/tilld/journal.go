package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"tilld/agent/journal"
	"tilld/agent/payment"
)

type journalCmd struct {
	List   journalListCmd   `cmd:"" help:"List entries, one a line."`
	Show   journalShowCmd   `cmd:"" help:"Show all of an entry, a payment or a sale."`
	Verify journalVerifyCmd `cmd:"" help:"Check every signature, hash and body, and what is computed from them; name the first bad row."`
	Export journalExportCmd `cmd:"" help:"Write the signed entries for somebody else to check."`
}

// journalSource names what is read. Nothing is written to it, and a lane may be running on it.
type journalSource struct {
	Data string `type:"path" placeholder:"DIR" help:"Data directory of a lane."`
	Path string `arg:"" optional:"" type:"path" help:"Instead of --data: a copy of a journal's database, or a second medium's file."`
}

// The first bytes of the files that hold a journal.
const (
	databaseMagic = "SQLite format 3\x00"
	secondMagic   = "tilld2/1"
)

// open finds out by the content what kind of file it is. The caller closes it.
func (s journalSource) open(ctx context.Context) (journal.Source, error) {
	if (s.Data == "") == (s.Path == "") {
		return nil, usageError{"say which journal: --data DIR or the path of a file, and not both"}
	}
	path, err := journalFile(s.Data + s.Path)
	if err != nil {
		return nil, err
	}
	head, err := readHead(path, len(databaseMagic))
	if err != nil {
		return nil, err
	}
	switch {
	case string(head) == databaseMagic:
		src, err := journal.OpenCopy(ctx, path)
		if err != nil {
			return nil, inlineError{err} // a typed nil would be a source
		}
		return src, nil
	case len(head) >= len(secondMagic) && string(head[:len(secondMagic)]) == secondMagic:
		return journal.OpenSecondCopy(path)
	}
	return nil, fmt.Errorf("%s: %w, nor a second medium", path, journal.ErrNotJournal)
}

// journalFile is the file itself, or the journal's in a directory.
func journalFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return path, err
	}
	for _, name := range []string{journal.DatabaseFile, journal.SecondFile} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return filepath.Join(path, name), nil
		}
	}
	return "", fmt.Errorf("%s: neither %s nor %s is there", path, journal.DatabaseFile, journal.SecondFile)
}

// readHead reads the first bytes of a file, fewer when it has not so many.
func readHead(path string, n int) (head []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head = make([]byte, n)
	got, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:got], err
}

// with opens the source for one act.
func (s journalSource) with(ctx context.Context, act func(journal.Source) error) error {
	src, err := s.open(ctx)
	if err != nil {
		return err
	}
	err = act(src)
	if err != nil && !errors.Is(err, errNegative) {
		err = inlineError{err}
	}
	if _, torn := errors.AsType[*journal.Damage](err); torn {
		err = fmt.Errorf("%w: %w", errNegative, err) // all before it has been told
	}
	if closing := src.Close(); closing != nil {
		err = errors.Join(err, closing)
	}
	return err
}

// inlineError is an error whose text may be a file's own, such as a name in a broken schema: it could pretend to
// be a line of ours.
type inlineError struct{ error }

func (e inlineError) Error() string { return inline(e.error.Error()) }
func (e inlineError) Unwrap() error { return e.error }

// journalFilter chooses entries.
type journalFilter struct {
	Date string `placeholder:"YYYY-MM-DD" help:"Only of this business date."`
	Kind string `placeholder:"KIND" help:"Only of this kind, such as approved, refused or day-closed."`
	Last int    `placeholder:"N" help:"Only the last N of those."`
}

func (f journalFilter) filter() (journal.Filter, error) {
	out := journal.Filter{Last: f.Last}
	if f.Last < 0 {
		return out, usageError{"--last: a number above zero"}
	}
	if f.Date != "" {
		date, err := payment.ParseDate(f.Date)
		if err != nil {
			return out, usageError{"--date: " + err.Error()}
		}
		out.Date = date
	}
	if f.Kind == "" {
		return out, nil
	}
	known := ""
	for k := payment.KindEpochOpened; payment.NewFact(k) != nil; k++ {
		if k.String() == f.Kind {
			out.Kind = k
			return out, nil
		}
		known += " " + k.String()
	}
	return out, usageError{fmt.Sprintf("--kind: %q is none of%s", f.Kind, known)}
}

type journalListCmd struct {
	journalSource
	journalFilter
	JSON bool `name:"json" help:"Print one JSON object a line."`
}

// Run prints what the entries say; whether they hold is for verify. A row that can't be read is said to be,
// and the rest follows.
func (c journalListCmd) Run(ctx context.Context, std streams) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	return c.with(ctx, func(src journal.Source) error {
		out := newJournalPrinter(std, c.JSON)
		for row, err := range src.Rows(ctx, filter) {
			if err != nil {
				return err
			}
			if err := out.line(&row); err != nil {
				return err
			}
		}
		return out.verdict()
	})
}

type journalShowCmd struct {
	What string `arg:"" help:"Number of an entry, or the identifier of a payment or a sale."`
	journalSource
	JSON bool `name:"json" help:"Print one JSON object a line."`
}

// Run prints the entries, or says that there are none: then the answer is no.
func (c journalShowCmd) Run(ctx context.Context, std streams) error {
	filters, err := c.filters()
	if err != nil {
		return err
	}
	return c.with(ctx, func(src journal.Source) error {
		out := newJournalPrinter(std, c.JSON)
		for _, f := range filters {
			found := false
			for row, err := range src.Rows(ctx, f) {
				if err != nil {
					return err
				}
				found = true
				if err := out.whole(&row); err != nil {
					return err
				}
			}
			if found {
				return out.verdict()
			}
		}
		return fmt.Errorf("%w entry of %s is here", errNegative, c.What)
	})
}

// filters are tried in turn until one finds something.
func (c journalShowCmd) filters() ([]journal.Filter, error) {
	if n, err := strconv.ParseUint(c.What, 10, 64); err == nil && n > 0 {
		return []journal.Filter{{From: n, To: n}}, nil
	}
	id, err := payment.ParseID(c.What)
	if err != nil || id.IsZero() {
		return nil, usageError{fmt.Sprintf("%q is neither an entry's number nor an identifier", c.What)}
	}
	return []journal.Filter{{Sale: id}, {Payment: id}}, nil
}

type journalExportCmd struct {
	journalSource
	journalFilter
	COSE bool `name:"cose" xor:"form" required:"" help:"The COSE_Sign1 envelopes one after the other (a CBOR sequence), without bodies."`
	JSON bool `name:"json" xor:"form" required:"" help:"One JSON object a line, each with its envelope and body."`
}

// Run writes what the source has, unverified: whoever takes it verifies.
func (c journalExportCmd) Run(ctx context.Context, std streams) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	return c.with(ctx, func(src journal.Source) error {
		if c.COSE {
			return journal.WriteCOSE(std.out, src.Rows(ctx, filter))
		}
		return journal.WriteJSON(std.out, src.Rows(ctx, filter))
	})
}
