package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// spec is a database's specification as the API takes and gives it; only what the stand-in acts
// upon is looked into.
type spec map[string]any

// specKeys are the fields the API knows; it drops others.
var specKeys = []string{
	"database_name", "postgres_version", "spock_version", "port", "patroni_port", "cpus", "memory",
	"nodes", "database_users", "services", "backup_config", "restore_config", "postgresql_conf",
	"pg_hba_conf", "pg_ident_conf", "orchestrator_opts", "scripts",
}

// parseSpec takes the known fields of a request's spec; nodes must be there.
func parseSpec(given map[string]any) (spec, error) {
	parsed := spec{}
	for _, key := range specKeys {
		if value, found := given[key]; found {
			parsed[key] = value
		}
	}
	if _, ok := parsed["database_name"].(string); !ok {
		return nil, validationError{"missing_field", `"database_name" is missing from spec`}
	}
	if _, ok := parsed["nodes"].([]any); !ok {
		return nil, validationError{"missing_field", `"nodes" is missing from spec`}
	}
	seen := map[string]bool{}
	for _, node := range parsed.nodes() {
		if node.name == "" || len(node.hosts) == 0 {
			return nil, validationError{"missing_field", `"host_ids" is missing from spec.nodes[*]`}
		}
		if seen[node.name] {
			return nil, apiError{"invalid_input", "node names must be unique within a database"}
		}
		seen[node.name] = true
	}
	return parsed, nil
}

// specNode is a node of a spec: its name and the hosts that carry an instance of it.
type specNode struct {
	name  string
	hosts []string
}

func (s spec) nodes() []specNode {
	raw, _ := s["nodes"].([]any)
	nodes := make([]specNode, 0, len(raw))
	for _, one := range raw {
		fields, _ := one.(map[string]any)
		node := specNode{}
		node.name, _ = fields["name"].(string)
		hosts, _ := fields["host_ids"].([]any)
		for _, host := range hosts {
			if id, ok := host.(string); ok {
				node.hosts = append(node.hosts, id)
			}
		}
		nodes = append(nodes, node)
	}
	return nodes
}

func (s spec) hosts() []string {
	var hosts []string
	for _, node := range s.nodes() {
		hosts = append(hosts, node.hosts...)
	}
	return sorted(hosts)
}

// instances are the instances the spec asks for, by id.
func (s spec) instances(databaseID string) map[string]storedInstance {
	instances := map[string]storedInstance{}
	for _, node := range s.nodes() {
		for _, host := range node.hosts {
			id := instanceID(databaseID, node.name, host)
			instances[id] = storedInstance{
				InstanceID: id, DatabaseID: databaseID, HostID: host, NodeName: node.name,
			}
		}
	}
	return instances
}

// without is the spec with a host, and nodes that are left without host, taken out; false if the
// spec does not list the host.
func (s spec) without(hostID string) (spec, bool) {
	found := false
	nodes := []any{}
	raw, _ := s["nodes"].([]any)
	for _, one := range raw {
		fields, _ := one.(map[string]any)
		hosts, _ := fields["host_ids"].([]any)
		kept := slices.DeleteFunc(slices.Clone(hosts), func(id any) bool { return id == hostID })
		found = found || len(kept) < len(hosts)
		if len(kept) == 0 {
			continue
		}
		node := map[string]any{}
		for key, value := range fields {
			node[key] = value
		}
		node["host_ids"] = kept
		nodes = append(nodes, node)
	}
	changed := spec{}
	for key, value := range s {
		changed[key] = value
	}
	changed["nodes"] = nodes
	return changed, found
}

// fillFrom takes versions and passwords from the present spec where the new one has none.
func (s spec) fillFrom(present spec) {
	for _, key := range []string{"postgres_version", "spock_version"} {
		if _, given := s[key]; !given && present[key] != nil {
			s[key] = present[key]
		}
	}
	passwords := map[any]any{}
	for _, user := range users(present) {
		passwords[user["username"]] = user["password"]
	}
	for _, user := range users(s) {
		if password := passwords[user["username"]]; user["password"] == nil && password != nil {
			user["password"] = password
		}
	}
}

// public is the spec without passwords.
func (s spec) public() map[string]any {
	shown := map[string]any{}
	for key, value := range s {
		shown[key] = value
	}
	if _, found := s["database_users"]; found {
		shown["database_users"] = each(users(s), func(user map[string]any) map[string]any {
			open := map[string]any{}
			for key, value := range user {
				if key != "password" {
					open[key] = value
				}
			}
			return open
		})
	}
	return shown
}

func users(s spec) []map[string]any {
	raw, _ := s["database_users"].([]any)
	found := make([]map[string]any, 0, len(raw))
	for _, one := range raw {
		if user, ok := one.(map[string]any); ok {
			found = append(found, user)
		}
	}
	return found
}

// checkHosts refuses a spec that names hosts without record.
func checkHosts(wanted []string, known []storedHost) error {
	var unknown []string
	for _, id := range wanted {
		if !slices.ContainsFunc(known, func(host storedHost) bool { return host.ID == id }) {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return errors.New("got invalid host ids: " + strings.Join(unknown, ", "))
}

// checkChange refuses what may never change.
func checkChange(present, changed spec) error {
	if present["database_name"] != changed["database_name"] {
		return fmt.Errorf("invalid database update: database name cannot be changed")
	}
	return nil
}
