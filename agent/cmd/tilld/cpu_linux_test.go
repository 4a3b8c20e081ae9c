package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// allowed are the processors that this process may run on.
func allowed(t testing.TB) (list []int) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for cpu := range 1024 { // as many as a set holds
		if set.IsSet(cpu) {
			list = append(list, cpu)
		}
	}
	return list
}

func setOf(cpus ...int) *unix.CPUSet {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return &set
}

// startOn starts tilld on one processor alone: it finds no other from its first instruction on.
func (s *stage) startOn(cpu int, args ...string) *process {
	s.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	s.must(unix.SchedGetaffinity(0, &before))
	s.must(unix.SchedSetaffinity(0, setOf(cpu)))
	p := s.start(args...) // a child is born with what the thread that makes it has
	s.must(unix.SchedSetaffinity(0, &before))
	return p
}

// stayOn keeps this process to some processors until the benchmark ends.
func stayOn(b *testing.B, cpus ...int) {
	b.Helper()
	all, most := allowed(b), runtime.GOMAXPROCS(len(cpus))
	pinThreads(b, cpus)
	b.Cleanup(func() { pinThreads(b, all); runtime.GOMAXPROCS(most) })
}

// pinThreads moves every thread of this process; those to come are made by them, and stay with them.
func pinThreads(b *testing.B, cpus []int) {
	b.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil || len(tasks) == 0 {
		b.Fatalf("no threads: %v", err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.SchedSetaffinity(id, setOf(cpus...)); err != nil && !errors.Is(err, unix.ESRCH) { // it may have ended
			b.Fatal(err)
		}
	}
}

// cpuTick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const cpuTick = 10 * time.Millisecond

// cpu is the processor time that a process has used so far, by proc_pid_stat(5).
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // the first is field 3
	var sum time.Duration
	for _, field := range fields[14-3 : 15-3+1] {
		n, err := strconv.Atoi(string(field))
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n) * cpuTick
	}
	return sum
}
