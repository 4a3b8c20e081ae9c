package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"modernc.org/sqlite"
)

// object is a table, index, trigger or view of a schema.
type object struct{ kind, name, table, text string }

// schema is all objects by kind and name.
type schema map[string]object

// The table of the tool that migrates: its text is the tool's, and may differ between its versions.
const migrationTable = "goose_db_version"

// readSchema reads the objects of a database.
func readSchema(ctx context.Context, query queryFunc) (schema, error) {
	list, err := collect(ctx, query, func(rows *sql.Rows) (o object, err error) {
		err = rows.Scan(&o.kind, &o.name, &o.table, &o.text)
		return o, err
	}, `SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema`)
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	s := schema{}
	for _, o := range list {
		if o.kind == "table" && o.name == migrationTable {
			o.text = ""
		}
		s[o.kind+" "+o.name] = o
	}
	return s, nil
}

// readSchemaVersion is the last migration that a database says it has seen; 0 when it says nothing.
func readSchemaVersion(ctx context.Context, query queryFunc) (int64, error) {
	list, err := collect(ctx, query, func(rows *sql.Rows) (v int64, err error) { err = rows.Scan(&v); return v, err },
		`SELECT coalesce(max(version_id), 0) FROM `+migrationTable)
	if err != nil || len(list) == 0 {
		return 0, fmt.Errorf("reading the schema's version: %w", err)
	}
	return list[0], nil
}

// made is a schema as a version's migrations make it, and the statements that make the same at once.
type made struct {
	schema schema
	script string
}

// ownSchema is the schema that this release makes.
var ownSchema = sync.OnceValues(func() (made, error) { return makeSchema(context.Background(), schemaVersion) })

// schemaOf is the schema of a version, of ours or an earlier one's.
func schemaOf(ctx context.Context, version int64) (made, error) {
	if version == schemaVersion {
		return ownSchema()
	}
	return makeSchema(ctx, version)
}

func makeSchema(ctx context.Context, version int64) (m made, err error) {
	db, err := openUnnamed()
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err = migrateTo(ctx, db, version); err != nil {
		return m, err
	}
	if m.schema, err = readSchema(ctx, db.QueryContext); err != nil {
		return m, err
	}
	list, err := collect(ctx, db.QueryContext, func(rows *sql.Rows) (s string, err error) { err = rows.Scan(&s); return s, err },
		`SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid`)
	m.script = strings.Join(list, ";\n")
	return m, err
}

// openUnnamed opens an empty database that is gone when it is closed. It lies in a file without a name, so
// that it may be larger than the memory.
func openUnnamed() (*sql.DB, error) {
	conn, err := sqlite.NewConnector("file:?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=cache_size(-32000)")
	if err != nil {
		return nil, fmt.Errorf("opening a database for the time being: %w", err)
	}
	db := sql.OpenDB(conn)
	db.SetMaxOpenConns(1) // each connection has a database of its own
	return db, nil
}

// openScratch opens an empty, unnamed database of a schema's version.
func openScratch(ctx context.Context, version int64) (*store, error) {
	m, err := schemaOf(ctx, version)
	if err != nil {
		return nil, err
	}
	db, err := openUnnamed()
	if err != nil {
		return nil, err
	}
	s := &store{writers: db, readers: db, stmts: map[string]*sql.Stmt{}}
	if s.conn, err = db.Conn(ctx); err == nil {
		_, err = s.conn.ExecContext(ctx, m.script)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a database for the time being: %w", err), s.close())
	}
	return s, nil
}

// checkSchema holds the schema of the open database against what this release makes.
func (s *store) checkSchema(ctx context.Context) error {
	version, err := readSchemaVersion(ctx, s.query)
	if err != nil {
		return err
	}
	found, err := readSchema(ctx, s.query)
	if err != nil {
		return err
	}
	want, err := ownSchema()
	if err != nil {
		return err
	}
	if diff := found.differences(want.schema, version > schemaVersion); len(diff) > 0 {
		return differ(diff)
	}
	return nil
}

// differences names what is not as wanted. A schema of a later release may have more columns, indexes and
// tables, but neither does it change what is there nor does it hang triggers on it (DESIGN.md, "Schema").
func (s schema) differences(want schema, later bool) []Difference {
	var list []Difference
	add := func(name, stored, wanted string) {
		list = append(list, Difference{Table: "sqlite_schema", Key: name, Stored: stored, Want: wanted})
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		o, ok := s[name]
		switch {
		case !ok:
			add(name, "not there", want[name].excerpt(object{}))
		case o != want[name] && !(later && o.expands(want[name])):
			add(name, o.excerpt(want[name]), want[name].excerpt(o))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if _, ok := want[name]; !ok && !(later && s[name].additional(want)) {
			add(name, s[name].excerpt(object{}), "not there")
		}
	}
	return list
}

// constraint begins the part of a table's statement that follows its columns. A comment may stand in between.
var constraint = regexp.MustCompile(`,\s*(?:--[^\n]*\s*)*(UNIQUE|PRIMARY KEY|FOREIGN KEY|CHECK|CONSTRAINT)\b`)

// expands says whether a table is another one with columns added behind its own, where SQLite puts them.
func (o object) expands(other object) bool {
	end := strings.LastIndexByte(other.text, ')')
	if o.kind != "table" || o.table != other.table || end < 0 {
		return false
	}
	end = len(strings.TrimRight(other.text[:end], " \n"))
	if at := constraint.FindStringIndex(other.text); at != nil {
		end = at[0]
	}
	added, front := strings.CutPrefix(o.text, other.text[:end])
	added, back := strings.CutSuffix(added, other.text[end:])
	return front && back && strings.HasPrefix(added, ",")
}

// additional says whether an object may stand beside those of a schema.
func (o object) additional(to schema) bool {
	_, known := to["table "+o.table]
	return o.kind == "index" || !known
}

// excerpt is the part of the object's statement that is not as in another's, in a line.
func (o object) excerpt(other object) string {
	const before, most = 20, 80
	if o.text == "" { // SQLite's own, for a constraint
		return "there"
	}
	a, b := strings.Fields(o.text), strings.Fields(other.text)
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	line := []rune(strings.Join(a, " "))
	from := max(0, len([]rune(strings.Join(a[:n], " ")))-before)
	line = line[from:]
	if len(line) > most {
		return string(line[:most]) + " …"
	}
	return string(line)
}
