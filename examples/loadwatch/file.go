package main

import (
	"context"
	"errors"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/sqlitelog"
)

// file is the SQLite file of the program: a log of events and a history of
// readings, which share its commits.
type file struct {
	db       *sqlitelog.DB
	events   *sqlitelog.Log[load.Event]
	readings *history.Recorder[load.Reading]
}

// openFile opens a file, which is made if it does not exist.
func openFile(ctx context.Context, path string) (*file, error) {
	db, err := sqlitelog.OpenDB(ctx, path, sqlitelog.Options{})
	if err != nil {
		return nil, err
	}
	f := &file{db: db}
	if f.events, err = openEvents(ctx, db); err == nil {
		f.readings, err = openReadings(ctx, db)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return f, nil
}

func (f *file) Close() error { return f.db.Close() }

// openEvents opens the log under the name that [sqlitelog.Open] gives the only
// one of a file.
func openEvents(ctx context.Context, db *sqlitelog.DB) (*sqlitelog.Log[load.Event], error) {
	events, err := load.Codec()
	if err != nil {
		return nil, err
	}
	return sqlitelog.New(ctx, db, "main", sqlitelog.Config[load.Event]{Codec: events})
}
