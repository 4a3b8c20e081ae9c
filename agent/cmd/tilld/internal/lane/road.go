package lane

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/lane"
	"tilld/sync/mqtt"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

const (
	roadPath  = "/v1/ask"
	roadLimit = 8 << 10          // bytes of an answer
	roadWait  = 15 * time.Second // HQ waits for the operator as long as the lane's screen says "asking"
)

// secondRoad posts a signed message to HQ's own address; nil without one. What is not 200 is no answer.
func secondRoad(d config.Direct) (func(ctx context.Context, payload []byte) ([]byte, error), error) {
	if d.URL == "" {
		return nil, nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // a till's payments go where its file says
	if d.TLS != (config.TLS{}) {
		var err error
		if transport.TLSClientConfig, err = mqtt.TLSFiles(d.TLS).Client(); err != nil {
			return nil, fmt.Errorf("hq.tls: %w", err)
		}
	}
	client := &http.Client{Transport: transport, Timeout: roadWait, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	url := strings.TrimSuffix(d.URL, "/") + roadPath
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(payload))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/octet-stream")
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("HQ answered %s", resp.Status)
		}
		return io.ReadAll(io.LimitReader(resp.Body, roadLimit))
	}, nil
}

// openAsker makes what asks HQ about online payments. It runs once the lane is open.
func (n *Node) openAsker() error {
	road, err := secondRoad(n.cfg.HQ)
	if err != nil {
		return err
	}
	n.asker = uplink.NewAsker(uplink.AskerConfig{
		Terminal: n.id.Terminal, Signer: n.journal.Signer, Link: link{n}, HQKeys: func() wire.Keys { return n.lane.Keys() }, Seal: n.sealTo,
		Road:     road,
		OnAnswer: func(ctx context.Context, a wire.Answer) { n.lane.Answered(ctx, a) },
		OnReach:  func(up bool, down []string) { n.lane.SetReach(lane.Reach{Up: up, Down: down}) },
		HQNow:    func() time.Time { return n.clock.Read().Now },
		Now:      time.Now, Jitter: mathrand.Float64, Log: n.log,
		Random: func(b []byte) { _, _ = rand.Read(b) }, // crypto/rand.Read never fails
	})
	return nil
}

// link is the lane's connection to the broker, which is opened behind the lane.
type link struct{ n *Node }

// Send is the connection's.
func (l link) Send(ctx context.Context, topic string, qos byte, payload []byte) error {
	return l.n.client.Send(ctx, topic, qos, payload)
}

// asker is the uplink's asker as the lane calls it.
type asker struct{ *uplink.Asker }

func attemptOf(a lane.Attempt) uplink.Attempt {
	return uplink.Attempt{
		Ref: a.Ref, Payment: a.Payment, Sale: a.Sale, Wallet: a.Wallet, Amount: a.Amount, Reference: a.Reference,
		NotAfter: a.NotAfter.UnixMilli(), Policy: a.Policy,
	}
}

// Charge asks for an attempt.
func (a asker) Charge(at lane.Attempt, code []byte) { a.Asker.Charge(attemptOf(at), code) }

// Watch asks what became of one.
func (a asker) Watch(at lane.Attempt) { a.Asker.Watch(attemptOf(at)) }

// Refund asks that money be given back.
func (a asker) Refund(r lane.Attempt) {
	at := attemptOf(r)
	at.NotAfter = 0
	a.Asker.Refund(at)
}

// Reverse has one taken back.
func (a asker) Reverse(at lane.Attempt) { a.Asker.Reverse(attemptOf(at)) }

// sealTo is the key that codes are sealed to now; nil: there is none.
func (n *Node) sealTo() *wire.Confidant {
	t := n.lane.Bundle().Trust()
	if t == nil {
		return nil
	}
	return t.Seal(n.clock.Wall())
}
