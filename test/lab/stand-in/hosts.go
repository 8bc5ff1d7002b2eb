package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const statusInterval = 15 * time.Second

const (
	hostPrefix   = "/hosts/"
	statusPrefix = "/host_statuses/"
)

const (
	postgresNewer = "18.4"
	postgresOlder = "18.1"
	spockVersion  = "5"
)

// storedHost is a host's record, written by the host itself.
type storedHost struct {
	ID              string        `json:"id"`
	Orchestrator    string        `json:"type"`
	Cohort          *storedCohort `json:"stored_cohort,omitempty"`
	DataDir         string        `json:"data_dir"`
	Hostname        string        `json:"hostname,omitempty"`
	IPv4Address     string        `json:"ipv4_address,omitempty"`
	PeerAddresses   []string      `json:"peer_addresses,omitempty"`
	ClientAddresses []string      `json:"client_addresses,omitempty"`
	CPUs            int           `json:"cpus"`
	MemBytes        uint64        `json:"mem_bytes"`
	EtcdMode        string        `json:"etcd_mode,omitempty"`
}

type storedCohort struct {
	Type             string `json:"type"`
	MemberID         string `json:"member_id"`
	ControlAvailable bool   `json:"control_available"`
}

// storedStatus is what a host last said about itself.
type storedStatus struct {
	HostID     string               `json:"host_id"`
	UpdatedAt  time.Time            `json:"updated_at"`
	State      string               `json:"state"`
	Components map[string]component `json:"components"`
}

type component struct {
	Name    string         `json:"name"`
	Healthy bool           `json:"healthy"`
	Error   string         `json:"error"`
	Details map[string]any `json:"details"`
}

// updateHost writes this host's record; what Docker said is of the process's start.
func (a *app) updateHost(ctx context.Context) error {
	record := storedHost{
		ID:           a.settings.hostID,
		Orchestrator: "swarm",
		Cohort: &storedCohort{
			Type: "swarm", MemberID: a.docker.Swarm.NodeID,
			ControlAvailable: a.docker.Swarm.ControlAvailable,
		},
		DataDir:  a.settings.dataDir,
		CPUs:     a.docker.NCPU,
		MemBytes: a.docker.MemTotal,
	}
	if a.settings.older {
		record.Hostname, record.IPv4Address = a.settings.hostname, a.settings.addresses[0]
	} else {
		record.PeerAddresses = a.settings.addresses
		record.ClientAddresses = a.settings.clientAddresses
		record.EtcdMode = a.node.mode
	}
	return put(ctx, a.node.client, hostPrefix+record.ID, record)
}

func (a *app) updateStatus(ctx context.Context) error {
	info, err := readDocker(ctx)
	if err != nil {
		return err
	}
	status := storedStatus{
		HostID: a.settings.hostID, UpdatedAt: time.Now(), State: "healthy",
		Components: map[string]component{"etcd": a.node.health(), "docker": dockerHealth(info)},
	}
	for _, part := range status.Components {
		if !part.Healthy {
			status.State = "degraded"
		}
	}
	return put(ctx, a.node.client, statusPrefix+status.HostID, status)
}

// watchHost writes record and status now and every 15 s. As in the real one its requests have no
// deadline: one that etcd holds back (an old token after a restore) stops the complete watch.
func (a *app) watchHost(ctx context.Context) {
	every(ctx, statusInterval, func() {
		if err := errors.Join(a.updateHost(ctx), a.updateStatus(ctx)); err != nil {
			logInfo("monitor failed to run check", "error", err.Error())
		}
	})
}

// every runs check once, in the caller, and then each interval until ctx ends.
func every(ctx context.Context, interval time.Duration, check func()) {
	ticker := time.NewTicker(interval)
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				check()
			}
		}
	}()
	check()
}

// listHosts reads all records with the status of each; one older than 30 s reads unreachable.
func (a *app) listHosts(ctx context.Context) ([]map[string]any, error) {
	records, err := getAll[storedHost](ctx, a.node.client, hostPrefix, false)
	if err != nil {
		return nil, fmt.Errorf("failed to fetch hosts from storage: %w", err)
	}
	statuses, err := getAll[storedStatus](ctx, a.node.client, statusPrefix, false)
	if err != nil {
		return nil, fmt.Errorf("failed to fetch host statuses from storage: %w", err)
	}
	byID := map[string]storedStatus{}
	for _, status := range statuses {
		byID[status.HostID] = status
	}
	return each(records, func(record storedHost) map[string]any {
		return a.describeHost(record, byID[record.ID])
	}), nil
}

func (a *app) describeHost(record storedHost, status storedStatus) map[string]any {
	if time.Since(status.UpdatedAt) > 2*statusInterval {
		status.State, status.Components = "unreachable", nil
	}
	components := map[string]any{}
	for name, part := range status.Components {
		components[name] = map[string]any{
			"healthy": part.Healthy, "error": part.Error, "details": part.Details,
		}
	}
	version := map[string]any{"postgres_version": a.postgresVersion(), "spock_version": spockVersion}
	described := map[string]any{
		"id":           record.ID,
		"orchestrator": record.Orchestrator,
		"data_dir":     record.DataDir,
		"cpus":         record.CPUs,
		"memory":       readableBytes(record.MemBytes),
		"cohort": map[string]any{
			"type": record.Cohort.Type, "member_id": record.Cohort.MemberID,
			"control_available": record.Cohort.ControlAvailable,
		},
		"status": map[string]any{
			"state":      status.State,
			"updated_at": status.UpdatedAt.Format(time.RFC3339),
			"components": components,
		},
		"default_pgedge_version":    version,
		"supported_pgedge_versions": []any{version},
	}
	if a.settings.older {
		described["hostname"], described["ipv4_address"] = record.Hostname, record.IPv4Address
	} else {
		described["peer_addresses"] = record.PeerAddresses
		described["client_addresses"] = record.ClientAddresses
		described["etcd_mode"] = record.EtcdMode
	}
	return described
}

func (a *app) postgresVersion() string {
	if a.settings.older {
		return postgresOlder
	}
	return postgresNewer
}

// getHost reads one record; an unknown id is errNotFound.
func (a *app) getHost(ctx context.Context, id string) (map[string]any, error) {
	record, err := get[storedHost](ctx, a.node.client, hostPrefix+id)
	if err != nil {
		return nil, fmt.Errorf("failed to fetch hosts from storage: %w", err)
	}
	status, err := get[storedStatus](ctx, a.node.client, statusPrefix+id)
	if err != nil && !errors.Is(err, errNotFound) {
		return nil, fmt.Errorf("failed to fetch host statuses from storage: %w", err)
	}
	return a.describeHost(record, status), nil
}

// removeHost is the last step of a removal: etcd member, credentials, record and status.
func (a *app) removeHost(ctx context.Context, client *clientv3.Client, id string) error {
	if err := removeMember(ctx, client, id); err != nil {
		return fmt.Errorf("failed to remove host from etcd: %w", err)
	}
	if err := removeCredentials(ctx, client, id); err != nil {
		return fmt.Errorf("failed to remove host from etcd: %w", err)
	}
	for _, key := range []string{hostPrefix + id, statusPrefix + id} {
		if err := remove(ctx, client, key); err != nil {
			return fmt.Errorf("failed to remove host from host service: %w", err)
		}
	}
	return nil
}
