// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

func listeningAt(address string) *Daemon {
	return &Daemon{Config: &config.Config{API: config.API{Listen: address}}, Log: (&journal{}).logger()}
}

// Ensure systemd is given the socket of the REST interface itself.
func TestSocketIsKept(t *testing.T) {
	m := newManager(t)
	socket, err := listeningAt("127.0.0.1:0").listenAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	message, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	size, more, _, _, err := m.socket.ReadMsgUnix(message, rights)
	if got := string(message[:size]); err != nil || got != "FDSTORE=1\nFDNAME=api 127.0.0.1 0" {
		t.Fatalf("datagram %q, %v", got, err)
	}
	control, err := unix.ParseSocketControlMessage(rights[:more])
	if err != nil || len(control) != 1 {
		t.Fatalf("%v, %v", control, err)
	}
	files, err := unix.ParseUnixRights(&control[0])
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	file := os.NewFile(uintptr(files[0]), "")
	defer file.Close()
	kept, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if kept.Addr().String() != socket.Addr().String() {
		t.Errorf("systemd has the socket %s, want %s", kept.Addr(), socket.Addr())
	}
}

// Ensure the next process takes the socket that was kept, and closes one of another address, which may hold its port.
func TestSocketIsTaken(t *testing.T) {
	if address := os.Getenv("PGVIGIL_TEST_LISTEN"); address != "" {
		if _, err := listeningAt(address).listenAPI(t.Context()); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name, open := range map[string]bool{"": true, "api 0.0.0.0 8008": false} {
		kept, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer kept.Close()
		address := kept.Addr().String()
		if name == "" {
			name = "api " + strings.ReplaceAll(address, ":", " ")
		}
		file, err := kept.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		next := exec.CommandContext(t.Context(), "sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run TestSocketIsTaken$`, os.Args[0])
		next.Env = append(os.Environ(), "PGVIGIL_TEST_LISTEN="+address, "LISTEN_FDS=1", "LISTEN_FDNAMES="+name)
		next.ExtraFiles = []*os.File{file}
		if out, err := next.CombinedOutput(); err != nil {
			t.Errorf("after %q: %v\n%s", name, err, out)
		}
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		if (err == nil) != open {
			t.Errorf("after %q: %v", name, err)
		}
	}
}
