// SPDX-License-Identifier: Apache-2.0

package modelcheck

// Result is what a search found.
type Result struct {
	// States is how many worlds were met, Depth how many events the farthest is from the start. Complete says that there are
	// no more within the bounds.
	States, Depth int
	Complete      bool
	// Broken is the invariant that the shortest story ends with breaking; empty when none was broken. Story is told event by
	// event.
	Broken string
	Story  string
}

// search is a breadth-first search.
type search struct {
	*model
	met    map[world]int32
	worlds []world
	parent []int32
	by     []uint32
	depth  int
}

// explore searches from a start.
func (m *model) explore(start world) Result {
	s := &search{model: m, met: map[world]int32{}}
	s.meet(start, -1, event{})
	for from, level := 0, 1; from < len(s.worlds); from++ {
		if from == level {
			level = len(s.worlds)
			s.depth++
		}
		if m.bounds.States > 0 && len(s.worlds) >= m.bounds.States {
			return Result{States: len(s.worlds), Depth: s.depth}
		}
		if broken, last := s.expand(int32(from)); broken != "" {
			return Result{States: len(s.worlds), Depth: s.depth + 1, Broken: broken, Story: s.tell(start, int32(from), last) + broken + "\n"}
		}
	}
	return Result{States: len(s.worlds), Depth: s.depth, Complete: true}
}

// expand meets what may come after a world.
func (s *search) expand(from int32) (broken string, last event) {
	here := s.worlds[from]
	s.enabled(&here, func(e event) {
		if broken != "" {
			return
		}
		w := here
		if _, bad := s.happen(&w, e); bad != "" {
			broken, last = bad, e
			return
		}
		s.meet(w, from, e)
	})
	return broken, last
}

// meet notes a world that was not met before.
func (s *search) meet(w world, parent int32, by event) {
	if _, ok := s.met[w]; ok {
		return
	}
	s.met[w] = int32(len(s.worlds))
	s.worlds, s.parent, s.by = append(s.worlds, w), append(s.parent, parent), append(s.by, by.pack())
}
