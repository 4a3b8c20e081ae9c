package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tilld/agent/journal"
)

// journalPrinter prints entries. A copy of a journal may come from anybody, so nothing of it reaches a
// terminal that could steer one.
type journalPrinter struct {
	std   streams
	json  bool
	epoch string // that was announced
	bad   int    // rows that could not be read
}

func newJournalPrinter(std streams, asJSON bool) *journalPrinter {
	return &journalPrinter{std: std, json: asJSON}
}

// verdict is no when there were rows that could not be read.
func (p *journalPrinter) verdict() error {
	if p.bad > 0 {
		return fmt.Errorf("%w: %d rows can't be read; tilld journal verify says more", errNegative, p.bad)
	}
	return nil
}

// view decodes a row, or prints that it can't be.
func (p *journalPrinter) view(row *journal.Row) (*journal.View, error) {
	v, err := row.View()
	if err == nil {
		return &v, nil
	}
	p.bad++
	if p.json {
		return nil, writeJSON(p.std.out, map[string]any{"pos": row.Pos, "error": err.Error()})
	}
	_, err = fmt.Fprintf(p.std.out, "%6d  CAN'T BE READ: %s\n", row.Seq, inline(err.Error()))
	return nil, err
}

// line prints an entry for a list.
func (p *journalPrinter) line(row *journal.Row) error {
	v, err := p.view(row)
	if v == nil {
		return err
	}
	if p.json {
		return writeJSON(p.std.out, v)
	}
	if v.Epoch != p.epoch {
		p.epoch = v.Epoch
		if _, err := fmt.Fprintf(p.std.out, "epoch %s of terminal %s\n", v.Epoch, v.Terminal); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(p.std.out, inline(strings.TrimRight(fmt.Sprintf("%6d  %-10s  %s  %-14s  %-26s  %s%s",
		v.Seq, v.BusinessDate, v.Wall.Format(time.RFC3339), v.Kind, about(v), v.Summary(), trainingMark(v)), " ")))
	return err
}

// about is the payment that an entry is about, or else the sale.
func about(v *journal.View) string {
	switch {
	case v.Payment != nil:
		return v.Payment.String()
	case v.Sale != nil:
		return v.Sale.String()
	}
	return ""
}

func trainingMark(v *journal.View) string {
	if v.Training {
		return " (training)"
	}
	return ""
}

// whole prints all of an entry.
func (p *journalPrinter) whole(row *journal.Row) error {
	v, err := p.view(row)
	if v == nil {
		return err
	}
	if p.json {
		return writeJSON(p.std.out, v)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "entry %d of epoch %s, terminal %s: %s%s\n", v.Seq, v.Epoch, v.Terminal, inline(v.Kind), trainingMark(v))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-14s %s\n", name, inline(value))
		}
	}
	line("set aside", v.SetAside)
	line("what", v.Summary())
	if v.Sale != nil {
		line("sale", v.Sale.String())
	}
	if v.Payment != nil {
		line("payment", v.Payment.String())
	}
	line("place", "store "+v.Store+", lane "+v.Lane)
	line("business date", v.BusinessDate.String())
	line("lane's clock", v.Wall.Format(time.RFC3339Nano)+" ("+v.Zone+"), "+since(v.BootMS)+" after the machine's start")
	line("HQ's word", hqWord(v))
	line("policy", fmt.Sprint(v.Policy))
	line("software", v.Software)
	line("signed by", v.Key.String())
	line("hash", v.Hash.String())
	line("follows", v.Prev.String())
	line("body's hash", v.BodyHash.String())
	if err := details(&b, "fact", v.Fact); err != nil {
		return err
	}
	if v.Body != nil {
		if err := details(&b, "body", v.Body); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(p.std.out, plain(b.String()))
	return err
}

func hqWord(v *journal.View) string {
	if v.HQAgeMS == nil {
		return "none since the machine's start"
	}
	return since(*v.HQAgeMS) + " old"
}

func since(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

func details(b *strings.Builder, name string, v any) error {
	if v == nil {
		return nil
	}
	text, err := json.MarshalIndent(v, "  ", "  ")
	if err != nil {
		return fmt.Errorf("showing the %s: %w", name, err)
	}
	fmt.Fprintf(b, "  %s %s\n", name, text)
	return nil
}

// steers says whether a character could steer a terminal, or turn around what is written behind it.
func steers(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// inline is a text as a part of a line: what could steer a terminal, begin a line, or is no text at all stands
// escaped as in a Go string.
func inline(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case steers(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// plain is inline for a text of several lines.
func plain(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = inline(lines[i])
	}
	return strings.Join(lines, "\n")
}

// writeJSON writes one object and a line's end. What could steer a terminal stands in it escaped.
func writeJSON(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	var b strings.Builder
	for _, r := range string(text) {
		if steers(r) { // within a string: nothing else of JSON has such
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	_, err = fmt.Fprintln(w, b.String())
	return err
}
