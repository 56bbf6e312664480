// SPDX-License-Identifier: Apache-2.0

package modelcheck

import "fmt"

// id names an interned value of a pool. Equal values have equal ids, so that a world is a few numbers.
type id uint32

// pool interns values. They are never changed once they are in.
type pool[T any] struct {
	ids map[string]id
	all []T
	buf []byte
}

func newPool[T any]() *pool[T] { return &pool[T]{ids: map[string]id{}} }

// of is the id of a value. Values are told apart by what fmt prints of them, all fields and no pointers: a field that the
// core gets tomorrow counts without anybody thinking of it.
func (p *pool[T]) of(v T) id {
	p.buf = fmt.Appendf(p.buf[:0], "%v", v)
	if i, ok := p.ids[string(p.buf)]; ok {
		return i
	}
	i := id(len(p.all))
	p.ids[string(p.buf)] = i
	p.all = append(p.all, v)
	return i
}

// at is the value; it must not be changed.
func (p *pool[T]) at(i id) *T { return &p.all[i] }
