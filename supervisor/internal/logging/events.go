// SPDX-License-Identifier: Apache-2.0

package logging

// event is a record that operators look for: its message, of an action the kind too, and its MESSAGE_ID. What each means and what
// to do is in packaging/root/usr/lib/systemd/catalog/pgvigil.catalog. An id is never used for anything else.
type event struct{ message, action, id string }

func events() []event {
	return []event{
		{"leadership taken", "", "c93a024026ea46589fbba16c625c4830"},
		{"leadership resumed", "", "06683d33448d42b99a3c74bdfab4c4f9"},
		{"leadership given up", "", "3da3947930354459a47df0f33ce01593"},
		{"leadership lost", "", "c9c970f5ecb9443193e73090e3ccd8e2"},
		{"new leader", "", "1a2b3f66783f45d3a3400064ee5b779b"},
		{"fencing postgresql", "", "4faeeea479da4c7eb88d3e272629638b"},
		{"fencing failed", "", "e8ccdc3fe94c40ec92cb8ccfd6afc47d"},
		{"action done", "promote", "9103e8346da54fe2b0b2188c59bac78d"},
		{"action done", "rewind", "4c59360cfe4c409980395307fae6ef39"},
		{"action done", "clone", "eef489f53ec148599585fa01452a8c9e"},
		{"action done", "bootstrap", "b44acd23e9b14397917ee9ea98242ec3"},
		{"action failed", "", "2e19d2687a484e9ba92958d13cccced2"},
		{"operation asked for", "", "da7c1f2303b544179ea0da88a56e96a4"},
		{"operation done", "", "3147cf7c0aa14b039fa593cfb03e4a6a"},
		{"operation failed", "", "44aed6e960e84bca9acaeb53c8e2be6c"},
		{"plugin is down", "", "5d05bfb326dc45f29fc2f178c6db8fa7"},
		{"watchdog armed", "", "85701c065ae3443b9b02b12bb0780d8d"},
		{"watchdog failed", "", "e319b6427aee4ee6826b2ae0dbcc6368"},
		{"watchdog not usable", "", "34c0ada2f99e4068b661d1b454d62f95"},
		{"watchdog left armed", "", "dc8e1c5b8fcc445893bb8763eb8e47c3"},
		{"the watchdog reset this host before it booted", "", "26f7caad131942e2a79b930b78b3381c"},
		{"dcs does not answer", "", "8a5d1b5e3a77411cbaf48aed71073799"},
		{"dcs answers again", "", "d62df69b53af412d8e278e8d7bf7b956"},
		{"state not stored", "", "0c057b7baae8473b9185c0bba66516f2"},
		{"configuration refused", "", "8b86b7a3d19848f48edd9d580d80c651"},
		{"configuration not reloaded, the one in force stays", "", "064d4d4ba9c441df9fde0c2ea8b8b40a"},
		{"supervisor ends", "", "18637b5e500b40fdb3ac794c08177966"},
	}
}

// messageID is that of a record, empty when it is nothing notable.
func messageID(message, action string) string {
	for _, e := range events() {
		if e.message == message && (e.action == "" || e.action == action) {
			return e.id
		}
	}
	return ""
}
