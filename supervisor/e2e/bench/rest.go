// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// rest measures the health check of the primary: how much it takes on one core, and how fast it answers while what is
// behind it hangs.
func rest(ctx context.Context, s settings, c *lab.Cluster) error {
	primary, err := c.WaitPrimary(ctx)
	if err != nil {
		return err
	}
	unpin, err := pin(primary.SupervisorPID())
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "REST: requests for /primary, the supervisor held to one core, the clients to the others.\n\n")
	s.head("method", "connections", "kept alive", "requests/s", "median ms", "p99 ms", "worst ms")
	for _, l := range []load{{"OPTIONS", 64, true}, {"GET", 64, true}, {"GET", 16, true}, {"GET", 64, false}} {
		result, err := l.run(ctx, c, primary, s.load)
		if err != nil {
			return errors.Join(err, unpin())
		}
		s.row(l.method, l.connections, l.keep, result.rate(), ms(result.at(0.5)), ms(result.at(0.99)), ms(result.at(1)))
	}
	fmt.Fprintln(s.out)
	return errors.Join(unpin(), hangs(ctx, s, c, primary))
}

// hangs measures latency at a gentle rate while a process is stopped.
func hangs(ctx context.Context, s settings, c *lab.Cluster, primary *lab.Node) error {
	fmt.Fprintf(s.out, "REST: latency of GET /primary, 200 requests/s, while something behind it is stopped (SIGSTOP) for two seconds.\n\n")
	s.head("stopped", "n", "median ms", "p99 ms", "worst ms", "not 200")
	cases := []struct {
		name       string
		stop, cont func() error
	}{
		{"nothing", func() error { return nil }, func() error { return nil }},
		{"PostgreSQL", send(primary.SignalPostgres, syscall.SIGSTOP), send(primary.SignalPostgres, syscall.SIGCONT)},
		{"etcd of the node", primary.StopEtcd, primary.ContEtcd},
		{"all etcds", all(c, (*lab.Node).StopEtcd), all(c, (*lab.Node).ContEtcd)},
	}
	for _, k := range cases {
		if err := k.stop(); err != nil {
			return err
		}
		result, err := probe(ctx, primary, 2*time.Second)
		if err := errors.Join(err, k.cont()); err != nil {
			return fmt.Errorf("with %s stopped: %w", k.name, err)
		}
		s.row(k.name, len(result.times), ms(result.at(0.5)), ms(result.at(0.99)), ms(result.at(1)), result.others)
		well, cancel := context.WithTimeout(ctx, time.Minute)
		err = c.WaitHealthy(well)
		cancel()
		if err != nil {
			return err
		}
		if primary, err = c.WaitPrimary(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintln(s.out)
	return nil
}

func send(f func(syscall.Signal) error, sig syscall.Signal) func() error {
	return func() error { return f(sig) }
}

func all(c *lab.Cluster, f func(*lab.Node) error) func() error {
	return func() error {
		var errs []error
		for _, n := range c.Nodes {
			errs = append(errs, f(n))
		}
		return errors.Join(errs...)
	}
}

// pin holds a process to the last core and this one to the others; what it returns undoes that.
func pin(pid int) (func() error, error) {
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nil, err
	}
	var its, mine unix.CPUSet
	left := before.Count()
	for cpu := 0; left > 0; cpu++ {
		if !before.IsSet(cpu) {
			continue
		}
		if left--; left == 0 {
			its.Set(cpu)
		} else {
			mine.Set(cpu)
		}
	}
	if before.Count() == 1 {
		mine = its
	}
	err := errors.Join(affinity(pid, &its), affinity(os.Getpid(), &mine))
	return func() error { return errors.Join(affinity(pid, &before), affinity(os.Getpid(), &before)) }, err
}

// affinity sets the cores of all threads of a process; threads to come inherit them.
func affinity(pid int, set *unix.CPUSet) error {
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		thread, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetaffinity(thread, set); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// result of many requests.
type result struct {
	mu     sync.Mutex
	times  []time.Duration
	others int
	took   time.Duration
}

func (r *result) add(times []time.Duration, others int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times = append(r.times, times...)
	r.others += others
}

func (r *result) rate() int { return int(float64(len(r.times)) / r.took.Seconds()) }

// at is the time that a share of the requests did not exceed. The times are sorted by the first call.
func (r *result) at(share float64) time.Duration {
	if len(r.times) == 0 {
		return 0
	}
	if !slices.IsSorted(r.times) {
		slices.Sort(r.times)
	}
	return r.times[int(share*float64(len(r.times)-1))]
}

func ms(d time.Duration) string { return strconv.FormatFloat(d.Seconds()*1000, 'f', 2, 64) }
