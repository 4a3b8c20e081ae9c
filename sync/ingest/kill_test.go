package ingest

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// HQ as a process of its own: this test's binary, told by its environment.
const (
	childPath  = "TILLD_INGEST_CHILD"
	childRoot  = "TILLD_INGEST_ROOT"
	killRounds = "TILLD_KILL_ROUNDS"
)

// The child's keys are no secrets.
var (
	childAck  = ed25519.NewKeyFromSeed([]byte("the child's key to sign its acks"))
	childSeal = []byte("the child's key to open evidence")
)

// child is HQ between its standard input (upward messages) and output (downward ones), until it is killed.
func child(path string) {
	if err := serve(path); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

func serve(path string) error {
	start := time.Now()
	now := func() time.Time { return ingesttest.Noon.Add(time.Hour + time.Since(start)) }
	ctx := context.Background()
	store, err := ledger.Open(ctx, path, now)
	if err != nil {
		return err
	}
	raw, err := hex.DecodeString(os.Getenv(childRoot))
	if err != nil {
		return err
	}
	root, err := wire.ParsePublicKey(raw)
	if err != nil {
		return err
	}
	ack, err := wire.NewSigner(childAck, nil)
	if err != nil {
		return err
	}
	seal, err := wire.ParseConfidantKey(childSeal)
	if err != nil {
		return err
	}
	g, err := New(ctx, Config{Ledger: store, Publish: writer{os.Stdout}, Root: root, Signer: func() *wire.Signer { return ack },
		Unseal: func(wire.KID) *wire.ConfidantKey { return seal }, Now: now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	go func() {
		for in := bufio.NewReader(os.Stdin); ; {
			topic, payload, err := readFrame(in)
			if err != nil {
				return
			}
			g.Handle(ctx, topic, payload)
		}
	}()
	return g.Run(ctx)
}

// writer writes downward messages; only the one goroutine that answers and hello use it, in small writes.
type writer struct{ w io.Writer }

func (w writer) Publish(_ context.Context, topic string, _ byte, payload []byte) error {
	return writeFrame(w.w, topic, payload)
}

func writeFrame(w io.Writer, topic string, payload []byte) error {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(topic)))
	b = append(b, topic...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	_, err := w.Write(append(b, payload...))
	return err
}

func readFrame(r io.Reader) (topic string, payload []byte, err error) {
	for _, into := range []*[]byte{nil, &payload} {
		var n [4]byte
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return "", nil, err
		}
		b := make([]byte, binary.BigEndian.Uint32(n[:]))
		if _, err := io.ReadFull(r, b); err != nil {
			return "", nil, err
		}
		if into == nil {
			topic = string(b)
		} else {
			*into = b
		}
	}
	return topic, payload, nil
}

// TestKill kills HQ at random moments while lanes send, and wants what an undisturbed HQ would have: nothing
// that was acknowledged is lost, nothing is posted twice.
func TestKill(t *testing.T) {
	rounds := 6
	if n, err := strconv.Atoi(os.Getenv(killRounds)); err == nil {
		rounds = n
	}
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 0))

	k := newKillTest(t, 25*rounds)
	kills := 0
	for ; kills < rounds && !k.done(); kills++ {
		k.session(random.IntN(40))
	}
	k.session(-1)
	t.Logf("killed %d times before everything was acknowledged", kills)

	b := benchAt(t, k.chain, k.path)
	b.WantNet(ledger.WalletReceivable, k.sum)
	b.wantKind("")
	if r := b.Balance(); len(r.Missing) != 0 || len(r.Waiting) != 0 || len(r.Days) != 2*len(k.lanes) || len(r.Unclaimed) != 0 {
		t.Errorf("%+v", r)
	}
	for _, ref := range k.kept {
		b.WantAttempt(ref, authorise.Completed)
	}
	for _, ref := range k.back {
		b.WantAttempt(ref, authorise.Reversing)
	}
	for _, l := range k.lanes {
		places, err := b.Places(b.Ctx, l.ID, l.Epoch)
		if err != nil || len(places) != 1 || places[0].Acked != l.Last() || places[0].Judged != l.Last() {
			t.Errorf("lane %s: %+v, %v", l.Name, places, err)
		}
	}
}

// killTest is the lanes' side.
type killTest struct {
	*testing.T
	chain *ingesttest.Chain
	path  string
	lanes []*ingesttest.Lane
	sum   int64
	kept  []operator.Ref    // attempts that are to be completed
	back  []operator.Ref    // and that are to be taken back
	acked map[string]uint64 // by topic; what HQ has acknowledged to the lane, in any session
	count uint64
}

// newKillTest lets four lanes sell so often.
func newKillTest(t *testing.T, sales int) *killTest {
	c := ingesttest.NewChain(t)
	ack, err := wire.NewSigner(childAck, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Seal, err = wire.ParseConfidantKey(childSeal); err != nil {
		t.Fatal(err)
	}
	c.Ack = ack
	c.Trust = c.NewTrust(1)
	c.Doc.Wallets = append(c.Doc.Wallets, ingesttest.OnlineWallet)
	k := &killTest{T: t, chain: c, path: filepath.Join(t.TempDir(), "hq.db"), acked: map[string]uint64{}}
	b := benchAt(t, c, k.path)
	k.lanes, k.sum = b.lanes(4, sales)
	for _, l := range k.lanes {
		k.online(b, l)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	return k
}

// online has a lane sell online, with HQ's own attempts as the desk has left them.
func (k *killTest) online(b *bench, l *ingesttest.Lane) {
	l.OpenDay(l.Date + 1)
	for n := range 10 {
		kept, back, given := l.Ask(int64(1000+n)), l.Ask(50), l.Ask(60)
		for _, a := range []ingesttest.Tried{kept, back, given} {
			b.Paid(l, a)
		}
		l.Authorise(kept)
		l.VoidOnline(l.Authorise(back))
		l.GiveUp(given)
		k.sum += int64(1000 + n)
		k.kept, k.back = append(k.kept, kept.Ref), append(k.back, back.Ref, given.Ref)
	}
	l.CloseDay()
}

func (k *killTest) done() bool {
	for _, l := range k.lanes {
		if k.acked[wire.DownTopic(l.ID)] < l.Last() {
			return false
		}
	}
	return true
}

// session starts HQ, sends, and kills it behind a number of answers; below zero it waits until all is judged.
func (k *killTest) session(answers int) {
	k.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+k.path, childRoot+"="+hex.EncodeToString(k.chain.Root.Public().Bytes()))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		k.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		k.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	s := &killSession{killTest: k, in: in, sent: map[string]uint64{}}
	s.talk(bufio.NewReader(out), answers)
	_ = cmd.Process.Signal(syscall.SIGKILL)
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != -1 {
		k.Fatalf("HQ was not killed, it ended: %v", err)
	}
}

// killSession is one life of HQ, seen from the lanes.
type killSession struct {
	*killTest
	in   io.Writer
	sent map[string]uint64 // by topic; in this session
}

func (s *killSession) talk(out io.Reader, answers int) {
	s.Helper()
	judged := map[string]bool{}
	for n := 0; n != answers; {
		topic, payload, err := readFrame(out)
		if err != nil {
			s.Fatalf("HQ ended by itself: %v", err)
		}
		if topic == wire.AllTopic { // HQ is there: everybody begins
			for _, l := range s.lanes {
				s.push(l)
				s.ask(l)
			}
			continue
		}
		n++
		for _, l := range s.lanes {
			if wire.DownTopic(l.ID) == topic {
				judged[topic] = s.hear(l, payload) || judged[topic]
			}
		}
		if answers < 0 && len(judged) == len(s.lanes) && allTrue(judged) {
			return
		}
	}
}

func allTrue(m map[string]bool) bool {
	for _, v := range m {
		if !v {
			return false
		}
	}
	return true
}

// hear takes an acknowledgement as a lane does, and says whether everything of the lane is judged.
func (s *killSession) hear(l *ingesttest.Lane, payload []byte) bool {
	s.Helper()
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		s.Fatal(err)
	}
	m, err := wire.Open(sealed, wire.TypAck, wire.OneKey(s.chain.Ack.Public()))
	if err != nil {
		return false // a policy
	}
	var a wire.Ack
	if err := wire.UnmarshalKnown(m.Payload, &a); err != nil {
		s.Fatal(err)
	}
	topic := wire.DownTopic(l.ID)
	if a.Acked < s.acked[topic] && len(a.Echo) > 0 {
		s.Fatalf("HQ forgot: %d of lane %s were acknowledged, now it holds %d", s.acked[topic], l.Name, a.Acked)
	}
	s.acked[topic] = max(s.acked[topic], a.Acked)
	s.push(l)
	if len(a.Echo) > 0 || a.Acked == l.Last() {
		s.ask(l)
	}
	return a.Judged == l.Last()
}

// push keeps two batches of 4 on their way, so that there are many moments to be killed at.
func (s *killSession) push(l *ingesttest.Lane) {
	topic := wire.DownTopic(l.ID)
	s.sent[topic] = max(s.sent[topic], s.acked[topic])
	for _, b := range l.Batches(s.sent[topic], 4) {
		if b.First > s.acked[topic]+8 {
			return
		}
		msg, err := wire.EncodeBatch(b)
		if err != nil {
			s.Fatal(err)
		}
		s.write(l, msg)
		s.sent[topic] = b.Last()
	}
}

func (s *killSession) ask(l *ingesttest.Lane) {
	s.count++
	s.write(l, l.Beat(s.count, nil))
}

func (s *killSession) write(l *ingesttest.Lane, msg []byte) {
	if err := writeFrame(s.in, wire.UpTopic(l.ID), msg); err != nil {
		s.Fatalf("HQ ended by itself: %v", err)
	}
}
