// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/etcd/internal/etcdtest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// protect turns on authentication: root/rootpw, and user/pw who may use /service/ only.
func protect(t *testing.T, c *etcdtest.Cluster) *clientv3.Client {
	t.Helper()
	client := c.Client(t, 0, "", "")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(client.RoleAdd(t.Context(), "root"))
	must(client.UserAdd(t.Context(), "root", "rootpw"))
	must(client.UserGrantRole(t.Context(), "root", "root"))
	must(client.RoleAdd(t.Context(), "service"))
	must(client.RoleGrantPermission(t.Context(), "service", "/service/", clientv3.GetPrefixRangeEnd("/service/"), clientv3.PermissionType(clientv3.PermReadWrite)))
	must(client.UserAdd(t.Context(), "user", "pw"))
	must(client.UserGrantRole(t.Context(), "user", "service"))
	must(client.AuthEnable(t.Context()))
	return c.Client(t, 0, "root", "rootpw")
}

func TestUserAndPassword(t *testing.T) {
	c := etcdtest.Start(t, 1, nil)
	root := protect(t, c)
	s := open(t, Config{Endpoints: c.Endpoints, Username: "user", Password: "pw"})
	mustPut(t, s, "/service/k", "v")

	t.Run("token not known any more", func(t *testing.T) {
		s.endpoints[0].token.set("expired.1")
		mustPut(t, s, "/service/k", "with a new token")
		s.endpoints[0].token.set("expired.2")
		if _, err := s.Read(t.Context(), "/service/"); err != nil {
			t.Error(err)
		}
		s.endpoints[0].token.set("expired.3")
		steps, _ := follow(t, s, NewWatch("/service/", 0))
		<-steps
		mustPut(t, s, "/service/k", "seen")
		next(t, steps)
	})
	t.Run("users changed", func(t *testing.T) {
		if _, err := root.UserAdd(t.Context(), "another", "x"); err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, "/service/k", "with an old auth revision")
	})
	restart := func() { c.Kill(0); c.Run(t, 0) }
	t.Run("etcd restarted", func(t *testing.T) {
		restart()
		plugintest.Eventually(t, "commits work again", func() bool {
			_, err := s.Commit(t.Context(), nil, put("/service/k", "again"))
			return err == nil
		})
	})
	t.Run("key not permitted", func(t *testing.T) {
		if _, err := s.Read(t.Context(), "/secret"); !errors.Is(err, ErrDenied) {
			t.Errorf("read: %v", err)
		}
		if _, err := s.Commit(t.Context(), nil, put("/secret", "v")); !errors.Is(err, ErrDenied) {
			t.Errorf("commit: %v", err)
		}
		err := s.Follow(t.Context(), NewWatch("/secret", 0), func(Step) error { return nil })
		if !errors.Is(err, ErrDenied) {
			t.Errorf("watch: %v", err)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		s := open(t, Config{Endpoints: c.Endpoints, Username: "user", Password: "wrong"})
		if _, err := s.Read(t.Context(), "/service/"); !errors.Is(err, ErrDenied) {
			t.Errorf("got %v", err)
		}
		healthy, line := s.Health(t.Context())
		t.Log(line)
		if healthy {
			t.Error("healthy with a wrong password")
		}
	})
}

func TestUserWithoutAuthentication(t *testing.T) {
	c := etcdtest.Start(t, 1, nil)
	s := open(t, Config{Endpoints: c.Endpoints, Username: "user", Password: "pw"})
	mustPut(t, s, "/service/k", "v")
	protect(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := s.Commit(ctx, nil, put("/service/k", "authentication is on now")); err != nil {
		t.Error(err)
	}
}
