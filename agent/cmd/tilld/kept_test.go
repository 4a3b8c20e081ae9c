package main

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kept is tilld under a service manager: whatever ends it, it is started again, until stop.
type kept struct {
	t    testing.TB
	args []string
	died func() // called after each death that nobody asked for
	log  *lockedBuffer

	mu      sync.Mutex
	cmd     *exec.Cmd
	stopped bool
	deaths  int
	done    chan struct{}
}

func keep(t testing.TB, args []string, died func()) *kept {
	t.Helper()
	k := &kept{t: t, args: args, died: died, log: &lockedBuffer{}, done: make(chan struct{})}
	if err := k.begin(); err != nil {
		t.Fatal(err)
	}
	go k.run()
	t.Cleanup(k.kill)
	return k
}

func (k *kept) begin() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return nil
	}
	k.cmd = exec.Command(self, k.args...)
	k.cmd.Env = append(os.Environ(), asProgram+"=1")
	k.cmd.Stdout, k.cmd.Stderr = k.log, k.log
	return k.cmd.Start()
}

// pauseBetween is how long a service manager waits before it starts a program again.
const pauseBetween = 100 * time.Millisecond

func (k *kept) run() {
	defer close(k.done)
	for {
		_ = k.cmd.Wait() // how it ended is in its log, and no matter here
		k.mu.Lock()
		k.deaths++
		stopped := k.stopped
		k.mu.Unlock()
		if stopped {
			return
		}
		k.died()
		<-time.After(pauseBetween)
		if err := k.begin(); err != nil {
			k.t.Errorf("starting again: %v", err)
			return
		}
	}
}

func (k *kept) signal(s syscall.Signal) {
	k.mu.Lock()
	k.stopped = true
	_ = k.cmd.Process.Signal(s) // it may have ended
	k.mu.Unlock()
	<-k.done
}

// stop ends it in order.
func (k *kept) stop() { k.signal(syscall.SIGTERM) }

func (k *kept) kill() { k.signal(syscall.SIGKILL) }

// lives is how often it was started.
func (k *kept) lives() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.deaths + 1
}
