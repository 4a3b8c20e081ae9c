package mqtt

import (
	"fmt"
	"net"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Two lanes whose names the broker knows, and one of those that share a name.
var (
	laneA  = User{Credential{"A", "a"}, Rights{Publish: []string{"t/up/1/A"}, Subscribe: []string{"t/down/A", "t/all"}}}
	laneB  = User{Credential{"B", "b"}, Rights{Publish: []string{"t/up/2/B"}, Subscribe: []string{"t/down/B", "t/all"}}}
	shared = User{Credential{"lanes", "s"}, Rights{Publish: []string{"t/up/+/+"}, Subscribe: []string{"t/down/+", "t/all"}}}
	mute   = User{Credential: Credential{"mute", "m"}}
)

// as signs a raw client in.
func as(u User) func(*paho.ClientOptions) {
	return func(o *paho.ClientOptions) {
		o.SetUsername(u.Name).SetPassword(u.Password).SetClientID("raw-" + u.Name)
	}
}

// owner joins as who started the broker.
func owner(t *testing.T, b *Broker, cfg Config) *party {
	t.Helper()
	cfg.Username, cfg.Password = b.Owner()
	return join(t, b.URL(), cfg).waitUp(t)
}

// granted asks for a subscription and returns the SUBACK's code.
func granted(t *testing.T, c paho.Client, filter string, qos byte) byte {
	t.Helper()
	token := c.Subscribe(filter, qos, nil).(*paho.SubscribeToken)
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("subscribe to %s: %v", filter, token.Error())
	}
	for _, code := range token.Result() { // one, under a name that paho may have cut
		return code
	}
	t.Fatalf("subscribe to %s: no answer", filter)
	return 0
}

// TestSubscribeRights: nobody listens where it is not his to listen, by no way of writing it.
func TestSubscribeRights(t *testing.T) {
	b := broker(t, BrokerConfig{Users: []User{laneA, laneB, shared, mute}})
	never := []string{
		"#", "+/#", "+/+/+", "t/#", "t/+", "t/+/+", "t/up/1/A", "t/up/+/+", "t/up/#", "t/down/#", "t/down/A/+", "other",
		"$MQTT/sub/#", "$MQTT/#", "$MQTT/msgs/#", "$SYS/#", "$JS/#", "_INBOX/#", "$share/g/t/up/1/A",
	}
	for _, tt := range []struct {
		user User
		yes  []string
		no   []string
	}{
		{laneA, []string{"t/down/A", "t/all"}, append(never, "t/down/B", "t/down/+")},
		{laneB, []string{"t/down/B", "t/all"}, append(never, "t/down/A", "t/down/+")},
		{shared, []string{"t/down/A", "t/down/+", "t/all"}, never},
		{mute, nil, append(never, "t/all", "t/down/mute", "t/down/+")},
	} {
		t.Run(tt.user.Name, func(t *testing.T) {
			c := raw(t, b, as(tt.user))
			for _, f := range tt.yes {
				if got := granted(t, c, f, 0); got != 0 {
					t.Errorf("%s: %#x", f, got)
				}
			}
			for _, f := range tt.no {
				for qos := range byte(2) {
					if got := granted(t, c, f, qos); got != 0x80 {
						t.Errorf("%s with QoS %d: granted %#x", f, qos, got)
					}
				}
			}
		})
	}
}

// TestPublishRights: what is said where it may not be said reaches nobody, the owner included, and nothing of it is
// kept for those to come.
func TestPublishRights(t *testing.T) {
	b := broker(t, BrokerConfig{Users: []User{laneA, laneB, shared, mute}})
	hq := owner(t, b, Config{Subscriptions: on("#")})
	never := []string{"t/all", "t/down/A", "t/down/B", "t/up/1", "t/up/1/A/x", "other", "$MQTT/msgs/t/up/1/A", "$MQTT/rmsgs/t/all", "$JS/API/INFO"}
	for _, tt := range []struct {
		user User
		yes  []string
		no   []string
	}{
		{laneA, []string{"t/up/1/A"}, append(never, "t/up/2/B", "t/up/2/A")},
		{shared, []string{"t/up/1/A", "t/up/2/B"}, never},
		{mute, nil, append(never, "t/up/1/A", "t/up/1/mute")},
	} {
		c := raw(t, b, as(tt.user))
		say := func(topic string, qos byte, retained bool, text string) {
			token := c.Publish(topic, qos, retained, text)
			if !token.WaitTimeout(patience) || token.Error() != nil {
				t.Fatalf("%s on %s: %v", tt.user.Name, topic, token.Error())
			}
		}
		for _, topic := range tt.no {
			say(topic, 0, false, "no")
			say(topic, 1, true, "no")
		}
		for _, topic := range tt.yes {
			say(topic, 1, false, "yes")
			hq.hear(t, topic, "yes") // the first that comes through
		}
	}
	hq.say(t, "end", 1, "")
	hq.hear(t, "end", "")
	late := owner(t, b, Config{Subscriptions: on("#")})
	hq.say(t, "end", 1, "")
	late.hear(t, "end", "")
	if n := late.Stats().Retained; n != 0 {
		t.Errorf("%d messages were kept", n)
	}
}

// TestDownward: what the owner says reaches those who may hear it.
func TestDownward(t *testing.T) {
	b := broker(t, BrokerConfig{Users: []User{laneA, laneB}})
	hq := owner(t, b, Config{})
	var lanes []*party
	for qos, u := range []User{laneA, laneB} {
		lanes = append(lanes, join(t, b.URL(), Config{
			Username: u.Name, Password: u.Password, Subscriptions: []Subscription{{"t/down/" + u.Name, byte(qos)}, {"t/all", byte(qos)}},
		}).waitUp(t))
	}
	hq.say(t, "t/down/A", 0, "for A")
	hq.say(t, "t/down/B", 1, "for B")
	hq.say(t, "t/all", 1, "for all")
	lanes[0].hear(t, "t/down/A", "for A")
	lanes[0].hear(t, "t/all", "for all")
	lanes[1].hear(t, "t/down/B", "for B")
	lanes[1].hear(t, "t/all", "for all")
}

// TestWhoGetsIn: with names, nobody gets in without one, wherever the broker listens. Without names everybody on
// this machine is a guest.
func TestWhoGetsIn(t *testing.T) {
	certificates := newAuthority(t)
	files := certificates.issue(t, "broker")
	mutual, err := files.Server()
	if err != nil {
		t.Fatal(err)
	}
	server, err := TLSFiles{Cert: files.Cert, Key: files.Key}.Server()
	if err != nil {
		t.Fatal(err)
	}
	client, err := certificates.issue(t, "lane").Client()
	if err != nil {
		t.Fatal(err)
	}
	const likeHash = "$2a$04$abcdefghijklmnopqrstuv0123456789012345678901234567890"
	named, guests := []User{laneA, {Credential: Credential{"hashed", likeHash}}}, Rights{Subscribe: []string{"t/all"}}
	for _, tt := range []struct {
		name   string
		broker BrokerConfig
		guest  bool
	}{
		{"names on loopback", BrokerConfig{Users: named, Guests: everything}, false},
		{"names in the clear, by consent", BrokerConfig{Users: named, Listen: "0.0.0.0:0", AllowPlaintext: true}, false},
		{"names over TLS", BrokerConfig{Users: named, Listen: "0.0.0.0:0", TLS: server}, false},
		{"names over mutual TLS", BrokerConfig{Users: named, Listen: "0.0.0.0:0", TLS: mutual}, false},
		{"no names over mutual TLS", BrokerConfig{Guests: guests, Listen: "0.0.0.0:0", TLS: mutual}, true},
		{"no names on loopback", BrokerConfig{Guests: guests}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := broker(t, tt.broker)
			_, port, err := net.SplitHostPort(b.Addr())
			if err != nil {
				t.Fatal(err)
			}
			url := "mqtt://127.0.0.1:" + port
			if tt.broker.TLS != nil {
				url = "mqtts://127.0.0.1:" + port
			}
			try := func(name, password string) bool {
				return join(t, url, Config{TLS: client, Username: name, Password: password}).next(t).up
			}
			if got := try("", ""); got != tt.guest {
				t.Errorf("without a name: up %t, want %t", got, tt.guest)
			}
			if got := try("A", "a"); got == tt.guest {
				t.Errorf("by name: up %t", got)
			}
			if got := try("hashed", likeHash); got == tt.guest {
				t.Errorf("with a password like a hash: up %t", got)
			}
			if try("A", "wrong") || try("A", "") || try("nobody", "a") {
				t.Error("let in by a wrong name or password")
			}
			if !owner(t, &Broker{owner: b.owner, tls: b.tls, addr: "127.0.0.1:" + port}, Config{TLS: client}).Stats().Up {
				t.Error("the owner is not let in")
			}
		})
	}
}

// TestGuestRights: on loopback a guest has the rights of the configuration, and by default none.
func TestGuestRights(t *testing.T) {
	b := broker(t, BrokerConfig{Guests: Rights{Subscribe: []string{"t/all"}}})
	c := raw(t, b, nil)
	if got := granted(t, c, "t/all", 0); got != 0 {
		t.Errorf("t/all: %#x", got)
	}
	if got := granted(t, c, "t/down/A", 0); got != 0x80 {
		t.Errorf("t/down/A: granted %#x", got)
	}
	none, err := StartBroker(BrokerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(none.Close)
	if got := granted(t, raw(t, none, nil), "t/all", 0); got != 0x80 {
		t.Errorf("by default: granted %#x", got)
	}
}

// TestRetainedIsIgnored: what a broker kept from before is no news, whoever had it kept. What comes now is.
func TestRetainedIsIgnored(t *testing.T) {
	for qos := range byte(2) {
		t.Run(fmt.Sprintf("QoS %d", qos), func(t *testing.T) {
			b := broker(t, BrokerConfig{Users: []User{shared}})
			c := raw(t, b, as(shared))
			if token := c.Publish("t/up/1/A", 1, true, "old"); !token.WaitTimeout(patience) || token.Error() != nil {
				t.Fatal(token.Error())
			}
			hq := owner(t, b, Config{Subscriptions: []Subscription{{"t/up/+/+", qos}}})
			waitFor(t, "the old message", func() bool { return hq.Stats().Retained == 1 })
			if token := c.Publish("t/up/1/A", 1, true, "new"); !token.WaitTimeout(patience) || token.Error() != nil {
				t.Fatal(token.Error())
			}
			hq.hear(t, "t/up/1/A", "new")
			hq.hearNothing(t)
		})
	}
}
