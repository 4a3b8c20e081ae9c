package mqtt

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"tilld/agent/payment"
	tilldwire "tilld/sync/wire"
)

// documented is a configuration that BROKERS.md gives to operators, by its first line.
func documented(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile("BROKERS.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```conf\n(# " + regexp.QuoteMeta(name) + "\n.*?)```").FindStringSubmatch(string(page))
	if block == nil {
		t.Fatalf("no %s", name)
	}
	return block[1]
}

func terminals(t *testing.T) (one, two payment.ID) {
	t.Helper()
	ids := payment.NewIDs(time.Now, rand.Reader)
	one, err := ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	if two, err = ids.Next(); err != nil {
		t.Fatal(err)
	}
	return one, two
}

// TestDocumentedAccess: with the rights that BROKERS.md gives, lanes and HQ hear each other, and no lane speaks or listens
// in another's name.
func TestDocumentedAccess(t *testing.T) {
	for name, start := range map[string]func(*testing.T, payment.ID, payment.ID) string{"mosquitto": guardedMosquitto, "nats": guardedNATS} {
		t.Run(name, func(t *testing.T) {
			one, two := terminals(t)
			url := start(t, one, two)
			as := func(user, id string, subs ...Subscription) *party {
				return join(t, url, Config{ClientID: id, Username: user, Password: "secret", Subscriptions: subs}).waitUp(t)
			}
			hq := as("hq", "hq-1", Subscription{tilldwire.UpFilter(-1), 1}, Subscription{tilldwire.AskFilter(-1), 0})
			lane := as(one.String(), "lane-"+one.String(), Subscription{tilldwire.DownTopic(one), 0}, Subscription{tilldwire.AllTopic, 0})
			lane.say(t, tilldwire.UpTopic(one), 1, "sale")
			hq.hear(t, tilldwire.UpTopic(one), "sale")
			lane.say(t, tilldwire.AskTopic(one), 0, "ask")
			hq.hear(t, tilldwire.AskTopic(one), "ask")
			hq.say(t, tilldwire.DownTopic(one), 0, "word")
			lane.hear(t, tilldwire.DownTopic(one), "word")
			hq.say(t, tilldwire.AllTopic, 1, "hello")
			lane.hear(t, tilldwire.AllTopic, "hello")

			thief := as(two.String(), "thief")
			_ = thief.Publish(t.Context(), tilldwire.UpTopic(one), 1, []byte("in another's name")) // acknowledged, or thrown out
			_ = thief.Publish(t.Context(), tilldwire.AskTopic(one), 1, []byte("in another's name"))
			_ = thief.Publish(t.Context(), tilldwire.DownTopic(one), 1, []byte("in HQ's name"))
			_ = thief.Publish(t.Context(), tilldwire.AllTopic, 1, []byte("in HQ's name"))
			spy := join(t, url, Config{ClientID: "spy", Username: two.String(), Password: "secret",
				Subscriptions: []Subscription{{tilldwire.DownTopic(one), 0}, {tilldwire.UpFilter(-1), 0}, {tilldwire.AskFilter(-1), 0}}})
			spy.next(t) // refused, or granted and deaf
			lane.say(t, tilldwire.UpTopic(one), 1, "sale 2")
			hq.hear(t, tilldwire.UpTopic(one), "sale 2")
			lane.say(t, tilldwire.AskTopic(one), 0, "ask 2")
			hq.hear(t, tilldwire.AskTopic(one), "ask 2")
			hq.say(t, tilldwire.DownTopic(one), 0, "word 2")
			lane.hear(t, tilldwire.DownTopic(one), "word 2")
			spy.hearNothing(t)

			stranger := join(t, url, Config{ClientID: "stranger"})
			if s := stranger.next(t); s.up {
				t.Error("somebody without a name gets in")
			}
		})
	}
}

func guardedMosquitto(t *testing.T, one, two payment.ID) string {
	dir := t.TempDir()
	acl, passwords, conf := filepath.Join(dir, "acl"), filepath.Join(dir, "passwords"), filepath.Join(dir, "mosquitto.conf")
	addr := freeAddr(t)
	_, port, _ := strings.Cut(addr, ":")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(acl, documented(t, "mosquitto.acl"))
	write(passwords, "")
	for _, user := range []string{"hq", one.String(), two.String()} {
		if out, err := exec.Command("mosquitto_passwd", "-b", passwords, user, "secret").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	text := documented(t, "mosquitto.conf") + "listener " + port + " 127.0.0.1\nallow_anonymous false\npassword_file " + passwords + "\nacl_file " + acl + "\n"
	if os.Getuid() == 0 {
		text += "user root\n" // it would give root up, and not read the test's files
	}
	write(conf, text)
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
	}
	cmd := exec.Command(path, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make deps installs it)", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return "mqtt://" + addr
}

func guardedNATS(t *testing.T, one, two payment.ID) string {
	users := strings.ReplaceAll(documented(t, "nats users"), "PASSWORD", "secret")
	line := regexp.MustCompile(`(?m)^.*TERMINAL.*\n`).FindString(users)
	users = strings.Replace(users, line, strings.ReplaceAll(line, "TERMINAL", one.String())+strings.ReplaceAll(line, "TERMINAL", two.String()), 1)
	text := strings.NewReplacer(`"/var/lib/nats"`, strconv.Quote(filepath.Join(t.TempDir(), "store")), "mqtt {\n", "mqtt {\n  listen: \"127.0.0.1:-1\"\n",
		"stream_replicas: 3", "stream_replicas: 1").Replace(documented(t, "nats.conf"))
	conf := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(conf, []byte(text+users+"server_name: n1\nlisten: \"127.0.0.1:-1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	o.NoSigs, o.NoLog = true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("not ready")
	}
	return "mqtt://127.0.0.1:" + strconv.Itoa(o.MQTT.Port)
}
