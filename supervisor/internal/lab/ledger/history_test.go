// SPDX-License-Identifier: Apache-2.0

package ledger

import "testing"

func TestHistoryTellsWhichWritesMustHaveSurvived(t *testing.T) {
	line := history{left: make(map[uint32]uint64), current: 4}
	if err := line.parse("1\t0/5000\tno recovery target specified\n\n# a remark\n3\t1/6000\tbefore\n"); err != nil {
		t.Fatal(err)
	}
	ack := func(timeline uint32, lsn uint64) Entry {
		return Entry{Outcome: Acknowledged, Timeline: timeline, LSN: lsn}
	}
	unknown := Entry{Outcome: Unknown}
	cases := []struct {
		name  string
		entry Entry
		later []Entry
		want  bool
	}{
		{"on the newest timeline", ack(4, 0x1_0000_7000), nil, true},
		{"on a timeline that is no ancestor", ack(2, 0x10), []Entry{ack(2, 0x20)}, false},
		{"followed by another before the fork", ack(1, 0x4000), []Entry{unknown, ack(1, 0x5000)}, true},
		{"followed by another behind the fork", ack(1, 0x4000), []Entry{ack(1, 0x5001)}, false},
		{"the last before the fork may have committed behind it", ack(1, 0x4000), []Entry{ack(3, 0x6000)}, false},
		{"high half of the position counts", ack(3, 0x1_0000_5000), []Entry{ack(3, 0x1_0000_6000)}, true},
		{"behind the fork", ack(3, 0x1_0000_7000), []Entry{ack(3, 0x1_0000_8000)}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := line.holds(c.entry, c.later); got != c.want {
				t.Errorf("holds = %t, want %t", got, c.want)
			}
		})
	}
}

func TestHistoryRefusesWhatItCannotRead(t *testing.T) {
	for _, text := range []string{"x\t0/5000\tr\n", "1\t5000\tr\n", "1\tg/1\tr\n", "1\t0/g\tr\n"} {
		if err := (history{left: make(map[uint32]uint64)}).parse(text); err == nil {
			t.Errorf("parse(%q) gave no error", text)
		}
	}
}
