package ledger

import "tilld/sync/wire"

// twin finds out that two journals of a terminal are alive: its data directory was copied, and both go on. One
// till moves from an epoch to the next and never back, and the last beat of each round names, with its head,
// the epoch that it writes. So an epoch that is written again after another one had been is somebody else's.
//
// The counts of two copies come from two clocks, so their order alone proves nothing: an epoch that comes back
// once without being the newer one may be a beat that was held up; twice it is not.
func (t *tx) twin(term *terminalRow, e *epochRow, b *wire.Beat) ([]Alarm, error) {
	if e.no == 0 || len(b.Head) == 0 || b.Last == 0 || b.Count <= e.lead {
		return nil, nil // of an epoch that was left, or sent again by whoever can write to the broker
	}
	was := e.lead
	e.lead = b.Count
	if _, err := t.exec("UPDATE epoch SET lead = ? WHERE no = ?", int64(e.lead), e.no); err != nil || term.leads == e.no {
		return nil, err
	}
	if _, err := t.exec("UPDATE terminal SET leads = ? WHERE no = ?", e.no, term.no); err != nil || was == 0 || term.leads == 0 {
		return nil, err
	}
	e.back++
	if _, err := t.exec("UPDATE epoch SET back = ? WHERE no = ?", e.back, e.no); err != nil {
		return nil, err
	}
	var between, told bool
	_, err := t.get(`SELECT EXISTS (SELECT 1 FROM epoch WHERE terminal = ?1 AND lead > ?2 AND lead < ?3),
		EXISTS (SELECT 1 FROM exception WHERE terminal = ?1 AND state = 'open' AND kind = 'terminal_twice')`,
		[]any{term.no, int64(was), int64(e.lead)}, &between, &told)
	if err != nil || told || !between && e.back < 2 {
		return nil, err
	}
	x := &newException{
		kind: TerminalTwice, terminal: term.no, epoch: e.no, from: b.Last, name: wire.Name{Terminal: b.Terminal, Epoch: b.Epoch, Seq: b.Last},
		detail: "the terminal's data directory was copied, or an older copy of its disk put back, and two tills go on from it. " +
			"Remedy: stop one of them; or revoke the terminal, and enrol both tills anew with empty directories.",
	}
	copy(x.hash[:], b.Head)
	alarms, err := t.raise(x)
	e.alarmed = e.alarmed || len(alarms) > 0
	return alarms, err
}

// lookAgain forgets which epoch is being written, for somebody has noted that two were: the till that is left
// must not seem to come back behind the one that was stopped.
func (t *tx) lookAgain(exception int64) error {
	const which = "(SELECT terminal FROM exception WHERE no = ?)"
	if _, err := t.exec("UPDATE terminal SET leads = NULL WHERE no = "+which, exception); err != nil {
		return err
	}
	_, err := t.exec("UPDATE epoch SET back = 0 WHERE terminal = "+which, exception)
	return err
}
