package ledger

import (
	"database/sql"
	"runtime"
)

func (t *tx) epoch(terminal int64, epoch uint64) (*epochRow, error) {
	e := &epochRow{terminal: terminal}
	found, err := t.get(`SELECT no, coalesce(fork_from, 0), coalesce(lost, 0), coalesce(lost_in, 0), coalesce(lead, 0), back,
		coalesce(word_in, 0)
		FROM epoch WHERE terminal = ? AND epoch = ?`, []any{terminal, int64(epoch)}, &e.no, &e.forkFrom, &e.lost, &e.lostIn, &e.lead, &e.back, &e.wordIn)
	if err != nil || !found {
		return nil, err
	}
	byNo := map[int64]*branchRow{}
	e.branches, err = each(t, func(rows *sql.Rows) (*branchRow, error) {
		var b branchRow
		var parent int64
		err := rows.Scan(&b.no, &parent, &b.from, &b.head, &b.hash, &b.judged, &b.firstKey, &b.key)
		b.parent = byNo[parent]
		byNo[b.no] = &b
		return &b, err
	}, `SELECT no, coalesce(parent, 0), from_seq, head, head_hash, judged, first_key, key
		FROM branch WHERE epoch = ? ORDER BY no`, e.no)
	return e, err
}

func (t *tx) openEpoch(terminal int64, epoch uint64, revoked bool) (*epochRow, error) {
	var held any
	if revoked {
		held = 1
	}
	no, err := t.insert("INSERT INTO epoch (terminal, epoch, known, held_from) VALUES (?, ?, 0, ?)", terminal, int64(epoch), held)
	return &epochRow{no: no, terminal: terminal}, err
}

// learn notes that the terminal has signed up to seq, whether or not it is held.
func (t *tx) learn(e *epochRow, seq uint64) error {
	_, err := t.exec("UPDATE epoch SET known = ? WHERE no = ? AND known < ?", int64(seq), e.no, int64(seq))
	return err
}

func (t *tx) retired(terminal int64, key int) (retired bool, err error) {
	_, err = t.get("SELECT retired FROM terminal_key WHERE terminal = ? AND n = ?", []any{terminal, key}, &retired)
	return retired, err
}

// openBranch begins an epoch's first history.
func (t *tx) openBranch(e *epochRow, a *Arrival) (Answer, error) {
	if retired, err := t.retired(e.terminal, a.Key); err != nil || retired {
		return Answer{Outcome: WrongKey, Places: []Place{{Revoked: e.revoked, Twice: e.alarmed}}}, err
	}
	b, err := t.newBranch(e, nil, 1, a, a.Key)
	if err != nil {
		return Answer{}, err
	}
	return e.answer(Created, int(b.head), b), nil
}

// extend appends to a history what it does not have.
func (t *tx) extend(e *epochRow, b *branchRow, agreed uint64, a *Arrival, o Outcome) (Answer, error) {
	if a.Key != b.key {
		return e.answer(WrongKey, 0, b), nil
	}
	n, err := t.append(e, b, agreed, a)
	if err != nil {
		return Answer{}, err
	}
	_, err = t.exec("UPDATE branch SET head = ?, head_hash = ?, key = ? WHERE no = ?", int64(b.head), b.hash, b.key, b.no)
	return e.answer(o, n, b), err
}

// newBranch makes a history that begins at from with the arrival's entries from there on.
func (t *tx) newBranch(e *epochRow, parent *branchRow, from uint64, a *Arrival, key int) (*branchRow, error) {
	b := &branchRow{parent: parent, from: from, head: a.Batch.Last(), judged: from - 1, firstKey: key, key: key}
	last := a.Hashes[len(a.Hashes)-1]
	b.hash = last[:]
	var above any
	if parent != nil {
		above = parent.no
	}
	var err error
	b.no, err = t.insert(`INSERT INTO branch (epoch, parent, from_seq, head, head_hash, judged, first_key, key)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, e.no, above, int64(from), int64(b.head), b.hash, int64(b.judged), key, key)
	if err != nil {
		return nil, err
	}
	if _, err = t.append(e, b, from-1, a); err != nil {
		return nil, err
	}
	if b.key != key {
		_, err = t.exec("UPDATE branch SET key = ? WHERE no = ?", b.key, b.no)
	}
	e.branches = append(e.branches, b)
	return b, err
}

// append writes the arrival's entries after sequence after, and moves the history's head in memory.
func (t *tx) append(e *epochRow, b *branchRow, after uint64, a *Arrival) (stored int, err error) {
	batch := a.Batch
	header, err := t.header(batch.Protected)
	if err != nil {
		return 0, err
	}
	st, err := t.stmt(`INSERT INTO entry (branch, seq, kind, hash, header, payload, signature, body, received_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return 0, err
	}
	for i := int(after + 1 - batch.First); i < len(batch.Payloads); i++ {
		var sig, body []byte
		if i == len(batch.Payloads)-1 {
			sig = batch.Signature
		}
		if len(batch.Bodies[i]) > 0 {
			body = batch.Bodies[i]
		}
		_, err := st.ExecContext(t.ctx, b.no, int64(batch.First)+int64(i), int64(a.Kinds[i]), a.Hashes[i][:], header,
			batch.Payloads[i], sig, body, t.now)
		if err != nil {
			return 0, err
		}
		stored++
		runtime.Gosched() // whoever carries messages of others meanwhile waits for nothing but a processor
	}
	last := a.Hashes[len(a.Hashes)-1]
	b.head, b.hash = batch.Last(), last[:]
	return stored, t.changeKey(e, b, a)
}

// changeKey takes the key that the arrival's last entry brings in. A key of another terminal is not taken;
// Judge makes an exception of it.
func (t *tx) changeKey(e *epochRow, b *branchRow, a *Arrival) error {
	if a.NewKey.IsZero() {
		return nil
	}
	owner, n, err := t.keyOwner(a.NewKey)
	if err != nil {
		return err
	}
	if owner == 0 {
		if n, err = t.addKey(e.terminal, a); err != nil {
			return err
		}
		owner = e.terminal
	}
	if owner != e.terminal || n == a.Key {
		return nil
	}
	_, err = t.exec("INSERT INTO key_change (branch, seq, old_key, new_key) VALUES (?, ?, ?, ?)", b.no, int64(b.head), a.Key, n)
	if err != nil {
		return err
	}
	b.key = n
	if e.forkFrom != 0 { // nobody knows whose history is the right one, so the old key stays good too
		return nil
	}
	_, err = t.exec("UPDATE terminal_key SET retired = 1 WHERE terminal = ? AND n = ?", e.terminal, a.Key)
	return err
}

func (t *tx) addKey(terminal int64, a *Arrival) (n int, err error) {
	if _, err = t.get("SELECT max(n) + 1 FROM terminal_key WHERE terminal = ?", []any{terminal}, &n); err != nil {
		return 0, err
	}
	_, err = t.exec("INSERT INTO terminal_key (terminal, n, key) VALUES (?, ?, ?)", terminal, n, a.NewKey.Bytes())
	return n, err
}

// keyAt is the key in force after sequence seq, which lies in b or above it.
func (t *tx) keyAt(b *branchRow, seq uint64) (int, error) {
	for seq < b.from && b.parent != nil {
		b = b.parent
	}
	n := b.firstKey
	_, err := t.get("SELECT new_key FROM key_change WHERE branch = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
		[]any{b.no, int64(seq)}, &n)
	return n, err
}

func (t *tx) header(protected []byte) (int64, error) {
	if no, ok := t.w.headers[string(protected)]; ok {
		return no, nil
	}
	var no int64
	found, err := t.get("SELECT no FROM header WHERE protected = ?", []any{protected}, &no)
	if err != nil {
		return 0, err
	}
	if !found {
		if no, err = t.insert("INSERT INTO header (protected) VALUES (?)", protected); err != nil {
			return 0, err
		}
	}
	if len(t.w.headers) >= maxCached {
		clear(t.w.headers)
	}
	t.w.headers[string(protected)] = no
	return no, nil
}
