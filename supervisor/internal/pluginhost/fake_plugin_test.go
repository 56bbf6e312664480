// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/pgvigil/pgvigil/proto/handshake"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
)

// pluginMain is a DCS plugin called "fake". Its mode says what is wrong with it, if anything.
func pluginMain(mode string) int {
	switch mode {
	case "crash":
		fmt.Fprintln(os.Stderr, "cannot open the flux capacitor")
		return 7
	case "mute":
		select {}
	case "garbage":
		fmt.Println(strings.Repeat("hello world ", 100_000))
		return 0
	case "tcp":
		fmt.Println("1|1|tcp|127.0.0.1:1|grpc|")
		select {}
	case "certificate":
		fmt.Printf("1|1|unix|%s/s|grpc|%s\n", os.Getenv(goplugin.EnvUnixSocketDir), someCertificate())
		select {}
	case "hostile":
		go hostile()
	case "children":
		child := exec.Command("/bin/sleep", "1000")
		if err := child.Start(); err != nil {
			return 1
		}
		if err := os.WriteFile(os.Getenv("PGVIGIL_TEST_CHILD"), fmt.Append(nil, child.Process.Pid), 0o600); err != nil {
			return 1
		}
	}
	serveFake(mode)
	return 0
}

func serveFake(mode string) {
	version := uint(handshake.ProtocolVersion)
	if mode == "version" {
		version = 99
	}
	value := handshake.CookieValue
	if mode == "cookie" {
		value = "something else"
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{ProtocolVersion: version, MagicCookieKey: handshake.CookieKey, MagicCookieValue: value},
		Plugins:         goplugin.PluginSet{handshake.PluginName: &fakeServices{mode: mode}},
		GRPCServer:      goplugin.DefaultGRPCServer,
		Logger:          hclog.NewNullLogger(),
	})
}

// someCertificate is one as go-plugin expects it in the handshake.
func someCertificate() string {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		panic(err)
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

// hostile prints what has killed hosts before, and then floods.
func hostile() {
	stderr := os.NewFile(2, "stderr")
	for _, line := range []string{
		`{"@message":1}`, `{"@level":[],"@message":{},"@timestamp":7}`, `{"msg":null}`, `{"msg":"x","level":{}}`,
		strings.Repeat("x", 3<<20), "\x00\xff\xfe\x1b[2J", strings.Repeat(`{"a":`, 20000), `{"@message":"survived","@level":"warn","n":1}`,
	} {
		_, _ = io.WriteString(stderr, line+"\n")
	}
	flood := strings.Repeat("another line of noise\n", 1000)
	for {
		_, _ = io.WriteString(stderr, flood)
	}
}

// fakeServices are the services of the fake plugin.
type fakeServices struct {
	goplugin.NetRPCUnsupportedPlugin
	pluginv1.UnimplementedBaseServer
	pluginv1.UnimplementedDCSServer
	mode string
	body string
}

func (f *fakeServices) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterBaseServer(s, f)
	pluginv1.RegisterDCSServer(s, f)
	return nil
}

func (f *fakeServices) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func (f *fakeServices) Info(context.Context, *pluginv1.InfoRequest) (*pluginv1.InfoResponse, error) {
	info := &pluginv1.InfoResponse{
		Name: "fake", Kind: pluginv1.Kind_KIND_DCS, Version: "1.2.3", ApiVersions: []uint32{1},
		Capabilities: []string{"dcs.read", "dcs.commit", "dcs.watch"},
	}
	switch f.mode {
	case "kind":
		info.Kind = pluginv1.Kind_KIND_ROUTER
	case "name":
		info.Name = "impostor"
	case "api":
		info.ApiVersions = []uint32{7}
	case "unable":
		info.Capabilities = []string{"dcs.read"}
	}
	return info, nil
}

func (f *fakeServices) Schema(context.Context, *pluginv1.SchemaRequest) (*pluginv1.SchemaResponse, error) {
	least := 1.0
	return &pluginv1.SchemaResponse{Body: &pluginv1.Block{
		Attributes: []*pluginv1.Attribute{{Name: "size", Type: pluginv1.Type_TYPE_SIZE, DefaultJson: "8", Minimum: &least}},
		Blocks:     []*pluginv1.NestedBlock{{Type: "tls", Body: &pluginv1.Block{Attributes: []*pluginv1.Attribute{{Name: "ca_file", Type: pluginv1.Type_TYPE_STRING, Required: true}}}}},
	}}, nil
}

func (f *fakeServices) Validate(_ context.Context, r *pluginv1.ValidateRequest) (*pluginv1.ValidateResponse, error) {
	if string(r.GetConfigJson()) == `"bad"` {
		return &pluginv1.ValidateResponse{Diagnostics: []*pluginv1.Diagnostic{
			{Severity: pluginv1.Severity_SEVERITY_ERROR, Summary: "bad body", Path: []string{"tls", "ca_file"}},
		}}, nil
	}
	return &pluginv1.ValidateResponse{}, nil
}

func (f *fakeServices) Configure(ctx context.Context, r *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	checked, err := f.Validate(ctx, &pluginv1.ValidateRequest{ConfigJson: r.GetConfigJson()})
	if err != nil || len(checked.GetDiagnostics()) > 0 {
		return &pluginv1.ConfigureResponse{Diagnostics: checked.GetDiagnostics()}, err
	}
	f.body = string(r.GetConfigJson())
	return &pluginv1.ConfigureResponse{}, nil
}

func (f *fakeServices) Health(context.Context, *pluginv1.HealthRequest) (*pluginv1.HealthResponse, error) {
	return &pluginv1.HealthResponse{Healthy: true, Message: "body " + f.body}, nil
}

func (f *fakeServices) Stop(context.Context, *pluginv1.StopRequest) (*pluginv1.StopResponse, error) {
	return &pluginv1.StopResponse{}, nil
}

// Read returns the body and the environment as keys.
func (f *fakeServices) Read(ctx context.Context, r *pluginv1.ReadRequest) (*pluginv1.ReadResponse, error) {
	switch r.GetPrefix() {
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	case "stop":
		if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
			return nil, err
		}
		<-ctx.Done()
		return nil, ctx.Err()
	case "environment":
		return &pluginv1.ReadResponse{Revision: 1, Keys: []*pluginv1.KeyValue{
			{Key: "environment", Value: []byte(strings.Join(os.Environ(), "\n")), ModRevision: 1},
		}}, nil
	}
	return &pluginv1.ReadResponse{Revision: 1, Keys: []*pluginv1.KeyValue{{Key: "body", Value: []byte(f.body), ModRevision: 1}}}, nil
}

// Commit dies while the call runs.
func (f *fakeServices) Commit(context.Context, *pluginv1.CommitRequest) (*pluginv1.CommitResponse, error) {
	os.Exit(3)
	return nil, nil
}
