package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	instanceInterval   = 5 * time.Second
	databasePrefix     = "/databases/"
	specPrefix         = "/database_specs/"
	instancePrefix     = "/instances/"
	instanceStatusRoot = "/instance_statuses/"
)

// States of databases and instances.
const (
	stateAvailable = "available"
	stateCreating  = "creating"
	stateModifying = "modifying"
	stateDeleting  = "deleting"
	stateFailed    = "failed"
	stateDegraded  = "degraded"
	stateUnknown   = "unknown"
)

// storedDatabase is a database's record. Its state is what was last written; nothing degrades it.
type storedDatabase struct {
	DatabaseID string    `json:"database_id"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	State      string    `json:"state"`
}

func (d storedDatabase) modifiable() bool {
	return slices.Contains([]string{stateAvailable, stateDegraded, stateFailed}, d.State)
}

// storedInstance is the record of a node's instance on a host.
type storedInstance struct {
	InstanceID string    `json:"instance_id"`
	DatabaseID string    `json:"database_id"`
	HostID     string    `json:"host_id"`
	NodeName   string    `json:"node_name"`
	State      string    `json:"state"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	Error      string    `json:"error,omitempty"`
}

func (i storedInstance) key() string { return instancePrefix + i.DatabaseID + "/" + i.InstanceID }

func (i storedInstance) statusKey() string {
	return instanceStatusRoot + i.DatabaseID + "/" + i.InstanceID
}

// instanceStatus is what the instance's host last saw; older than 10 s it counts for nothing.
type instanceStatus struct {
	UpdatedAt    time.Time `json:"status_updated_at"`
	Hostname     string    `json:"hostname"`
	Addresses    []string  `json:"addresses"`
	Port         int       `json:"port"`
	PatroniState string    `json:"patroni_state"`
	Role         string    `json:"role"`
}

// instanceStatusRecord is what stands under a status's key.
type instanceStatusRecord struct {
	DatabaseID string         `json:"database_id"`
	InstanceID string         `json:"instance_id"`
	Status     instanceStatus `json:"status"`
}

// database is a database with its spec, instances and their statuses.
type database struct {
	storedDatabase
	spec      spec
	instances []storedInstance
	statuses  map[string]instanceStatus
}

// readDatabase reads all of one database; errDatabaseNotFound if there is none.
func (a *app) readDatabase(ctx context.Context, id string) (database, error) {
	var (
		found database
		err   error
	)
	found.storedDatabase, err = get[storedDatabase](ctx, a.node.client, databasePrefix+id)
	if errors.Is(err, errNotFound) {
		return found, errDatabaseNotFound
	} else if err != nil {
		return found, fmt.Errorf("failed to get database: %w", err)
	}
	found.spec, err = get[spec](ctx, a.node.client, specPrefix+id)
	if errors.Is(err, errNotFound) {
		return found, errDatabaseNotFound
	} else if err != nil {
		return found, fmt.Errorf("failed to get database spec: %w", err)
	}
	found.instances, err = getAll[storedInstance](ctx, a.node.client, instancePrefix+id+"/", false)
	if err != nil {
		return found, fmt.Errorf("failed to get database instances: %w", err)
	}
	found.statuses, err = a.readStatuses(ctx, instanceStatusRoot+id+"/")
	return found, err
}

func (a *app) readDatabases(ctx context.Context) ([]database, error) {
	records, err := getAll[storedDatabase](ctx, a.node.client, databasePrefix, false)
	if err != nil {
		return nil, fmt.Errorf("failed to get databases: %w", err)
	}
	found := make([]database, 0, len(records))
	for _, record := range records {
		one, err := a.readDatabase(ctx, record.DatabaseID)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

func (a *app) readStatuses(ctx context.Context, prefix string) (map[string]instanceStatus, error) {
	records, err := getAll[instanceStatusRecord](ctx, a.node.client, prefix, false)
	if err != nil {
		return nil, fmt.Errorf("failed to get stored instance statuses: %w", err)
	}
	byID := map[string]instanceStatus{}
	for _, record := range records {
		byID[record.InstanceID] = record.Status
	}
	return byID, nil
}

// setDatabaseState writes a state; the record's updated_at stays, as in the real one.
func (a *app) setDatabaseState(ctx context.Context, id, state string) error {
	record, err := get[storedDatabase](ctx, a.node.client, databasePrefix+id)
	if err != nil {
		return err
	}
	record.State = state
	return put(ctx, a.node.client, databasePrefix+id, record)
}

// changeSpec stores a new spec and sets the database to modifying; errNotModifiable in other than
// available, degraded and failed.
func (a *app) changeSpec(ctx context.Context, id string, changed spec) error {
	record, err := get[storedDatabase](ctx, a.node.client, databasePrefix+id)
	if err != nil {
		return err
	}
	if !record.modifiable() {
		return errNotModifiable
	}
	record.State, record.UpdatedAt = stateModifying, time.Now()
	encodedSpec, err := encode(changed)
	if err != nil {
		return err
	}
	encodedRecord, err := encode(record)
	if err != nil {
		return err
	}
	_, err = a.node.client.Txn(ctx).Then(
		clientv3.OpPut(specPrefix+id, encodedSpec),
		clientv3.OpPut(databasePrefix+id, encodedRecord),
	).Commit()
	return err
}

// failDatabase ends a change that failed: database failed, instances in progress failed.
func (a *app) failDatabase(ctx context.Context, id string) error {
	if err := a.setDatabaseState(ctx, id, stateFailed); err != nil {
		return err
	}
	instances, err := getAll[storedInstance](ctx, a.node.client, instancePrefix+id+"/", false)
	if err != nil {
		return err
	}
	for _, instance := range instances {
		switch instance.State {
		case stateCreating, stateModifying, stateDeleting:
			if err := a.setInstance(ctx, instance, stateFailed); err != nil {
				return err
			}
		}
	}
	return nil
}

// finishDatabase ends a change that worked: database available, records of instances that are no
// longer in the spec deleted.
func (a *app) finishDatabase(ctx context.Context, id string) error {
	if err := a.setDatabaseState(ctx, id, stateAvailable); err != nil {
		return err
	}
	found, err := a.readDatabase(ctx, id)
	if err != nil {
		return err
	}
	wanted := found.spec.instances(id)
	for _, instance := range found.instances {
		if _, kept := wanted[instance.InstanceID]; kept {
			continue
		}
		for _, key := range []string{instance.key(), instance.statusKey()} {
			if err := remove(ctx, a.node.client, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) setInstance(ctx context.Context, instance storedInstance, state string) error {
	instance.State, instance.UpdatedAt = state, time.Now()
	if instance.CreatedAt.IsZero() {
		instance.CreatedAt = instance.UpdatedAt
	}
	return put(ctx, a.node.client, instance.key(), instance)
}

// deleteDatabase removes every record of a database.
func (a *app) deleteDatabase(ctx context.Context, id string) error {
	for _, prefix := range []string{instancePrefix + id + "/", instanceStatusRoot + id + "/"} {
		if err := remove(ctx, a.node.client, prefix, clientv3.WithPrefix()); err != nil {
			return err
		}
	}
	for _, key := range []string{specPrefix + id, databasePrefix + id} {
		if err := remove(ctx, a.node.client, key); err != nil {
			return err
		}
	}
	return nil
}

// watchInstances refreshes, every 5 s, the status of this host's instances that are available.
func (a *app) watchInstances(ctx context.Context) {
	every(ctx, instanceInterval, func() {
		instances, err := getAll[storedInstance](ctx, a.node.client, instancePrefix, false)
		if err != nil {
			logInfo("monitor failed to run check", "error", err.Error())
			return
		}
		for _, instance := range instances {
			if instance.HostID != a.settings.hostID || instance.State != stateAvailable {
				continue
			}
			if err := a.refreshInstance(ctx, instance); err != nil {
				logInfo("monitor failed to run check", "error", err.Error())
			}
		}
	})
}

func (a *app) refreshInstance(ctx context.Context, instance storedInstance) error {
	return put(ctx, a.node.client, instance.statusKey(), instanceStatusRecord{
		DatabaseID: instance.DatabaseID, InstanceID: instance.InstanceID,
		Status: instanceStatus{
			UpdatedAt: time.Now(), Hostname: a.settings.hostname,
			Addresses: a.settings.clientAddresses, Port: 5432,
			PatroniState: "running", Role: "primary",
		},
	})
}

// describe is the API's form of a database; the list has no spec and, in the older generation,
// little of its instances.
func (a *app) describeDatabase(found database, whole bool) map[string]any {
	described := map[string]any{
		"id":         found.DatabaseID,
		"created_at": found.CreatedAt.Format(time.RFC3339),
		"updated_at": found.UpdatedAt.Format(time.RFC3339),
		"state":      found.State,
	}
	if len(found.instances) > 0 {
		described["instances"] = each(found.instances, func(instance storedInstance) map[string]any {
			return a.describeInstance(instance, found.statuses[instance.InstanceID], whole)
		})
	}
	if tenant := found.spec["tenant_id"]; tenant != nil {
		described["tenant_id"] = tenant
	}
	if whole {
		described["spec"] = found.spec.public()
	}
	return described
}

func (a *app) describeInstance(
	instance storedInstance, status instanceStatus, whole bool,
) map[string]any {
	fresh := time.Since(status.UpdatedAt) <= 2*instanceInterval
	if instance.State == stateAvailable && !fresh && !status.UpdatedAt.IsZero() {
		instance.State = stateUnknown
	}
	described := map[string]any{
		"id": instance.InstanceID, "host_id": instance.HostID,
		"node_name": instance.NodeName, "state": instance.State,
	}
	if a.settings.older && !whole {
		return described
	}
	described["created_at"] = instance.CreatedAt.Format(time.RFC3339)
	described["updated_at"] = instance.UpdatedAt.Format(time.RFC3339)
	if instance.Error != "" {
		described["error"] = instance.Error
	}
	if instance.State != stateAvailable || !fresh {
		return described
	}
	described["status_updated_at"] = status.UpdatedAt.Format(time.RFC3339)
	described["postgres"] = map[string]any{
		"version": a.postgresVersion(), "patroni_state": status.PatroniState, "role": status.Role,
		"pending_restart": false, "patroni_paused": false,
	}
	described["spock"] = map[string]any{
		"version": spockVersion, "read_only": "off", "subscriptions": []any{},
	}
	connection := map[string]any{"port": status.Port}
	if a.settings.older {
		connection["hostname"] = status.Hostname
		connection["ipv4_address"] = status.Addresses[0]
	} else {
		connection["addresses"] = status.Addresses
	}
	described["connection_info"] = connection
	return described
}
