package payment

import (
	"reflect"
	"testing"
)

// The numbers are signed into entries. A change here is a change of what old journals say.
func TestKindsStay(t *testing.T) {
	want := map[Kind]string{
		1: "epoch-opened", 2: "day-opened", 3: "day-closed", 4: "sale-opened", 5: "approved",
		6: "refused", 7: "voided", 8: "sale-completed", 9: "sale-cancelled", 10: "key-changed",
		11: "asked", 12: "authorised", 13: "declined", 14: "reversed",
		18: "offered", 19: "carried",
		24: "member",
		15: "refund-asked", 16: "refunded", 17: "refund-declined",
	}
	if !reflect.DeepEqual(kindNames, want) {
		t.Errorf("kinds are %v, were %v", kindNames, want)
	}
}

// Every number has a fact exactly when it has a name, and the fact says the number back.
func TestNewFactCoversEveryKind(t *testing.T) {
	types := map[reflect.Type]Kind{}
	for k := range Kind(1000) {
		fact, name := NewFact(k), k.String()
		if (fact != nil) != (name != "unknown") {
			t.Errorf("kind %d is named %q and has the fact %T", k, name, fact)
		}
		if fact == nil {
			continue
		}
		if fact.Kind() != k {
			t.Errorf("%T of kind %d says %d", fact, k, fact.Kind())
		}
		if other, ok := types[reflect.TypeOf(fact)]; ok {
			t.Errorf("%T stands for %v and %v", fact, other, k)
		}
		types[reflect.TypeOf(fact)] = k
		if !reflect.ValueOf(fact).Elem().IsZero() {
			t.Errorf("%v is not made empty: %+v", k, fact)
		}
	}
	if len(types) != len(kindNames) {
		t.Errorf("%d facts for %d kinds", len(types), len(kindNames))
	}
}
