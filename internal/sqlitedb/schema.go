package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Part is the tables that one package keeps in a file.
type Part struct {
	Name    string
	Version int64    // raised whenever Schema changes
	Schema  []string // statements that make the tables
}

// ErrNoPart: a file that was opened for reading only has no such tables.
var ErrNoPart = errors.New("the file has no such tables")

// Ensure makes the tables of a part unless they are there. A file in which
// they have another version is left as it is, with [ErrSchema].
func Ensure(ctx context.Context, db *DB, part Part) error {
	err := View(ctx, db, func(rx Rx) error { return part.Check(rx) })
	if errors.Is(err, ErrNoPart) && !db.readOnly {
		err = Update(ctx, db, part.create)
	}
	if errors.Is(err, ErrSchema) {
		return &fs.PathError{Op: "open", Path: db.path, Err: err}
	}
	return err
}

// Check returns nil if the part is there in this version, [ErrNoPart] if it is
// not there.
func (p Part) Check(rx Rx) error {
	_, exists, err := rx.Int("SELECT 1 FROM sqlite_schema WHERE name = 'edfsm_schema'")
	if err != nil {
		return err
	}
	if !exists {
		return ErrNoPart
	}
	version, exists, err := rx.Int("SELECT version FROM edfsm_schema WHERE part = ?", p.Name)
	if err != nil {
		return err
	}
	if !exists {
		return ErrNoPart
	}
	if version != p.Version {
		return fmt.Errorf("%w: part %q has version %d, this program knows %d", ErrSchema, p.Name, version, p.Version)
	}
	return nil
}

func (p Part) create(tx Tx) error {
	if err := p.Check(tx.Rx); !errors.Is(err, ErrNoPart) {
		return err // somebody else was faster
	}
	if err := tx.Exec(fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	err := tx.Exec("CREATE TABLE IF NOT EXISTS edfsm_schema(part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID")
	if err != nil {
		return err
	}
	for _, statement := range p.Schema {
		if err := tx.Exec(statement); err != nil {
			return err
		}
	}
	return tx.Exec("INSERT INTO edfsm_schema(part, version) VALUES(?, ?)", p.Name, p.Version)
}
