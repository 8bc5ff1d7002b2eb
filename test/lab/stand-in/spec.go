package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// spec is a database's specification as etcd keeps it: every field present, sizes in bytes,
// passwords in it. Only what the stand-in acts upon is looked into.
type spec map[string]any

// Fields the API knows, with what is stored where one is not given; the API drops others.
var (
	specFields = map[string]any{
		"database_name": "", "postgres_version": "", "spock_version": "", "port": nil,
		"patroni_port": nil, "cpus": 0.0, "memory": 0.0, "nodes": nil, "database_users": nil,
		"services": nil, "backup_config": nil, "restore_config": nil, "postgresql_conf": nil,
		"pg_hba_conf": nil, "pg_ident_conf": nil, "orchestrator_opts": nil, "scripts": nil,
	}
	nodeFields = map[string]any{
		"name": "", "host_ids": nil, "postgres_version": "", "port": nil, "patroni_port": nil,
		"cpus": 0.0, "memory": 0.0, "postgresql_conf": nil, "pg_hba_conf": nil,
		"pg_ident_conf": nil, "backup_config": nil, "restore_config": nil,
		"orchestrator_opts": nil, "source_node": "",
	}
)

// parseSpec turns a request's spec into the stored form, or says what is wrong with it.
func parseSpec(databaseID string, body map[string]any) (spec, error) {
	given, ok := body["spec"].(map[string]any)
	if !ok {
		return nil, validationError{"missing_field", `"spec" is missing from body`}
	}
	for _, field := range []string{"database_name", "nodes"} {
		if given[field] == nil {
			return nil, validationError{
				"missing_field", fmt.Sprintf("%q is missing from body.spec", field),
			}
		}
	}
	parsed, err := storedFields(given, specFields)
	if err != nil {
		return nil, err
	}
	nodes := objects(given["nodes"])
	if len(nodes) == 0 {
		return nil, validationError{
			"invalid_length", "length of body.spec.nodes must be greater or equal than 1 but got 0",
		}
	}
	stored := make([]any, len(nodes))
	for i, node := range nodes {
		if node["name"] == nil || len(texts(node["host_ids"])) == 0 {
			return nil, validationError{
				"missing_field", `"name" or "host_ids" is missing from body.spec.nodes[*]`,
			}
		}
		if stored[i], err = storedFields(node, nodeFields); err != nil {
			return nil, err
		}
	}
	parsed["nodes"], parsed["database_id"] = stored, databaseID
	if tenant := body["tenant_id"]; tenant != nil {
		parsed["tenant_id"] = tenant
	}
	return spec(parsed), spec(parsed).checkNodes()
}

// storedFields takes the known fields and turns sizes into numbers.
func storedFields(given, known map[string]any) (map[string]any, error) {
	stored := maps.Clone(known)
	for key := range known {
		value, found := given[key]
		if !found || value == nil {
			continue
		}
		var err error
		switch key {
		case "memory":
			value, err = parseBytes(fmt.Sprint(value))
		case "cpus":
			value, err = parseCPUs(fmt.Sprint(value))
		}
		if err != nil {
			return nil, invalidInput(fmt.Sprintf("%s: %s", key, err))
		}
		stored[key] = value
	}
	return stored, nil
}

func (s spec) checkNodes() error {
	names := map[any]bool{}
	for i, node := range objects(s["nodes"]) {
		if names[node["name"]] {
			return invalidInput(
				fmt.Sprintf("nodes[%d]: node names must be unique within a database", i))
		}
		names[node["name"]] = true
	}
	for i, node := range objects(s["nodes"]) {
		if source := node["source_node"]; source != "" && !names[source] {
			return invalidInput(fmt.Sprintf("nodes[%d].source_node: source node does not exist", i))
		}
	}
	return nil
}

func objects(value any) []map[string]any {
	values, _ := value.([]any)
	found := make([]map[string]any, 0, len(values))
	for _, one := range values {
		if object, ok := one.(map[string]any); ok {
			found = append(found, object)
		}
	}
	return found
}

// hosts are the hosts of the nodes.
func (s spec) hosts() []string {
	var hosts []string
	for _, node := range objects(s["nodes"]) {
		hosts = append(hosts, texts(node["host_ids"])...)
	}
	return sorted(hosts)
}

// allHosts are the hosts of nodes and services.
func (s spec) allHosts() []string {
	hosts := s.hosts()
	for _, service := range objects(s["services"]) {
		hosts = append(hosts, texts(service["host_ids"])...)
	}
	return sorted(hosts)
}

// instances are the instances the spec asks for, by id.
func (s spec) instances(databaseID string) map[string]storedInstance {
	instances := map[string]storedInstance{}
	for _, node := range objects(s["nodes"]) {
		name := fmt.Sprint(node["name"])
		for _, host := range texts(node["host_ids"]) {
			id := instanceID(databaseID, name, host)
			instances[id] = storedInstance{
				InstanceID: id, DatabaseID: databaseID, HostID: host, NodeName: name,
			}
		}
	}
	return instances
}

// without is the spec with a host, and nodes that are left without host, taken out; false if the
// spec does not list the host. Services keep it, as in the real one.
func (s spec) without(hostID string) (spec, bool) {
	found := false
	nodes := []any{}
	for _, node := range objects(s["nodes"]) {
		hosts := texts(node["host_ids"])
		kept := slices.DeleteFunc(slices.Clone(hosts), func(id string) bool { return id == hostID })
		found = found || len(kept) < len(hosts)
		if len(kept) == 0 {
			continue
		}
		changed := maps.Clone(node)
		changed["host_ids"] = each(kept, func(id string) any { return id })
		nodes = append(nodes, changed)
	}
	changed := maps.Clone(s)
	changed["nodes"] = nodes
	return changed, found
}

// fillFrom takes versions and users' passwords from the present spec where the new one has none.
func (s spec) fillFrom(present spec) {
	for _, key := range []string{"postgres_version", "spock_version"} {
		if s[key] == "" {
			s[key] = present[key]
		}
	}
	passwords := map[any]any{}
	for _, user := range objects(present["database_users"]) {
		passwords[user["username"]] = user["password"]
	}
	for _, user := range objects(s["database_users"]) {
		if password := passwords[user["username"]]; user["password"] == nil && password != nil {
			user["password"] = password
		}
	}
}

// public is the spec as the API shows it: nothing that is unset, no passwords, no keys of services,
// and sizes rounded to two digits: 8GiB is shown, and given back, as 8.6GB.
func (s spec) public() map[string]any {
	shown := publicFields(s)
	delete(shown, "database_id")
	delete(shown, "tenant_id")
	shown["nodes"] = each(objects(s["nodes"]), publicFields)
	if s["database_users"] != nil {
		shown["database_users"] = each(objects(s["database_users"]), func(user map[string]any) map[string]any {
			open := maps.Clone(user)
			delete(open, "password")
			return open
		})
	}
	if s["services"] != nil {
		shown["services"] = each(objects(s["services"]), publicService)
	}
	return shown
}

func publicFields(stored map[string]any) map[string]any {
	shown := map[string]any{}
	for key, value := range stored {
		number, isNumber := value.(float64)
		switch {
		case value == nil || value == "" || (key == "memory" || key == "cpus") && number == 0:
		case key == "memory" && isNumber:
			shown[key] = readableBytes(uint64(number))
		case key == "cpus" && isNumber:
			shown[key] = readableCPUs(number)
		default:
			shown[key] = value
		}
	}
	return shown
}

func publicService(service map[string]any) map[string]any {
	shown := maps.Clone(service)
	config, ok := service["config"].(map[string]any)
	if !ok {
		return shown
	}
	open := maps.Clone(config)
	maps.DeleteFunc(open, func(key string, _ any) bool {
		return strings.Contains(key, "api_key") || strings.Contains(key, "password") ||
			strings.Contains(key, "token") || strings.Contains(key, "secret")
	})
	shown["config"] = open
	return shown
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
	return invalidInput("failed to validate database spec: got invalid host ids: " +
		strings.Join(unknown, ", "))
}

// checkChange refuses what may never change.
func checkChange(present, changed spec) error {
	var problems []string
	if present["tenant_id"] != changed["tenant_id"] {
		problems = append(problems, "tenant ID cannot be changed")
	}
	if present["database_name"] != changed["database_name"] {
		problems = append(problems, "database name cannot be changed")
	}
	if len(problems) == 0 {
		return nil
	}
	return invalidInput("invalid database update: " + strings.Join(problems, "\n"))
}
