package lane

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/posapi"
)

// joined is a lane that has joined a chain, and whose HQ is not there.
func joined(t *testing.T, pos string) *Node {
	t.Helper()
	return joinedAt(t, t.TempDir(), pos)
}

// run runs a lane until the function that it returns is called.
func run(t *testing.T, n *Node) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the lane ends with %v", err)
		}
	}
}

// joinedAt is a lane of the HQ that is made in a directory.
func joinedAt(t *testing.T, office, pos string) *Node {
	t.Helper()
	dir := t.TempDir()
	if err := hq.Init(t.Context(), office, "kita", "JPY", "Asia/Tokyo", time.Now); err != nil {
		t.Fatal(err)
	}
	o, err := hq.OpenOffice(t.Context(), office, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	request, _, err := Init(dir, "test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	answer, _, err := o.AddTerminal(t.Context(), request, hq.Place{Store: "S001", Lane: "L1", Entity: "kita-foods"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Join(dir, answer); err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), &config.Lane{
		Data: dir, Language: "en", Listen: config.Listen{Pages: "127.0.0.1:0", POS: pos},
		Scanner: config.Scanner{Path: filepath.Join(dir, "no-scanner"), Profile: "generic", Locks: dir},
		Broker:  config.Broker{Addresses: []string{"mqtt://127.0.0.1:1"}}, // nobody is there
	}, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPOSOffLoopbackIsNotServed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // it would serve for ever
	defer cancel()
	if err := joined(t, "0.0.0.0:0").Run(ctx); !errors.Is(err, posapi.ErrNotLoopback) {
		t.Errorf("it ends with %v", err)
	}
}

// TestRequestUnderWayIsAnswered: a sale that the POS was just opening when the lane is told to end is opened
// and answered; and the lane does end.
func TestRequestUnderWayIsAnswered(t *testing.T) {
	n := joined(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	conn, err := net.Dial("tcp", n.POSAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"total":{"minor":1280,"currency":"JPY"}}`
	fmt.Fprintf(conn, "POST /v1/sales HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", n.POSAddr(), len(body))
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q, %v", line, err) // the lane has begun to read the request
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	cancel()
	fmt.Fprint(conn, body)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	var sale struct{ ID, State string }
	if _, err := answer.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s, %v\n%s", resp.Status, err, &answer)
	}
	if err := json.Unmarshal(answer.Bytes(), &sale); err != nil || sale.State != "open" {
		t.Errorf("%s, %v", &answer, err)
	}
	if err := <-done; err != nil {
		t.Errorf("the lane ends with %v", err)
	}
}
