package hq

import (
	"context"
	"time"

	"tilld/sync/hqapi"
	pages "tilld/ui/hq"
)

// doorman lets people in with the secrets of API tokens; the token's scopes are their roles. It looks the
// token up anew each time: revoking it ends what is open.
type doorman struct {
	books hqapi.Tokens
	now   func() time.Time
}

var _ pages.Auth = doorman{}

// Check finds the token of a secret. Who names it as the API's decisions do.
func (d doorman) Check(ctx context.Context, secret string) (who string, roles []string, err error) {
	t, err := hqapi.SignIn(ctx, d.books, secret, d.now())
	if err != nil {
		return "", nil, err
	}
	return hqapi.Who(&t), t.Scopes, nil
}

// Roles finds the token again.
func (d doorman) Roles(ctx context.Context, who string) ([]string, error) {
	t, err := hqapi.StillIn(ctx, d.books, who, d.now())
	return t.Scopes, err
}
