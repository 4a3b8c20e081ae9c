package hq

import (
	"context"
	"io"
	"net/http"
	"strings"

	"tilld/agent/payment"
	"tilld/ui/web"
)

// maxWhy bounds a decision's reason, in bytes.
const maxWhy = 400

// act wraps what changes something: only for people who are signed in, 204 when it is done.
func (p *Page) act(do func(http.ResponseWriter, *http.Request, person) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		me, err := p.person(r, p.Sessions.Who)
		if err == nil {
			err = do(w, r, me)
		}
		if err != nil {
			p.note(r, err)
			http.Error(w, payment.MessageOf(err), web.Status(err))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// decide ends an exception. Who may is judged by the exception itself and not by what the form says of it.
func (p *Page) decide(_ http.ResponseWriter, r *http.Request, me person) error {
	id, err := p.readID(r, r.FormValue("exception"))
	if err != nil {
		return err
	}
	why := strings.TrimSpace(r.FormValue("why"))
	if why == "" || len(why) > maxWhy {
		return payment.Errorf(payment.Invalid, "hq.decide", "%s", web.Text(p.lang(r), "hq.decide.why.bad", maxWhy))
	}
	x, err := p.Office.Exception(r.Context(), id)
	if err != nil {
		return err
	}
	if !me.Decides(x) {
		return p.refuse(r, me, Finance)
	}
	outcome := Outcome(r.FormValue("outcome"))
	if fits := outcome == Receivable || outcome == Loss; fits != x.Money() || !fits && outcome != Noted {
		return payment.Errorf(payment.Invalid, "hq.decide", "%s", web.Text(p.lang(r), "hq.decide.outcome.bad"))
	}
	// Somebody who hangs up must not leave a decision half way.
	if err := p.Office.Resolve(context.WithoutCancel(r.Context()), me.Who, id, outcome, why); err != nil {
		return err
	}
	p.Log.InfoContext(r.Context(), "exception decided", "exception", id.String(), "outcome", string(outcome), "who", me.Who)
	return nil
}

// cut makes batches of what is there.
func (p *Page) cut(_ http.ResponseWriter, r *http.Request, me person) error {
	if !me.Cuts() {
		return p.refuse(r, me, Finance)
	}
	n, err := p.Office.CutNow(context.WithoutCancel(r.Context()), me.Who)
	if n > 0 {
		p.Log.InfoContext(r.Context(), "settlement cut by request", "batches", n, "who", me.Who)
	}
	if err == nil && n == 0 {
		return payment.Errorf(payment.NotAllowed, "hq.cut", "%s", web.Text(p.lang(r), "hq.cut.none"))
	}
	return err
}

// forms says how an archived form is sent.
var forms = map[string]struct {
	form Form
	mime string
}{
	"batch.json": {JSON, "application/json"},
	"batch.csv":  {CSV, "text/csv; charset=utf-8"},
}

// download sends the archived bytes of a batch: the same as the API's, each time.
func (p *Page) download(w http.ResponseWriter, r *http.Request) {
	file, known := forms[r.PathValue("file")]
	if !known {
		p.nowhere(w, r)
		return
	}
	_, err := p.person(r, p.Sessions.Who)
	if err == nil {
		err = p.send(w, r, file.form, file.mime)
	}
	if err != nil {
		p.note(r, err)
		http.Error(w, payment.MessageOf(err), web.Status(err))
	}
}

func (p *Page) send(w http.ResponseWriter, r *http.Request, form Form, mime string) error {
	id, err := p.readID(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	in, err := p.Office.Archived(r.Context(), id, form)
	if err != nil {
		return err
	}
	defer in.Close() // it was only read
	w.Header().Set("Content-Type", mime)
	w.Header().Set("Content-Disposition", `attachment; filename="`+id.String()+"."+string(form)+`"`)
	if _, err := io.Copy(w, in); err != nil {
		if r.Context().Err() == nil {
			p.Log.ErrorContext(r.Context(), "sending a batch failed", "batch", id.String(), "error", err)
		}
		// The head is sent: only a broken connection tells that the file is not whole.
		panic(http.ErrAbortHandler)
	}
	return nil
}
