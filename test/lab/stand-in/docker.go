package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// dockerInfo is what the stand-in reads of `docker info`.
type dockerInfo struct {
	Containers        int
	ContainersRunning int
	ContainersPaused  int
	ContainersStopped int
	NCPU              int
	MemTotal          uint64
	Swarm             struct {
		NodeID           string
		LocalNodeState   string
		ControlAvailable bool
		Error            string
	}
}

// askDocker gets path from the Docker engine's socket into answer.
func askDocker(ctx context.Context, path string, answer any) error {
	socket := strings.TrimPrefix(environment("DOCKER_HOST", "unix:///var/run/docker.sock"), "unix://")
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("docker answers %s with %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

func readDocker(ctx context.Context) (dockerInfo, error) {
	var info dockerInfo
	if err := askDocker(ctx, "/info", &info); err != nil {
		return info, fmt.Errorf("failed to get docker info: %w", err)
	}
	return info, nil
}

// openDocker is the check at init, join and start: an engine, a default bridge with a gateway, an
// active swarm. A joining host has been promoted to voter before it comes here.
func openDocker(ctx context.Context) (dockerInfo, error) {
	info, err := readDocker(ctx)
	if err != nil {
		return info, err
	}
	var bridge struct {
		IPAM struct {
			Config []struct{ Gateway string }
		}
	}
	if err := askDocker(ctx, "/networks/bridge", &bridge); err != nil {
		return info, fmt.Errorf("failed to inspect the default bridge network: %w", err)
	}
	if len(bridge.IPAM.Config) == 0 {
		return info, fmt.Errorf("failed to extract bridge network info: no IPAM configs found")
	}
	if _, err := netip.ParseAddr(bridge.IPAM.Config[0].Gateway); err != nil {
		return info, fmt.Errorf("failed to extract bridge network info: failed to parse gateway: %w", err)
	}
	if state := info.Swarm.LocalNodeState; state != "active" {
		return info, fmt.Errorf("docker swarm mode is not active - current state: %s", state)
	}
	return info, nil
}

// dockerHealth is the docker component of a host's status.
func dockerHealth(info dockerInfo) component {
	return component{
		Name:    "docker",
		Healthy: info.Swarm.LocalNodeState == "active",
		Error:   info.Swarm.Error,
		Details: map[string]any{
			"containers":              info.Containers,
			"containers_running":      info.ContainersRunning,
			"containers_stopped":      info.ContainersStopped,
			"containers_paused":       info.ContainersPaused,
			"swarm.local_node_state":  info.Swarm.LocalNodeState,
			"swarm.control_available": info.Swarm.ControlAvailable,
			"swarm.error":             info.Swarm.Error,
		},
	}
}
