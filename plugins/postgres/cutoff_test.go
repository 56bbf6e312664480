// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// A standby that is cut off while it receives, on a new timeline, what it has replayed from the one before can be promoted,
// whether it was detached first or not.
func TestPromoteCutOff(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		t.Run("detached", func(t *testing.T) { promoteCutOff(t, bin, true) })
		t.Run("at once", func(t *testing.T) { promoteCutOff(t, bin, false) })
	})
}

func promoteCutOff(t *testing.T, bin string, detached bool) {
	a, b := newHost(t, bin, "alpha"), newHost(t, bin, "beta")
	a.primary(t, "beta")
	b.clone(t, a)
	stream := openValve(t, a.port)
	upstream := &pluginv1.Peer{Name: a.name, Host: "127.0.0.1", Port: stream.port}
	must(t, "start of beta", finish(b.client().Start(within(t), &pluginv1.StartRequest{Epoch: 1, Upstream: upstream})))
	b.awaitStreaming(t)
	a.mustSQL(t, "SELECT pg_switch_wal()")
	a.mustSQL(t, "CREATE TABLE big AS SELECT md5(i::text) FROM generate_series(1, 100000) i") // most of a segment
	end := a.mustSQL(t, "SELECT pg_current_wal_insert_lsn()")
	a.stop(t, plugintest.Patience)
	a.start(t, nil)
	plugintest.Eventually(t, "streaming again, all sent", func() bool {
		return a.mustSQL(t, "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '"+end+"' AND sent_lsn >= '"+end+"'") == "1"
	})
	stream.narrow(1 << 20)
	a.promote(t, 2)
	plugintest.Eventually(t, "a part received anew", func() bool {
		return b.mustSQL(t, "SELECT written_lsn < pg_last_wal_replay_lsn() AND (written_lsn - '0/0') % (16 << 20) > 0 FROM pg_stat_wal_receiver") == "t"
	})
	if detached {
		b.detach(t)
	}
	a.killAll(t)
	b.promote(t, 3)
	if rows := b.mustSQL(t, "SELECT count(*) FROM big"); rows != "100000" {
		t.Errorf("%s rows", rows)
	}
	b.stop(t, plugintest.Patience)
}

// valve stands between a primary and its standbys.
type valve struct {
	port  uint32
	limit chan int64 // bytes that may still pass to standbys; nothing in it: as many as there are
}

func openValve(t testing.TB, primary uint32) *valve {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, "valve", err)
	v := &valve{port: uint32(l.Addr().(*net.TCPAddr).Port), limit: make(chan int64, 1)}
	go func() {
		for {
			standby, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", primary))
			if err != nil {
				_ = standby.Close()
				continue
			}
			go v.serve(standby, upstream)
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return v
}

// narrow lets only so many more bytes pass to standbys.
func (v *valve) narrow(bytes int64) { v.limit <- bytes }

func (v *valve) serve(standby, upstream net.Conn) {
	go func() {
		_, _ = io.Copy(upstream, standby)
		_ = upstream.Close()
	}()
	defer standby.Close()
	buf := make([]byte, 8<<10)
	for {
		n, err := upstream.Read(buf)
		if err != nil {
			return
		}
		select {
		case left := <-v.limit:
			v.limit <- max(left-int64(n), 0)
			if left < int64(n) {
				continue // dropped
			}
		default:
		}
		if _, err := standby.Write(buf[:n]); err != nil {
			return
		}
	}
}
