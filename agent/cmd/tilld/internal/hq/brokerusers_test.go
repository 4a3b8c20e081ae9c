package hq

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/payment"
	"tilld/sync/mqtt"
	"tilld/sync/wire"
)

// TestLanesHaveTheirTopics: at a real HQ, whoever names himself as a terminal gets that terminal's downward topic
// and no other's, names that lanes share get any terminal's, and nobody hears what goes up.
func TestLanesHaveTheirTopics(t *testing.T) {
	one, two := payment.ID{1}, payment.ID{2}
	names := filepath.Join(t.TempDir(), "names")
	text := one.String() + ":first\n\n" + two.String() + ":second\nlanes:third\n"
	if err := os.WriteFile(names, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	up, down := wire.UpTopic(one), wire.DownTopic(one)
	for _, tt := range []struct {
		name           string
		names          string
		user, password string
		may, mayNot    []string
	}{
		{"a terminal", names, one.String(), "first", []string{down, wire.AllTopic}, []string{up, wire.DownTopic(two), wire.DownFilter, wire.UpFilter(-1), "#"}},
		{"another terminal", names, two.String(), "second", []string{wire.DownTopic(two), wire.AllTopic}, []string{down, "tilld/1/#"}},
		{"a name that lanes share", names, "lanes", "third", []string{down, wire.AllTopic}, []string{up, wire.UpFilter(-1), "#"}},
		{"nobody", names, "", "", nil, []string{wire.AllTopic}},
		{"a guest on loopback", "", "", "", []string{down, wire.AllTopic}, []string{up, wire.UpFilter(-1), "#"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := hqWithNames(t, tt.names)
			for _, topic := range tt.may {
				if err := subscribe(t, url, tt.user, tt.password, topic); err != nil {
					t.Errorf("%s: %v", topic, err)
				}
			}
			for _, topic := range tt.mayNot {
				if err := subscribe(t, url, tt.user, tt.password, topic); err == nil {
					t.Errorf("%s was granted", topic)
				} else if refused := (*mqtt.RefusedError)(nil); tt.name != "nobody" && !errors.As(err, &refused) {
					t.Errorf("%s: %v", topic, err)
				}
			}
		})
	}
}

// TestLanesAskInTheirOwnName: at a real HQ, what a terminal says on another's asking topic does not reach HQ.
func TestLanesAskInTheirOwnName(t *testing.T) {
	one, two := payment.ID{1}, payment.ID{2}
	names := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(names, []byte(one.String()+":first\nlanes:third\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, addr := runHQWithNames(t, names)
	heard := make(chan string, 16)
	connect := func(c mqtt.Config) *mqtt.Client {
		up := make(chan struct{}, 8)
		c.Brokers, c.OnState = []string{"mqtt://" + addr}, func(is bool, _ error) {
			if is {
				up <- struct{}{}
			}
		}
		client, err := mqtt.NewClient(c)
		if err != nil {
			t.Fatal(err)
		}
		(&running{T: t, log: &lockedBuffer{}}).run(client.Run)
		<-up
		return client
	}
	owner, secret := n.broker.Owner()
	connect(mqtt.Config{ClientID: "hears", Username: owner, Password: secret, Subscriptions: []mqtt.Subscription{{Filter: wire.AskFilter(-1)}},
		OnMessage: func(topic string, _ []byte) { heard <- topic }})
	for _, tt := range []struct {
		user, password string
		want           []string
	}{
		{one.String(), "first", []string{wire.AskTopic(one)}},
		{"lanes", "third", []string{wire.AskTopic(two), wire.AskTopic(one)}},
	} {
		c := connect(mqtt.Config{ClientID: "says-" + tt.user, Username: tt.user, Password: tt.password})
		for _, id := range []payment.ID{two, one} {
			if err := c.Publish(t.Context(), wire.AskTopic(id), 1, []byte("rubbish")); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range tt.want {
			if got := <-heard; got != want {
				t.Errorf("%s: HQ hears %s, want %s", tt.user, got, want)
			}
		}
	}
}

// hqWithNames runs an HQ on loopback and returns its broker's address.
func hqWithNames(t *testing.T, names string) string {
	t.Helper()
	_, addr := runHQWithNames(t, names)
	return addr
}

func runHQWithNames(t *testing.T, names string) (*Node, string) {
	t.Helper()
	dir := t.TempDir()
	if err := Init(t.Context(), dir, "kita", "JPY", "Asia/Tokyo", time.Now); err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	n, err := Open(t.Context(), &config.HQ{
		Data: dir, Embedded: config.Embedded{Listen: "127.0.0.1:0", CredentialsFile: names},
		Serve: config.Serve{Address: "127.0.0.1:0"}, Settle: config.Settle{Zone: "UTC", Cut: "05:00"},
	}, "test", slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	r := &running{T: t, Node: n, log: log}
	r.run(n.Run)
	r.until("HQ listens", func() bool { return n.asks.client.Stats().Up })
	return n, n.BrokerAddr()
}

// subscribe says why a client does not come up with the subscription; nil: it does.
func subscribe(t *testing.T, broker, user, password, filter string) error {
	t.Helper()
	states := make(chan error, 8)
	c, err := mqtt.NewClient(mqtt.Config{
		Brokers: []string{"mqtt://" + broker}, ClientID: "asks", Username: user, Password: password,
		Subscriptions: []mqtt.Subscription{{Filter: filter}}, OnMessage: func(string, []byte) {},
		OnState: func(up bool, reason error) {
			select {
			case states <- reason:
			default: // the first is enough
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	return <-states
}
