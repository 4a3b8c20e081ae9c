//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/sync/simdisk"
)

// The environment of these tests.
const (
	envCrashPoints = "TILLD_CRASH_POINTS" // how many points of each kind are tried; "all": every one
	envCrashSeed   = "TILLD_CRASH_SEED"   // of the run that is to be repeated
	envCrashAt     = "TILLD_CRASH_AT"     // one point, as a failing run names it: "lane kill 17"
	envCrashPart   = "TILLD_CRASH_PART"   // "0/4": one of the processes that share the points; set by the test itself
)

// victim is a process with its data on a simulated disk.
type victim struct {
	name string
	dir  string
	args []string
	base *simdisk.Disk // as it was before the story
	disk *simdisk.Disk // of this run
	*kept
}

// crashStage is a stage whose data directories are simulated disks. Each run of the story begins with the same
// disks, those of the past.
type crashStage struct {
	*stage
	hq, lane *victim
	phone    *phone
	past     *past
	runs     int
}

// pastAmount was paid three days ago.
const pastAmount = 100

// newCrashStage makes the disks on which HQ and a lane are to start.
func newCrashStage(t *testing.T) *crashStage {
	t.Helper()
	s := &stage{TB: t, profile: "generic", dir: t.TempDir(), outside: true}
	var err error
	s.issuer, err = newP256()
	s.must(err)
	l := s.newLane("L1")
	c := &crashStage{stage: s, hq: &victim{name: "hq", dir: filepath.Join(s.dir, "hq")}, lane: &victim{name: "lane", dir: l.dir}}
	was := t.TempDir()
	for _, m := range []*victim{c.hq, c.lane} {
		s.must(os.Mkdir(m.dir, 0o700))
		s.must(os.Mkdir(filepath.Join(was, m.name), 0o700))
	}
	c.past = writePast(t, filepath.Join(was, "hq"), filepath.Join(was, "lane"), s.issuer, pastAmount)
	s.token, c.phone = c.past.token, s.phone()
	conf, broker := s.hqConfig(c.hq.dir)
	s.outsideLine(broker)
	c.hq.args, c.lane.args = []string{"hq", "-c", conf}, []string{"lane", "-c", s.laneConfig(l)}
	for _, m := range []*victim{c.hq, c.lane} {
		m.base = simdisk.New()
		mount, err := m.base.Mount(m.dir)
		s.must(err)
		out, err := exec.Command("cp", "-a", filepath.Join(was, m.name)+"/.", m.dir).CombinedOutput()
		if e := mount.Unmount(); err != nil || e != nil {
			t.Fatalf("copying the past: %v, %v\n%s", err, e, out)
		}
	}
	return c
}

// durable are the operations that are points: on our own files. The broker's store is its own affair, and
// SQLite's shared memory and the lock mean nothing when nobody lives.
func durable(o simdisk.Op) bool {
	return !strings.HasPrefix(o.Path, "broker") && !strings.HasSuffix(o.Path, "-shm") && !strings.HasSuffix(o.Path, ".lock")
}

// point is one run of the story: what happens to which operation on whose disk.
type point struct {
	where string
	fault simdisk.Fault
	at    int
}

func (p point) String() string { return fmt.Sprintf("%s %s %d", p.where, p.fault, p.at) }

// start starts both machines on copies of their disks as they were before the story, with one fault to come;
// end unmounts them.
func (c *crashStage) start(p point) (target *victim, end func()) {
	c.Helper()
	c.runs++
	var mounts []*simdisk.Mount
	for _, m := range []*victim{c.hq, c.lane} {
		m.disk = m.base.Clone()
		plan := simdisk.Plan{Chosen: durable}
		if m.name == p.where {
			target, plan.At, plan.Fault = m, p.at, p.fault
		}
		m.disk.Plan(plan)
		mount, err := m.disk.Mount(m.dir)
		c.must(err)
		mounts = append(mounts, mount)
		m.kept = keep(c.TB, m.args, func() {
			if p.fault == simdisk.Kill || p.fault == simdisk.Tear {
				m.disk.Resume()
			}
		})
	}
	return target, func() {
		c.Helper()
		for _, m := range mounts {
			c.must(m.Unmount())
		}
	}
}

// run tells the story with one fault in it and returns how many operations there were, and which was hit.
func (c *crashStage) run(p point) (count int, hit simdisk.Op) {
	c.Helper()
	target, end := c.start(p)
	mended := make(chan struct{})
	ctx, stop := context.WithCancel(c.Context())
	go func() { defer close(mended); c.mend(ctx, p, target) }()
	shown := c.tell(ctx)
	count = target.disk.Counted()
	hit, _ = target.disk.Hit()
	stop()
	<-mended
	target.disk.Resume()
	c.settled(shown, p.fault != simdisk.None && p.fault != simdisk.Kill && p.fault != simdisk.Tear)
	end()
	return count, hit
}

// mend puts a failing disk right again once it was seen that the lane sells nothing on it.
func (c *crashStage) mend(ctx context.Context, p point, target *victim) {
	switch p.fault {
	case simdisk.Kill, simdisk.Tear, simdisk.None:
		return
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, hit := target.disk.Hit(); !hit {
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		if p.where == "lane" && p.fault == simdisk.FailOn && c.stopped() {
			c.sellsNothing()
		}
		if time.Since(since) > time.Second {
			target.disk.Resume()
			return
		}
	}
}

// stopped says whether the lane says that its journal has stopped.
func (c *crashStage) stopped() bool {
	var status struct {
		State  string `json:"state"`
		Reason string `json:"reason"`
	}
	return c.call(c.lanes[0], "GET", "/v1/lane", nil, &status) == http.StatusOK && status.State == "stopped" && status.Reason == "journal_stopped"
}

// sellsNothing wants a lane whose journal has stopped to open no sale. Its disk still fails, so it can't have
// come back meanwhile.
func (c *crashStage) sellsNothing() {
	body := map[string]any{"total": map[string]any{"minor": 1, "currency": "JPY"}}
	if code := c.call(c.lanes[0], "POST", "/v1/sales", body, nil); code == http.StatusCreated {
		c.Error("a sale was opened on a journal that had stopped")
	}
}

// tell is the story: the lane closes its business date and lets retention work, HQ cuts the settlement dates that
// have ended, and two sales are made, each sent, acknowledged and settled.
func (c *crashStage) tell(ctx context.Context) *seen {
	c.Helper()
	shown := &seen{paid: map[string]int64{}}
	for n := range 2 {
		c.sellOnce(ctx, shown, n)
		c.untilKept("HQ has everything", func() bool { return c.metric(c.lanes[0], "tilld_lane_entries_unacknowledged") == 0 })
		c.untilKept("a batch is cut", func() bool { code := c.ask("POST", "/v1/settlements", nil); return code > 0 && code < 300 })
	}
	return shown
}

// sellOnce sells until a payment was shown.
func (c *crashStage) sellOnce(ctx context.Context, shown *seen, n int) {
	c.Helper()
	l, was := c.lanes[0], shown.count()
	for try := 0; shown.count() == was; try++ {
		var sale saleView
		key := fmt.Sprintf("%d-%d-%d", c.runs, n, try)
		body := map[string]any{"total": map[string]any{"minor": 200 + n, "currency": "JPY"}}
		c.untilKept("a sale is open", func() bool {
			switch code := c.callKey(l, key, body, &sale); code {
			case http.StatusCreated, http.StatusOK:
				return true
			case http.StatusConflict:
				c.closeOpen(l)
			}
			return false
		})
		code, again := c.phone.code(), time.Now()
		c.untilKept("the sale is over", func() bool {
			if sale.State == "open" && !time.Now().Before(again) {
				c.must(l.scanner.Send(code))
				again = time.Now().Add(500 * time.Millisecond)
			}
			return c.call(l, "GET", "/v1/sales/"+sale.ID, nil, &sale) == http.StatusOK && sale.State != "open"
		})
		if sale.State != "paid" && sale.State != "completed" {
			continue
		}
		shown.note(sale)
		c.untilKept("the sale is completed", func() bool {
			c.call(l, "POST", "/v1/sales/"+sale.ID+"/complete", nil, nil)
			return c.call(l, "GET", "/v1/sales/"+sale.ID, nil, &sale) == http.StatusOK && sale.State == "completed"
		})
	}
}

// untilKept is until, with the logs of the kept processes.
func (c *crashStage) untilKept(what string, ok func() bool) {
	c.Helper()
	deadline := time.Now().Add(patience / 2)
	for !ok() {
		if time.Now().After(deadline) {
			c.Fatalf("gave up waiting: %s\nHQ (life %d) says:\n%s\nthe lane (life %d) says:\n%s", what, c.hq.lives(), tail(c.hq.log.String()), c.lane.lives(), tail(c.lane.log.String()))
		}
		c.pause(5 * time.Millisecond)
	}
}

// settled ends the story and holds what was shown against the journal and HQ's books. What was sold three days ago
// is in the books, and in the journal until retention has taken it.
func (c *crashStage) settled(shown *seen, faulty bool) {
	c.Helper()
	c.untilKept("HQ has everything", func() bool { return c.metric(c.lanes[0], "tilld_lane_entries_unacknowledged") == 0 })
	c.lane.stop()
	copied := *c.lanes[0]
	copied.dir = filepath.Join(c.TB.(*testing.T).TempDir(), "lane")
	c.must(os.CopyFS(copied.dir, os.DirFS(c.lane.dir)))
	c.cli("journal", "verify", "--data", c.lane.dir)
	approved := c.approvals(&copied)
	if _, there := approved[c.past.paid.String()]; there && !faulty {
		c.Error("retention has not taken what was sold three days ago")
	}
	delete(approved, c.past.paid.String())
	sum := int64(pastAmount)
	for _, amount := range approved {
		sum += amount
	}
	for id, amount := range shown.paid {
		if approved[id] != amount {
			c.Errorf("payment %s of %d was shown as paid, and the journal has %d", id, amount, approved[id])
		}
	}
	if len(approved) != len(shown.paid) {
		c.Errorf("%d approvals, of which %d were shown", len(approved), len(shown.paid))
	}
	c.dayRolled(&copied)
	c.untilKept("HQ has settled every approval once", func() bool { n, minor := c.tryCutAll(); return n == uint64(len(approved))+1 && minor == sum })
	c.daysCut()
	c.hq.stop()
	c.cli("hq", "check", "--data", c.hq.dir)
}

// dayRolled wants the business date of three days ago to be closed, once, and today's to be open.
func (c *crashStage) dayRolled(l *laneProcess) {
	c.Helper()
	j, err := journal.OpenCopy(c.Context(), filepath.Join(l.dir, journal.DatabaseFile))
	c.must(err)
	defer j.Close()
	var closed, opened int
	for row, err := range j.Rows(c.Context(), journal.Filter{}) {
		c.must(err)
		switch row.Kind {
		case payment.KindDayClosed:
			closed++
		case payment.KindDayOpened:
			opened++
		}
	}
	epochs, err := j.Epochs(c.Context())
	c.must(err)
	if pruned := epochs[0].Pruned; pruned == 0 && (closed != 1 || opened != 2) || pruned > 0 && (closed > 1 || opened != 1) {
		c.Errorf("%d dates were closed and %d opened in what is left of the journal, %d entries are gone", closed, opened, pruned)
	}
}

// daysCut wants one batch for each settlement date that ended since.
func (c *crashStage) daysCut() {
	c.Helper()
	var page settlements
	if code := c.ask("GET", "/v1/settlements", &page); code != http.StatusOK {
		c.Fatalf("listing batches: %d", code)
	}
	var dates []string
	for _, b := range page.Items {
		if b.Cause == "day" {
			dates = append(dates, b.Date)
		}
	}
	slices.Sort(dates)
	if n := len(slices.Compact(slices.Clone(dates))); n < 4 || n != len(dates) {
		c.Errorf("settlement dates were cut so: %v", dates)
	}
}

// tryCutAll is cutAll at an HQ that may be starting.
func (c *crashStage) tryCutAll() (count uint64, minor int64) {
	if code := c.ask("POST", "/v1/settlements", nil); code == 0 || code >= 300 {
		return 0, 0
	}
	return c.cutAll()
}

// share is the part of the points that this process tries: every one whose number is part more than a multiple of
// parts, or so many of them by chance.
type share struct {
	part, parts int
	least       int // 0: all
	rng         *rand.Rand
}

// points are those of n operations; more says that later ones are to be tried too, for as long as there are any.
func (s *share) points(n int) (list []int, more bool) {
	for at := s.part + 1; at <= n; at += s.parts {
		list = append(list, at)
	}
	if s.least == 0 {
		return list, true
	}
	s.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(s.least, len(list))], false
}

// shareOf reads what the environment wants of this process.
func shareOf(t *testing.T, seed uint64) *share {
	t.Helper()
	s := &share{parts: 1, least: 1}
	if text := os.Getenv(envCrashPart); text != "" {
		if _, err := fmt.Sscanf(text, "%d/%d", &s.part, &s.parts); err != nil {
			t.Fatalf("%s=%q: %v", envCrashPart, text, err)
		}
	}
	switch text := os.Getenv(envCrashPoints); text {
	case "":
	case "all":
		s.least = 0
	default:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("%s=%q", envCrashPoints, text)
		}
		s.least = max(1, n/s.parts)
	}
	s.rng = rand.New(rand.NewPCG(seed, uint64(s.part)))
	return s
}

// crashParts has the points tried by several processes at a time, each with disks of its own: they wait most of
// the time.
func crashParts(t *testing.T, seed uint64) {
	parts := 3 * runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	for i := range parts {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashPoints$", "-test.timeout=0", "-test.v")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d/%d", envCrashPart, i, parts), fmt.Sprintf("%s=%d", envCrashSeed, seed))
		all.Go(func() {
			out, err := cmd.CombinedOutput()
			t.Logf("part %d of %d:\n%s", i, parts, out)
			if err != nil {
				t.Errorf("part %d of %d: %v", i, parts, err)
			}
		})
	}
	all.Wait()
}

// TestCrashPoints: wherever in a cycle (the roll of the day, retention, sale, sync, acknowledgement, day cut) a lane
// or HQ is killed, or its disk fails or is full, the story goes on to its end with nothing lost and nothing doubled.
// Where many points are tried, it is done in several processes: they wait most of the time.
func TestCrashPoints(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv(envCrashSeed); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("again with %s=%d", envCrashSeed, seed)
	if text := os.Getenv(envCrashAt); text != "" {
		f := strings.Fields(text)
		at, err := strconv.Atoi(f[len(f)-1])
		if err != nil || len(f) < 3 {
			t.Fatalf("%s=%q", envCrashAt, text)
		}
		newCrashStage(t).try(t, point{f[0], simdisk.Fault(strings.Join(f[1:len(f)-1], " ")), at})
		return
	}
	if os.Getenv(envCrashPoints) != "" && os.Getenv(envCrashPart) == "" {
		crashParts(t, seed)
		return
	}
	c, mine := newCrashStage(t), shareOf(t, seed)
	for _, where := range []string{"lane", "hq"} {
		total, _ := c.run(point{where: where})
		t.Logf("%s: %d operations undisturbed", where, total)
		for _, fault := range []simdisk.Fault{simdisk.Kill, simdisk.Tear, simdisk.FailOnce, simdisk.FailOn, simdisk.NoSpace} {
			list, more := mine.points(total)
			for _, at := range list {
				c.try(t, point{where, fault, at})
			}
			for at := total + 1; more; at++ { // no two runs have quite the same number
				more = (at-1)%mine.parts != mine.part || c.try(t, point{where, fault, at})
			}
		}
	}
}

// try is one point, in a test of its own name; it says whether there was such an operation.
func (c *crashStage) try(t *testing.T, p point) (hit bool) {
	t.Run(p.String(), func(t *testing.T) {
		was := c.TB
		c.TB, c.stage.TB = t, t
		defer func() { c.TB, c.stage.TB = was, was }()
		count, op := c.run(p)
		hit = op != simdisk.Op{}
		t.Logf("%d operations, hit: %s", count, op)
	})
	return hit
}

// TestFailedSync: once a sync of the journal has failed the lane says so and sells nothing, though the disk works
// again at once, until it has read its journal anew; then it sells, and nothing is lost.
func TestFailedSync(t *testing.T) {
	c := newCrashStage(t)
	_, end := c.start(point{})
	shown := &seen{paid: map[string]int64{}}
	c.sellOnce(t.Context(), shown, 0)
	c.lane.disk.Plan(simdisk.Plan{At: 1, Fault: simdisk.FailOn, Chosen: func(o simdisk.Op) bool { return o.Kind == simdisk.Sync && durable(o) }})
	body := map[string]any{"total": map[string]any{"minor": 1, "currency": "JPY"}}
	if code := c.call(c.lanes[0], "POST", "/v1/sales", body, nil); code == http.StatusCreated {
		t.Error("a sale was opened, and its entry was not synced")
	}
	c.untilKept("the lane says that its journal has stopped", c.stopped)
	c.sellsNothing()
	if screen := c.cashierScreen(); !strings.Contains(screen, "can&#39;t record payments") {
		t.Errorf("the cashier does not see why:\n%s", screen)
	}
	c.lane.disk.Resume()
	c.untilKept("the lane works again", func() bool { return !c.stopped() })
	if n := c.lane.lives(); n != 1 {
		t.Errorf("the lane was started %d times", n)
	}
	c.sellOnce(t.Context(), shown, 1)
	c.settled(shown, false)
	end()
}

// cashierScreen is the screen that a cashier's page is sent first: the first event of its stream.
func (c *crashStage) cashierScreen() string {
	c.Helper()
	ctx, end := context.WithTimeout(c.Context(), patience)
	defer end()
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+c.lanes[0].pages+"/live", nil)
	c.must(err)
	resp, err := http.DefaultClient.Do(req)
	c.must(err)
	defer resp.Body.Close()
	var screen strings.Builder
	for in := bufio.NewScanner(resp.Body); in.Scan() && (in.Text() != "" || screen.Len() == 0); {
		screen.WriteString(in.Text() + "\n")
	}
	return screen.String()
}
