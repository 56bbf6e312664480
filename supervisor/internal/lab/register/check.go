// SPDX-License-Identifier: Apache-2.0

package register

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// model is one row, whose state is its value; it is 0 at first. An open operation is answered by whatever is true when it
// happens, which may be after everything else.
var model = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, _ any) (bool, any) {
		value, o := state.(int64), input.(Operation)
		if !o.Open && o.Value != value {
			return false, state
		}
		switch {
		case o.Kind == Write, o.Kind == Swap && value == o.Old:
			return true, o.New
		}
		return true, state
	},
}

// Check tells, by an error, that the history is not linearizable, or that this could not be found out in the time for each
// row. The workload must be stopped.
func (h *History) Check(patience time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	rows := make(map[int64][]Operation)
	for _, o := range h.operations {
		rows[o.Key] = append(rows[o.Key], o)
	}
	for key, operations := range rows {
		if err := checkRow(operations, patience); err != nil {
			return fmt.Errorf("row %d: %w", key, err)
		}
	}
	return nil
}

func checkRow(operations []Operation, patience time.Duration) error {
	history := make([]porcupine.Operation, len(operations))
	for i, o := range operations {
		history[i] = porcupine.Operation{ClientId: o.Client, Input: o, Call: int64(o.Sent), Return: o.end()}
	}
	switch porcupine.CheckOperationsTimeout(model, history, patience) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("not found out within %s whether %d operations are linearizable", patience, len(operations))
	}
	return fmt.Errorf("not linearizable:\n%s", tell(operations))
}

func tell(operations []Operation) string {
	slices.SortFunc(operations, func(a, b Operation) int { return int(a.Sent - b.Sent) })
	var text strings.Builder
	for _, o := range operations {
		fmt.Fprintln(&text, o)
	}
	return text.String()
}
