package engine

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// PlainFile is the least that keeps events: a file at whose end they are
// written, with one sync for all that wait. It cannot be queried, and nothing
// in it can be deleted.
var PlainFile = Engine{
	Name:    "plainfile",
	Durable: true,
	How:     "a file: length, checksum, event; what waits shares a write and a sync",
	Open: func(dir string) (Log, error) {
		f, err := os.OpenFile(filepath.Join(dir, "plain.log"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		return &plainLog{file: f, writer: make(chan struct{}, 1), waiting: newGroup()}, nil
	},
}

type plainLog struct {
	file   *os.File
	writer chan struct{} // has a token while somebody writes

	mu      sync.Mutex
	waiting *group
	syncs   int64
}

// group is the events of one write.
type group struct {
	frames []byte
	done   chan struct{}
	err    error // once done is closed
}

func newGroup() *group { return &group{done: make(chan struct{})} }

const frameHead = 8 // length, checksum

// Append joins the group that waits, and writes it if nobody else does.
func (p *plainLog) Append(_ context.Context, event []byte) error {
	p.mu.Lock()
	g := p.waiting
	g.frames = binary.LittleEndian.AppendUint32(g.frames, uint32(len(event)))
	g.frames = binary.LittleEndian.AppendUint32(g.frames, crc32.ChecksumIEEE(event))
	g.frames = append(g.frames, event...)
	p.mu.Unlock()
	select {
	case <-g.done:
	case p.writer <- struct{}{}:
		p.write(g)
		<-p.writer
	}
	return g.err
}

// write writes a group that was not yet written. The caller has the token.
func (p *plainLog) write(g *group) {
	p.mu.Lock()
	written := p.waiting != g
	if !written {
		p.waiting = newGroup()
		p.syncs++
	}
	p.mu.Unlock()
	if written {
		return
	}
	if _, g.err = p.file.Write(g.frames); g.err == nil {
		g.err = p.file.Sync()
	}
	close(g.done)
}

func (p *plainLog) Replay(yield func(event []byte) error) error {
	r := bufio.NewReaderSize(io.NewSectionReader(p.file, 0, 1<<62), 1<<16)
	var head [frameHead]byte
	var event []byte
	for {
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		event = append(event[:0], make([]byte, binary.LittleEndian.Uint32(head[:]))...)
		if _, err := io.ReadFull(r, event); err != nil {
			return err
		}
		if crc32.ChecksumIEEE(event) != binary.LittleEndian.Uint32(head[4:]) {
			return fmt.Errorf("%s: checksum does not match", p.file.Name())
		}
		if err := yield(event); err != nil {
			return err
		}
	}
}

// Batches counts syncs.
func (p *plainLog) Batches() (commits int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.syncs
}

func (p *plainLog) Close() error { return p.file.Close() }
