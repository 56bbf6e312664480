// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"net"
	"os"
	"strings"
	"time"
)

// Manager is the service manager that waits for word from this process; the zero value is none.
type Manager struct{ socket string }

// TakeManager finds the service manager in the environment, and removes it there: PostgreSQL would speak to it, too.
func TakeManager() Manager {
	m := Manager{socket: os.Getenv("NOTIFY_SOCKET")}
	_ = os.Unsetenv("NOTIFY_SOCKET") // the name is valid
	return m
}

// Started tells it that PostgreSQL has been forked.
func (m Manager) Started() { m.tell("READY=1") }

// Failed tells it why not.
func (m Manager) Failed(err error) { m.tell("STATUS=" + strings.ReplaceAll(err.Error(), "\n", "; ")) }

// tell does its best: a manager that does not listen finds out by itself.
func (m Manager) tell(word string) {
	if m.socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, _ = conn.Write([]byte(word))
}
