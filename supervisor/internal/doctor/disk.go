// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// syncs is how many small writes are flushed, flushed what each writes: a page of WAL.
const (
	syncs   = 50
	flushed = 8192
	// slowMedian and slowWorst are what a disk for a database stays below.
	slowMedian, slowWorst = 10 * time.Millisecond, 200 * time.Millisecond
)

// disk times how long it takes until what is written is safe, beside the data directory and etcd's.
func (d *Doctor) disk(ctx context.Context, r *report) {
	places := []string{filepath.Dir(d.Config.Server.DataDir), d.Config.StateDir}
	if d.Config.Postgres.Kind == "" {
		places = nil
	}
	if e, _ := d.Config.Embedded(); e != nil {
		places = append(places, e.DataDir, filepath.Dir(e.DataDir))
	}
	timed := map[uint64]bool{}
	for _, dir := range places {
		var st unix.Stat_t
		if unix.Stat(dir, &st) != nil || timed[st.Dev] || unix.Access(dir, unix.W_OK|unix.X_OK) != nil {
			continue
		}
		timed[st.Dev] = true
		timeDisk(ctx, r, dir)
	}
	if len(timed) == 0 && len(places) > 0 {
		r.note("disk.sync", "run it again when data says that the directories are there",
			"not timed: none of %v can be written", places)
	}
}

func timeDisk(ctx context.Context, r *report, dir string) {
	const id = "disk.sync"
	took, err := flushes(ctx, dir)
	if err != nil {
		r.fail(id, "", "flush of a file in %s: %v", dir, err)
		return
	}
	median, worst := took[len(took)/2], took[len(took)-1]
	text := fmt.Sprintf("%s: %d writes of 8 kB, each flushed: median %s, the slowest %s",
		dir, len(took), milliseconds(median), milliseconds(worst))
	if median > slowMedian || worst > slowWorst {
		r.warn(id, "a disk with a write cache that outlives a power loss; every commit waits for this, and every renewal "+
			"where etcd is on it", "%s", text)
		return
	}
	r.ok(id, "%s", text)
}

// flushes writes a file, piece by piece, and returns how long the pieces took, ascending. The file has no name for long.
func flushes(ctx context.Context, dir string) ([]time.Duration, error) {
	f, err := os.CreateTemp(dir, ".pgvigil-doctor-*")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	var took []time.Duration
	page := make([]byte, flushed)
	for range syncs {
		begun := time.Now()
		if _, err := f.Write(page); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		if took = append(took, time.Since(begun)); ctx.Err() != nil {
			break // what there is by now says enough
		}
	}
	slices.Sort(took)
	return took, nil
}
