// SPDX-License-Identifier: Apache-2.0

package rewind

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// keep copies the log from the fork on, with a summary of what is in it, to a directory under
// <state_dir>/diverged, within the limit; older copies make room.
func (r *run) keep(ctx context.Context) error {
	if r.c.MaxDivergedWAL == 0 {
		return nil
	}
	fork, _ := wal.Fork(r.local.timeline, r.local.history, r.source.timeline, r.source.history)
	r.report("keeping the diverged log", 0, uint64(r.local.end.LSN-fork), "")
	root := r.c.State("diverged")
	name := fmt.Sprintf("%08X-%X-%X-%s", r.local.timeline, uint64(fork)>>32, uint32(fork), time.Now().UTC().Format("20060102T150405Z"))
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	err := r.fill(ctx, dir, fork)
	if err != nil {
		_ = os.RemoveAll(dir)
		return err
	}
	if err := ownAll(r.c, root); err != nil {
		return err
	}
	return prune(root, name, r.c.MaxDivergedWAL)
}

func (r *run) fill(ctx context.Context, dir string, fork wal.LSN) error {
	text, err := r.summarise(fork)
	if err != nil {
		return err
	}
	size := r.local.control.SegmentSize
	first, last := fork.Segment(size), (r.local.end.LSN - 1).Segment(size)
	var copied int64
	for segment := first; segment <= last; segment++ {
		if copied+int64(size) > r.c.MaxDivergedWAL {
			text += fmt.Sprintf("kept: the first %d of %d segments (max_diverged_wal)\n", segment-first, last-first+1)
			break
		}
		n, err := copySegments(ctx, r.c.WAL(), dir, segment, size)
		if err != nil {
			return err
		}
		copied += n
	}
	_ = copyFile(filepath.Join(r.c.WAL(), wal.HistoryName(r.local.timeline)), filepath.Join(dir, wal.HistoryName(r.local.timeline)))
	_, err = conf.WriteFile(r.c.OS, filepath.Join(dir, "summary.txt"), []byte(text))
	return err
}

// summarise counts what the diverged log did.
func (r *run) summarise(fork wal.LSN) (string, error) {
	var commits, records int
	var first, last time.Time
	reader := &wal.Reader{Dir: r.c.WAL(), SegmentSize: r.local.control.SegmentSize, Timeline: r.local.timeline, History: r.local.history}
	defer reader.Close()
	_, _, err := reader.Walk(fork, func(rec wal.Record) error {
		records++
		if at, ok := rec.Commit(); ok {
			commits++
			if first.IsZero() {
				first = at
			}
			last = at
		}
		return nil
	})
	text := fmt.Sprintf("member: %s\nsystem identifier: %d\ntimeline: %d\nfork: %s\nend: %s\nbytes: %d\nrecords: %d\ncommitted transactions: %d\n",
		r.c.Member, r.local.control.SystemID, r.local.timeline, fork, r.local.end.LSN, r.local.end.LSN-fork, records, commits)
	if commits > 0 {
		text += fmt.Sprintf("first commit: %s\nlast commit: %s\n", first.Format(time.RFC3339Nano), last.Format(time.RFC3339Nano))
	}
	r.report("keeping the diverged log", 0, 0, fmt.Sprintf("%d committed transactions diverged", commits))
	return text, err
}

// copySegments copies the files of one segment number, whatever their timeline.
func copySegments(ctx context.Context, from, to string, segment, size uint64) (int64, error) {
	names, err := os.ReadDir(from)
	if err != nil {
		return 0, err
	}
	var copied int64
	for _, n := range names {
		_, s, ok := wal.ParseSegmentName(n.Name(), size)
		if !ok || s != segment {
			continue
		}
		if err := ctx.Err(); err != nil {
			return copied, err
		}
		if err := copyFile(filepath.Join(from, n.Name()), filepath.Join(to, n.Name())); err != nil {
			return copied, err
		}
		copied += int64(size)
	}
	return copied, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}

func ownAll(c *config.Config, root string) error {
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return c.OS.Own(path)
	})
}

// prune removes the oldest copies until all together are within the limit; the newest always stays.
func prune(root, newest string, limit int64) error {
	names, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b os.DirEntry) int { return modified(b).Compare(modified(a)) })
	var total int64
	for _, n := range names {
		dir := filepath.Join(root, n.Name())
		total += bytesIn(dir)
		if total > limit && n.Name() != newest {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func modified(e os.DirEntry) time.Time {
	info, err := e.Info()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func bytesIn(dir string) int64 {
	var n int64
	names, _ := os.ReadDir(dir)
	for _, e := range names {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}
