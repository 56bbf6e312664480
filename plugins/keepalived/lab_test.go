// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
)

const vipAddr = "10.98.0.100"

// pluginPath is the plugin, built once for all tests.
var pluginPath string

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("/tmp", "pgv")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	pluginPath = filepath.Join(dir, "pgvigil-plugin-keepalived")
	if out, err := exec.Command("go", "build", "-o", pluginPath, ".").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w: %s", err, out)
	}
	return m.Run(), nil
}

// host is a network namespace on a bridge with Keepalived, the plugin, and if wanted HAProxy.
type host struct {
	t      testing.TB
	number int
	name   string
	addr   string
	ns     string
	dir    string
	follow string
	// checked is the time between two checks of HAProxy.
	checked time.Duration

	keepalived *daemon
	haproxy    *daemon
	plugin     *plugintest.Process
	conn       *grpc.ClientConn
	place      *pluginv1.HostContext
	postgres   net.Listener
}

// newHosts makes hosts m1, m2, … without anything running on them.
func newHosts(t testing.TB, n int, follow string) []*host {
	t.Helper()
	prefix := fmt.Sprintf("pgvka-%d-%d-", os.Getpid(), time.Now().UnixNano()%1_000_000)
	hub := prefix + "hub"
	namespace(t, hub)
	run(t, "ip -n "+hub+" link add br0 type bridge", "ip -n "+hub+" link set br0 up")
	hosts := make([]*host, n)
	for i := range hosts {
		h := &host{
			t: t, number: i + 1, name: fmt.Sprintf("m%d", i+1), addr: fmt.Sprintf("10.98.0.%d", i+1),
			ns: fmt.Sprintf("%s%d", prefix, i+1), dir: plugintest.Dir(t), follow: follow,
			checked: 200 * time.Millisecond,
		}
		h.place = plugintest.Host(t, h.name)
		hosts[i] = h
		namespace(t, h.ns)
		port := fmt.Sprintf("port%d", i)
		run(t, "ip -n "+h.ns+" link set lo up",
			"ip -n "+hub+" link add "+port+" type veth peer name eth0 netns "+h.ns,
			"ip -n "+hub+" link set "+port+" master br0 up",
			"ip -n "+h.ns+" address add "+h.addr+"/24 dev eth0",
			"ip -n "+h.ns+" link set eth0 up")
		if err := os.Mkdir(filepath.Dir(h.file()), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return hosts
}

func namespace(t testing.TB, name string) {
	t.Helper()
	run(t, "ip netns add "+name)
	t.Cleanup(func() { run(t, "ip netns delete "+name) })
}

func run(t testing.TB, lines ...string) {
	t.Helper()
	for _, line := range lines {
		words := strings.Fields(line)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
}

// file is the track file of the host.
func (h *host) file() string { return filepath.Join(h.dir, "track", "vrrp") }

// says is what stands in the track file, without looking as if it had been read.
func (h *host) says() string {
	f, err := os.OpenFile(h.file(), os.O_RDONLY|unix.O_NOATIME, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	raw := make([]byte, 16)
	n, _ := f.Read(raw)
	return strings.TrimSpace(string(raw[:n]))
}

// program is where a program is: PGVIGIL_TEST_KEEPALIVED and PGVIGIL_TEST_HAPROXY name others than those of the system.
func program(name string) string {
	if path := os.Getenv("PGVIGIL_TEST_" + strings.ToUpper(name)); path != "" {
		return path
	}
	return name
}

// daemon is a program that runs on a host.
type daemon struct {
	t    testing.TB
	cmd  *exec.Cmd
	log  string
	gone chan struct{}
}

func (h *host) start(program string, args ...string) *daemon {
	h.t.Helper()
	log, err := os.CreateTemp(h.dir, filepath.Base(program)+".*.log")
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	d := &daemon{t: h.t, log: log.Name(), gone: make(chan struct{})}
	d.cmd = exec.Command("ip", append([]string{"netns", "exec", h.ns, program}, args...)...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		h.t.Fatalf("%s: %v", program, err)
	}
	go func() {
		_ = d.cmd.Wait()
		close(d.gone)
	}()
	h.t.Cleanup(func() {
		d.kill(syscall.SIGKILL)
		if h.t.Failed() {
			raw, _ := os.ReadFile(d.log) // a log, of a test that has failed already
			h.t.Logf("%s on %s:\n%s", program, h.name, raw)
		}
	})
	return d
}

// kill sends a signal that ends the program and its children, and waits for the end.
func (d *daemon) kill(sig syscall.Signal) {
	select {
	case <-d.gone:
		return
	default:
	}
	_ = syscall.Kill(-d.cmd.Process.Pid, sig)
	<-d.gone
}

func (d *daemon) signal(sig syscall.Signal) {
	d.t.Helper()
	if err := syscall.Kill(d.cmd.Process.Pid, sig); err != nil {
		d.t.Fatalf("signal %v: %v", sig, err)
	}
}

// startKeepalived starts it with the README's configuration and waits until it runs.
func (h *host) startKeepalived() {
	h.t.Helper()
	h.launchKeepalived()
	plugintest.Eventually(h.t, "keepalived speaks", h.speaks)
}

// launchKeepalived starts it with the README's configuration, changed by the replacements.
func (h *host) launchKeepalived(replace ...string) {
	h.t.Helper()
	conf := filepath.Join(h.dir, "keepalived.conf")
	text := strings.NewReplacer(replace...).Replace(readme(h.t, h.follow))
	text = strings.NewReplacer("/run/pgvigil/keepalived/vrrp", h.file(), "10.0.0.100", vipAddr,
		"priority 20 ", fmt.Sprintf("priority %d ", 80-20*h.number)).Replace(text)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	for _, pid := range []string{"ka.pid", "vrrp.pid"} { // of one that was killed
		_ = os.Remove(filepath.Join(h.dir, pid))
	}
	h.keepalived = h.start(program("keepalived"), "--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file", conf,
		"--pid", filepath.Join(h.dir, "ka.pid"), "--vrrp_pid", filepath.Join(h.dir, "vrrp.pid"))
}

// readme is the configuration of Keepalived that the README shows for this value of follow.
func readme(t testing.TB, follow string) string {
	t.Helper()
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```keepalived follow=" + follow + "\n(.*?)```").FindSubmatch(raw)
	if found == nil {
		t.Fatalf("README.md shows no configuration for follow = %q", follow)
	}
	return string(found[1])
}

func (h *host) speaks() bool {
	out, err := exec.Command("ip", "netns", "exec", h.ns, "cat", "/proc/net/raw").Output()
	return err == nil && strings.Contains(string(out), ":0070 ")
}

// startHAProxy starts it with every host's port 5432 in its backend; a server is up when something listens.
func (h *host) startHAProxy(hosts []*host, args ...string) {
	h.t.Helper()
	conf := filepath.Join(h.dir, "haproxy.cfg")
	text := "global\n  stats socket " + h.socket() + " mode 666 level user\n" +
		"defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1m\n  timeout server 1m\n" +
		"listen pgvigil_primary\n  bind *:5000\n  default-server check inter " + h.checked.String() + " fall 1 rise 1\n"
	for i, other := range hosts {
		text += fmt.Sprintf("  server any%d %s:5432\n", i, other.addr)
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.haproxy = h.start(program("haproxy"), append([]string{"-db", "-f", conf}, args...)...)
}

func (h *host) socket() string { return filepath.Join(h.dir, "haproxy.sock") }

// startPlugin starts it anew, with the same directories as before; before words run the binary if there are any.
func (h *host) startPlugin(words ...string) {
	h.t.Helper()
	h.launchPlugin(words...)
	plugintest.Configure(h.t, h.conn, h.body(), h.place)
}

// launchPlugin starts it without configuring it.
func (h *host) launchPlugin(words ...string) {
	h.t.Helper()
	wrapper := filepath.Join(h.dir, "plugin.sh")
	script := fmt.Sprintf("#!/bin/sh\nexec ip netns exec %s %s %s \"$@\"\n", h.ns, strings.Join(words, " "), pluginPath)
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		h.t.Fatal(err)
	}
	h.plugin = &plugintest.Process{Path: wrapper, AutoMTLS: true}
	h.conn = h.plugin.Start(h.t)
}

func (h *host) body() map[string]any {
	b := map[string]any{"vip": vipAddr, "follow": h.follow, "track_file": h.file(), "haproxy_socket": h.socket()}
	if h.follow == "haproxy" {
		b["haproxy_backend"] = "pgvigil_primary"
	}
	return b
}

// routes are what this host's plugin is told when a host is primary; nil is nobody.
func (h *host) routes(epoch uint64, primary *host) *pluginv1.RouterApplyRequest {
	req := &pluginv1.RouterApplyRequest{Epoch: epoch, OwnRole: pluginv1.OwnRole_OWN_ROLE_STANDBY}
	switch primary {
	case nil:
		req.OwnRole = pluginv1.OwnRole_OWN_ROLE_NONE
	case h:
		req.OwnRole = pluginv1.OwnRole_OWN_ROLE_PRIMARY
	}
	if primary != nil {
		req.Primary = &pluginv1.Endpoint{Name: primary.name, Host: primary.addr, Port: 5432}
	}
	return req
}

// apply tells the plugin of this host who is primary; nil is nobody.
func (h *host) apply(epoch uint64, primary *host) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), plugintest.Patience)
	defer cancel()
	if _, err := pluginv1.NewRouterClient(h.conn).Apply(ctx, h.routes(epoch, primary)); err != nil {
		h.t.Fatalf("apply on %s: %v", h.name, err)
	}
}

func applyAll(hosts []*host, epoch uint64, primary *host) {
	for _, h := range hosts {
		h.apply(epoch, primary)
	}
}

// health of the plugin.
func (h *host) health() (bool, string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), plugintest.Patience)
	defer cancel()
	resp, err := pluginv1.NewBaseClient(h.conn).Health(ctx, &pluginv1.HealthRequest{})
	if err != nil {
		h.t.Fatalf("health of %s: %v", h.name, err)
	}
	return resp.GetHealthy(), resp.GetMessage()
}

// eventuallySick waits until Health complains with these words.
func (h *host) eventuallySick(words string) {
	h.t.Helper()
	last := ""
	h.eventually("health complains: "+words, func() bool {
		healthy, message := h.health()
		if message != last {
			h.t.Logf("%s: %s", h.name, message)
			last = message
		}
		return !healthy && strings.Contains(message, words)
	})
}

func (h *host) eventuallyWell() {
	h.t.Helper()
	last := ""
	h.eventually("health", func() (healthy bool) {
		healthy, last = h.health()
		return healthy
	})
	h.t.Logf("%s: well: %s", h.name, last)
}

func (h *host) eventually(what string, cond func() bool) {
	h.t.Helper()
	plugintest.Eventually(h.t, h.name+": "+what, cond)
}

// holds tells whether the VIP is on this host.
func (h *host) holds() bool {
	out, err := exec.Command("ip", "-n", h.ns, "-4", "-o", "address", "show").Output()
	return err == nil && strings.Contains(string(out), " "+vipAddr+"/")
}

// startPostgres listens where PostgreSQL would: for HAProxy's check, and for the plugin, that is what being up means.
func (h *host) startPostgres() {
	h.t.Helper()
	err := h.inside(func() (err error) {
		h.postgres, err = net.Listen("tcp", h.addr+":5432")
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	listener := h.postgres
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	h.t.Cleanup(h.stopPostgres)
}

func (h *host) stopPostgres() { _ = h.postgres.Close() }

// inside runs f on a thread that is in the host's network namespace meanwhile. The thread must live on: with it would
// die what it has started before.
func (h *host) inside(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open("/run/netns/" + h.ns)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return back // the thread stays locked, and nobody else runs on it
	}
	runtime.UnlockOSThread()
	return err
}

// cut drops all traffic of the host; its card keeps the carrier.
func (h *host) cut() {
	h.nft("table inet cut { chain in { type filter hook input priority 0; iifname eth0 drop; }; " +
		"chain out { type filter hook output priority 0; oifname eth0 drop; }; }")
}

func (h *host) heal() { h.nft("flush ruleset") }

func (h *host) nft(rules string) {
	h.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", h.ns, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("nft on %s: %v: %s", h.name, err, out)
	}
}
