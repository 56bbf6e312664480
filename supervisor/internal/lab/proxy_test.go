// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestAnswersComeLateAndInOrder(t *testing.T) {
	const late = 50 * time.Millisecond
	var p proxies
	p.shortest.Store(int64(late))
	p.longest.Store(int64(2 * late))
	server, far := net.Pipe()
	near, client := net.Pipe()
	go func() {
		p.copyLate(near, far)
		near.Close()
	}()
	begin := time.Now()
	go func() {
		for _, text := range []string{"a", "b", "c"} {
			_, _ = io.WriteString(server, text)
		}
		server.Close()
	}()
	got, err := io.ReadAll(client)
	if err != nil || string(got) != "abc" {
		t.Errorf("got %q, %v", got, err)
	}
	if took := time.Since(begin); took < late {
		t.Errorf("after %s, not late by %s", took, late)
	}
}
