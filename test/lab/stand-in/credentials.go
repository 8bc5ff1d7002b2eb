package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// credentials are what a host needs to take part: etcd user, password and certificates (PEM).
type credentials struct {
	username, password    string
	ca                    string
	userCert, userKey     string
	serverCert, serverKey string
}

// hostIdentity is a host that asks for credentials; server: it runs an etcd server.
type hostIdentity struct {
	id        string
	addresses []string
	server    bool
}

func hostUser(hostID string) string { return "host-" + hostID }

// certificateNames are the addresses the etcd server certificate is issued for.
func (s *settings) certificateNames() []string {
	if s.older {
		return append([]string{s.hostname}, s.addresses...)
	}
	return s.addresses
}

// createCredentials makes etcd user and certificates of a host; an existing user gets a new
// password.
func createCredentials(
	ctx context.Context, client *clientv3.Client, authority *authority, host hostIdentity,
) (credentials, error) {
	made := credentials{
		username: hostUser(host.id), password: newPassword(), ca: authority.certificatePEM(),
	}
	_, err := client.UserAdd(ctx, made.username, made.password)
	if errors.Is(err, rpctypes.ErrUserAlreadyExist) {
		_, err = client.UserChangePassword(ctx, made.username, made.password)
	}
	if err != nil {
		return made, fmt.Errorf("failed to create host user: %w", err)
	}
	if _, err := client.UserGrantRole(ctx, made.username, "root"); err != nil {
		return made, fmt.Errorf("failed to grant role to user: %w", err)
	}
	user, err := authority.issue(ctx, client, userPrincipalID(host.id), "", nil)
	if err != nil {
		return made, fmt.Errorf("failed to create cert for etcd host user: %w", err)
	}
	made.userCert, made.userKey = user.certificate, user.key
	if host.server {
		return made, made.addServer(ctx, client, authority, host)
	}
	return made, nil
}

// addServer issues the etcd server certificate for the host's addresses, 127.0.0.1 and localhost.
func (c *credentials) addServer(
	ctx context.Context, client *clientv3.Client, authority *authority, host hostIdentity,
) error {
	names := append([]string{"127.0.0.1", "localhost"}, host.addresses...)
	server, err := authority.issue(ctx, client, serverPrincipalID(host.id), host.id, sorted(names))
	if err != nil {
		return fmt.Errorf("failed to create cert for etcd server: %w", err)
	}
	c.serverCert, c.serverKey = server.certificate, server.key
	return nil
}

// removeCredentials takes a host's etcd user and certificates away.
func removeCredentials(ctx context.Context, client *clientv3.Client, hostID string) error {
	_, err := client.UserDelete(ctx, hostUser(hostID))
	if err != nil && !errors.Is(err, rpctypes.ErrUserNotFound) {
		return fmt.Errorf("failed to remove host user: %w", err)
	}
	for _, id := range []string{userPrincipalID(hostID), serverPrincipalID(hostID)} {
		if err := remove(ctx, client, "/principals/"+id); err != nil {
			return err
		}
	}
	return nil
}

// keep writes certificates and generated.config.json. The mode asked for is written here, before
// anything has been joined: a join that fails afterwards leaves a host that counts as new.
func (s *settings) keep(c credentials) error {
	if err := os.MkdirAll(s.certificate(""), 0o700); err != nil {
		return fmt.Errorf("failed to write credentials: %w", err)
	}
	for _, file := range []struct {
		name, content string
		mode          os.FileMode
	}{
		{"ca.crt", c.ca, 0o644},
		{"etcd-user.crt", c.userCert, 0o644},
		{"etcd-user.key", c.userKey, 0o600},
		{"etcd-server.crt", c.serverCert, 0o644},
		{"etcd-server.key", c.serverKey, 0o600},
	} {
		if file.content == "" {
			continue
		}
		if err := os.WriteFile(s.certificate(file.name), []byte(file.content), file.mode); err != nil {
			return fmt.Errorf("failed to write credentials: %w", err)
		}
	}
	mode, endpoints := s.mode(), s.endpoints()
	return s.update(func(g *generatedConfig) {
		g.EtcdUsername, g.EtcdPassword = c.username, c.password
		g.EtcdMode, g.EtcdServer = mode, s.serverConfig()
		g.EtcdClient = &etcdClientConfig{Endpoints: endpoints, LogLevel: "fatal"}
	})
}
