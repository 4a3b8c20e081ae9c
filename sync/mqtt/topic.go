package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxMessage is the largest payload that Publish takes, in bytes. It is below the limits of the
	// brokers we know: a message that one refuses costs the connection, and would cost the next one
	// too when it is sent again.
	MaxMessage = 512 << 10

	// maxTopic is the longest topic or filter in bytes; MQTT would allow 65,535.
	maxTopic = 512
)

// Errors of Publish for messages that were not sent and never can be.
var (
	ErrTooLarge = errors.New("mqtt: message over 512 KiB")
	ErrTopic    = errors.New("mqtt: unusable topic")
	ErrQoS      = errors.New("mqtt: quality of service is 0 or 1")
)

func checkMessage(topic string, qos byte, payload []byte) error {
	if err := checkTopic(topic); err != nil {
		return err
	}
	if qos > 1 {
		return fmt.Errorf("%w, not %d", ErrQoS, qos)
	}
	if len(payload) > MaxMessage {
		return fmt.Errorf("%w: %d bytes on %s", ErrTooLarge, len(payload), topic)
	}
	return nil
}

// checkTopic refuses what some broker answers by closing the connection (NATS: white space and
// DEL; all: wildcards), and "$", which begins the brokers' own topics.
func checkTopic(topic string) error {
	if err := checkText(topic); err != nil {
		return err
	}
	if strings.ContainsAny(topic, "+#") {
		return fmt.Errorf("%w %q: wildcard", ErrTopic, topic)
	}
	return nil
}

// checkFilter is checkTopic for subscriptions: "+" stands for one level, "#" for all that follow.
// "$share" is among the refused: NATS grants it and then delivers nothing.
func checkFilter(filter string) error {
	if err := checkText(filter); err != nil {
		return err
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		switch {
		case level == "+":
		case level == "#" && i == len(levels)-1:
		case strings.ContainsAny(level, "+#"):
			return fmt.Errorf("%w filter %q: misplaced wildcard", ErrTopic, filter)
		}
	}
	return nil
}

func checkText(topic string) error {
	switch {
	case topic == "":
		return fmt.Errorf("%w: empty", ErrTopic)
	case len(topic) > maxTopic:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTopic, len(topic), maxTopic)
	case !utf8.ValidString(topic):
		return fmt.Errorf("%w %q: not UTF-8", ErrTopic, topic)
	case topic[0] == '$':
		return fmt.Errorf("%w %q: topics with $ are the broker's own", ErrTopic, topic)
	case strings.ContainsFunc(topic, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return fmt.Errorf("%w %q: white space or control character", ErrTopic, topic)
	}
	return nil
}

// checkClientID allows what every broker allows: NATS refuses ". * >" and white space.
func checkClientID(id string) error {
	if len(id) > 64 || !madeOf(id, "-_") {
		return fmt.Errorf("mqtt: client ID %q: 1 to 64 of A-Z a-z 0-9 - _", id)
	}
	return nil
}

// madeOf says that text is not empty and has only ASCII letters, digits and what others holds.
func madeOf(text, others string) bool {
	foreign := func(r rune) bool {
		plain := '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
		return !plain && !strings.ContainsRune(others, r)
	}
	return text != "" && !strings.ContainsFunc(text, foreign)
}
