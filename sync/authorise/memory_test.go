package authorise_test

import (
	"testing"

	"tilld/sync/authorise"
	"tilld/sync/authorise/authorisetest"
)

func TestMemory(t *testing.T) {
	authorisetest.TestStore(t, func(*testing.T) authorise.Store { return authorisetest.NewMemory() })
}
