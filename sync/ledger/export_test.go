package ledger

import (
	"context"

	"modernc.org/sqlite"
)

// ReadBack opens a connection as the ledger does, with its settings read back.
func ReadBack(ctx context.Context, path string) error {
	db, err := pool(path, 1, "_query_only=1")
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// ReadBackLoose opens one that does not wait for the disk.
func ReadBackLoose(ctx context.Context, path string) error {
	c, err := sqlite.NewConnector("file:" + path + "?_synchronous=NORMAL&_foreign_keys=1&_pragma=secure_delete(ON)")
	if err != nil {
		return err
	}
	conn, err := checked{c}.Connect(ctx)
	if err == nil {
		_ = conn.Close()
	}
	return err
}
