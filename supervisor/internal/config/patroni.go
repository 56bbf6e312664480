// SPDX-License-Identifier: Apache-2.0

package config

// moved tells people who come from Patroni where a name of theirs went.
func moved(name, where string) string {
	switch name {
	case "scope":
		return `Patroni's scope is the label of the cluster block: cluster "demo" { … }.`
	case "name":
		if where == "" || where == "cluster" {
			return `Patroni's name is "member" in the cluster block.`
		}
	case "loop_wait":
		return "There is no loop to wait for: pgvigil acts on events. Leave it out."
	case "retry_timeout":
		return `The DCS is retried for as long as "ttl" leaves time; one try is bounded by "request_timeout" in the dcs block.`
	case "failsafe_mode":
		return "There is no such switch. Leave it out."
	case "synchronous_mode":
		return `Patroni's synchronous modes are durability = "quorum" in the cluster block.`
	case "synchronous_mode_strict":
		return `Patroni's synchronous_mode_strict is "min_sync" in the cluster block: 1 or more is strict.`
	case "synchronous_node_count":
		return `Patroni's synchronous_node_count is "synchronous_standbys" in the cluster block.`
	case "restapi":
		return "Patroni's restapi is the api block."
	case "postgresql":
		return "Patroni's postgresql is the postgres block."
	case "etcd", "etcd3", "consul", "zookeeper":
		return `The DCS is a block with the plugin's name as label: dcs "etcd" { … }.`
	case "bootstrap":
		return "What Patroni has under bootstrap stands in the cluster block (timing) and in the postgres block (parameters, hba, initdb)."
	case "connect_address":
		return `Patroni's connect_address is "connect".`
	case "use_pg_rewind":
		return `Patroni's use_pg_rewind is "use_rewind" in the postgres block.`
	case "pg_hba":
		return `Patroni's pg_hba is "hba" in the postgres block.`
	case "authentication":
		return "Patroni's authentication is the blocks superuser, replication and rewind in the postgres block."
	case "unix_socket_directories":
		if where == "postgres" {
			return `The socket directory is "socket_dir".`
		}
	case "replicatefrom", "nostream":
		return "This version of pgvigil does not know this tag of Patroni's; it has no effect."
	}
	return ""
}
