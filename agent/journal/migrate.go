package journal

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migration/*.sql
var migrations embed.FS

// applicationID is in the header of every journal's database file: "TILL".
const applicationID = 0x54494c4c

// schemaVersion is the last of the files in migration/.
const schemaVersion = 7

// migrate brings the schema to this release's. A schema of a later release is left as it is: a later one
// only expands what an earlier one needs (DESIGN.md, "Schema").
func migrate(ctx context.Context, db *sql.DB) error {
	if err := checkApplication(ctx, db); err != nil {
		return err
	}
	if err := checkLater(ctx, db); err != nil {
		return err
	}
	return migrateTo(ctx, db, schemaVersion)
}

// migrateTo brings the schema up to a version.
func migrateTo(ctx context.Context, db *sql.DB, version int64) error {
	dir, err := fs.Sub(migrations, "migration")
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return fmt.Errorf("bringing the schema up to date: %w", err)
	}
	return nil
}

// checkApplication refuses a database that is somebody else's, before a table is made in it.
func checkApplication(ctx context.Context, db *sql.DB) error {
	var id, foreign int64
	err := db.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('goose_db_version', 'sqlite_sequence'))`).
		Scan(&id, &foreign)
	if err != nil {
		return fmt.Errorf("opening the journal: %w", err)
	}
	if foreign > 0 && id != applicationID {
		return fmt.Errorf("%w: the database's application is %#x", ErrNotJournal, id)
	}
	return nil
}

// checkLater refuses what a later release says that no older one may work with (DESIGN.md, "Schema").
func checkLater(ctx context.Context, db *sql.DB) error {
	var needed int64
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&needed); err != nil {
		return fmt.Errorf("opening the journal: %w", err)
	}
	if needed > schemaVersion {
		return fmt.Errorf("%w (it needs schema %d; this one knows %d)", ErrLater, needed, schemaVersion)
	}
	return nil
}
