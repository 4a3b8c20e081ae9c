package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// road is the brokers of a stage that are not HQ's own: processes that can be killed and frozen.
type road struct {
	keepAlive string
	nodes     []*process
	addresses []string // a broker's each
	full      string   // what a broker's log says when it can hold no more
}

func (r *road) outside() bool { return len(r.nodes) > 0 }

// table is the [broker] of the nth who connects: each begins with another node, and has the others to go to.
func (r *road) table(n int) string {
	var list []string
	for i := range r.addresses {
		list = append(list, fmt.Sprintf("%q", "mqtt://"+r.addresses[(n+i)%len(r.addresses)]))
	}
	return fmt.Sprintf("[broker]\naddresses = [%s]\nkeep_alive = %q\n", strings.Join(list, ", "), r.keepAlive)
}

const brokersPage = "../../../sync/mqtt/BROKERS.md"

// documented is the configuration that operators are told to use, by its first line; small makes its limits so small
// that a flood reaches them.
func documented(t testing.TB, name string, small map[string]string) string {
	t.Helper()
	page, err := os.ReadFile(brokersPage)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```conf\n(# " + regexp.QuoteMeta(name) + "\n.*?)```").FindStringSubmatch(string(page))
	if block == nil {
		t.Fatalf("%s has no %s", brokersPage, name)
	}
	conf := block[1]
	for from, to := range small {
		if strings.Count(conf, from) != 1 {
			t.Fatalf("%s of %s: %q is not there once", name, brokersPage, from)
		}
		conf = strings.Replace(conf, from, to, 1)
	}
	return conf
}

// node starts one broker's process.
func node(t testing.TB, command func() *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, command: command, log: &lockedBuffer{}}
	p.begin()
	t.Cleanup(p.kill)
	return p
}

// mosquitto is Debian's, as documented, but for a queue that a flood fills.
func mosquitto(t testing.TB) road {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // not everybody's PATH has sbin; make deps installs it
	}
	addr := freeAddr(t)
	_, port, _ := strings.Cut(addr, ":")
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := documented(t, "mosquitto.conf", map[string]string{"max_queued_bytes 268435456": "max_queued_bytes 262144"})
	text += "listener " + port + " 127.0.0.1\nallow_anonymous true\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return road{full: "Outgoing messages are being dropped for client hq-", addresses: []string{addr}, nodes: []*process{node(t, func() *exec.Cmd { return exec.Command(path, "-c", conf) })}}
}

// asNATS makes this test binary be a NATS server with the configuration file that it names.
const asNATS = "TILLD_TEST_AS_NATS"

func runNATS(conf string) int {
	o, err := server.ProcessConfigFile(conf)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailure
	}
	o.NoSigs = true
	s, err := server.NewServer(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailure
	}
	s.ConfigureLogger()
	s.Start()
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	s.Shutdown()
	s.WaitForShutdown()
	return 0
}

// cluster is three NATS servers as documented, each a process of its own, with a store that a flood fills.
func cluster(t testing.TB) road {
	t.Helper()
	const size = 3
	r := road{full: "JetStream file resource limits exceeded"}
	routes := make([]string, size)
	for i := range routes {
		r.addresses = append(r.addresses, freeAddr(t))
		routes[i] = freeAddr(t)
	}
	for i := range size {
		dir := t.TempDir()
		text := documented(t, "nats.conf", map[string]string{
			`"/var/lib/nats"`:            fmt.Sprintf("%q", filepath.Join(dir, "store")),
			"max_file_store: 1073741824": "max_file_store: 16777216",
			"mqtt {\n":                   fmt.Sprintf("mqtt {\n  listen: %q\n", r.addresses[i]),
		})
		var others []string
		for _, a := range routes {
			others = append(others, fmt.Sprintf("%q", (&url.URL{Scheme: "nats", Host: a}).String()))
		}
		text += fmt.Sprintf("server_name: n%d\nlisten: \"127.0.0.1:-1\"\ncluster { name: hq, listen: %q, routes: [%s] }\n", i, routes[i], strings.Join(others, ", "))
		conf := filepath.Join(dir, "nats.conf")
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.nodes = append(r.nodes, node(t, func() *exec.Cmd {
			cmd := exec.Command(self(t))
			cmd.Env = append(os.Environ(), asNATS+"="+conf)
			return cmd
		}))
	}
	return r
}
