package emulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tilld/sync/operator"
)

// newDialect is a wallet's, for a shop.
func newDialect(w Wallet, p Party) (dialect, error) {
	if p.ID == "" {
		return nil, fmt.Errorf("%w: wallet %q has no party", ErrInvalid, w)
	}
	if p.Acquired != (Acquired{}) {
		return newAcquirer(w, p)
	}
	switch w {
	case PayPay:
		return &payPay{p}, nil
	case LINEPay:
		return &linePay{p}, nil
	case Acquirer:
		return newAcquirer(w, p)
	case WeChat, Alipay:
		if p.Shop == nil || p.Own == nil {
			return nil, fmt.Errorf("%w: wallet %q needs the shop's key and its own", ErrInvalid, w)
		}
		if w == Alipay {
			return &alipay{p}, nil
		}
		return &weChat{p}, nil
	}
	return nil, fmt.Errorf("%w: wallet %q", ErrUnknown, w)
}

// Wallets are those whose dialect is spoken. A wallet that an acquirer takes has any name: see Party.Acquired.
func Wallets() []Wallet { return slices.Clone([]Wallet{PayPay, LINEPay, WeChat, Alipay, Acquirer}) }

// object is a JSON object to be answered.
type object map[string]any

func reply(status int, o object) response {
	b, err := json.Marshal(o)
	if err != nil { // objects of this package hold numbers and texts
		panic(fmt.Sprintf("emulator: %v", err))
	}
	return response{status, b}
}

// of looks a cause up, with the answer for all others under NoReason.
func of[T any](table map[operator.Why]T, why operator.Why) T {
	if v, ok := table[why]; ok {
		return v
	}
	return table[operator.NoReason]
}

func seconds(t time.Time) int64 { return t.Unix() }
